internal import Accounting
internal import ArgumentParser

/// `weir import PATH --source NAME`.
struct ImportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Import a bill: FOCUS, AWS, Azure, Google, OpenCost, or any CSV through a map.",
    discussion: """
      The path is a file, a folder (all its files are one import) or - for standard input; \
      plain, gzip or zstd. The form is told by the file; --format says it, and --map gives one \
      that you wrote (config/cost-map.example.yaml). A later import of the same source replaces \
      the billing periods that it holds and shows what changed. The same file again changes \
      nothing. Rows with faults go to quarantine and are listed; the others count.
      """)

  @Argument(help: "The file, the folder, or -.")
  var path: String

  @Option(help: "The name under which a later import replaces this one, for example aws.")
  var source: String

  @Option(
    help: """
      focus, focus-invoice-detail, focus-billing-period, aws-cur-2, azure-cost-details, \
      google-detailed or opencost (default: told by the file).
      """)
  var format: String?

  @Option(help: "A file that maps columns to fields, for forms that Weir does not know.")
  var map: String?

  @Option(help: "The currency of an OpenCost answer, which names none.")
  var currency: String?

  @OptionGroup var connection: ConnectionOptions

  func run() throws {
    let files = try CostFiles(path)
    let client = try connection.client()
    var digest: String?
    if let map {
      let kept = try client.json(
        .init(
          method: "POST", path: "/v1/costs/maps", body: try LocalFile.bytes(map),
          contentType: "application/yaml"))
      digest = kept["sha256"]?.asString
    }
    let answer = try client.json(
      .init(
        method: "POST", path: "/v1/costs",
        query: [
          ("source", source), ("format", format), ("map", digest), ("currency", currency),
        ],
        contentType: files.isFramed
          ? "application/vnd.weir.files" : "application/octet-stream"), streaming: files.next)
    if connection.json { return Output.json(answer) }
    ImportText.printImport(answer)
  }
}
