internal import Accounting
internal import ArgumentParser

/// `weir statements --period PERIOD`.
struct StatementsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "statements", abstract: "List the statements of a period, or pack them all.",
    discussion: """
      With --zip, all statements go into one archive with a manifest of SHA-256 hashes; unpacked, \
      `sha256sum -c sums.sha256` checks them. PDFs that nobody asked for before are made and archived \
      on the way, some hundred a second at most: leave pdf out of --forms where they are not wanted.
      """)

  @Option(help: "The period, YYYY-MM.")
  var period: String

  @Option(help: "A file for a ZIP archive of all statements.")
  var zip: String?

  @Option(help: "The forms in the archive, such as json,pdf (default: json,csv,html,pdf).")
  var forms: String?

  @Option(help: "A version other than the latest.")
  var version: Int?

  @OptionGroup var connection: ConnectionOptions

  func validate() throws {
    try PeriodArgument.check(period)
    guard zip != nil || forms == nil else { throw ValidationError("--forms goes with --zip.") }
  }

  func run() throws {
    let version = version.map(String.init)
    if let zip {
      try connection.client().save(
        .init(
          path: "/v1/periods/\(period)/statements-zip",
          query: [("forms", forms), ("version", version)]), to: zip)
      return print("wrote \(zip)")
    }
    let answer = try connection.client().json(
      .init(path: "/v1/periods/\(period)/statements", query: [("version", version)]))
    if connection.json { return Output.json(answer) }
    var table = TextTable(["TENANT", "VERSION", "TOTAL", "CURRENCY"], figures: [1, 2])
    for heading in JSONText.list(answer, "statements") {
      table.add(["tenant", "version", "total", "currency"].map { JSONText.text(heading, $0) })
    }
    print(table.text)
  }
}
