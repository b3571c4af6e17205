internal import Accounting
internal import ArgumentParser

/// `weir import FILE --source NAME`.
struct ImportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import", abstract: "Import a FOCUS cost and usage file, plain or gzip.",
    discussion: """
      A later file of the same source replaces the billing periods that it holds. The same file \
      again changes nothing. Rows with faults go to quarantine and are listed; the others count.
      """)

  @Argument(help: "The file.")
  var file: String

  @Option(help: "The name under which a later file replaces this one, for example aws.")
  var source: String

  @OptionGroup var connection: ConnectionOptions

  func run() throws {
    let answer = try connection.client().json(
      .init(
        method: "POST", path: "/v1/costs", query: [("source", source)],
        body: try LocalFile.bytes(file), contentType: "text/csv"))
    if connection.json { return Output.json(answer) }
    let unchanged = answer["status"]?.asString == "unchanged"
    print(
      """
      import \(JSONText.text(answer, "id")) of \(source): \
      \(unchanged ? "unchanged, it was imported before" : "stored"), \
      FOCUS \(JSONText.text(answer, "focus_version")), \
      \(JSONText.text(answer, "rows_good")) rows good, \
      \(JSONText.text(answer, "rows_quarantined")) in quarantine
      """)
    var totals = TextTable(
      ["PERIOD", "CURRENCY", "RECORDS", "BILLED", "EFFECTIVE"], figures: [2, 3, 4])
    for total in JSONText.list(answer, "totals") {
      totals.add(
        ["period", "currency", "records", "billed", "effective"].map { JSONText.text(total, $0) })
    }
    print(totals.text)
    for fault in JSONText.list(answer, "faults") {
      let parts = ["line", "column", "reason", "value"].map {
        TextTable.printable(JSONText.text(fault, $0))
      }
      print("line \(parts[0]): \(parts[1]): \(parts[2]) (found \(parts[3]))")
    }
  }
}
