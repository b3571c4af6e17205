internal import ArgumentParser

/// `weir export --format FORMAT --period PERIOD`.
struct ExportCommand: ParsableCommand {
  /// The forms of an export.
  enum Format: String, ExpressibleByArgument, CaseIterable {
    /// FOCUS 1.4 allocated charges.
    case focus
    /// CSV with accounts of the general ledger.
    case journal
    /// A journal of hledger.
    case hledger
    /// A file of Beancount.
    case beancount
    /// Entries as JSON Lines.
    case jsonl
  }

  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Write a closed period for other programs.",
    discussion: """
      focus: allocated charges as FOCUS 1.4 cost and usage; journal: CSV with the accounts of your \
      general ledger, from --mapping; hledger and beancount: text for these programs; jsonl: the \
      ledger's entries, one a line.
      """)

  @Option(help: "focus, journal, hledger, beancount or jsonl.")
  var format: Format

  @Option(help: "The period, YYYY-MM.")
  var period: String

  @Option(help: "For journal: a YAML file that maps accounts to the general ledger.")
  var mapping: String?

  @Option(help: "For focus: a version of the statements other than the latest.")
  var version: Int?

  @Option(name: .shortAndLong, help: "The file to write; standard output by default.")
  var output: String?

  @OptionGroup var connection: ConnectionOptions

  func validate() throws {
    try PeriodArgument.check(period)
    guard (format == .journal) == (mapping != nil) else {
      throw ValidationError("--mapping goes with --format journal, and journal needs it.")
    }
  }

  func run() throws {
    var call = APIClient.Call(
      path: "/v1/periods/\(period)/exports/\(format.rawValue)",
      query: [("version", version.map(String.init))], accept: "*/*")
    if let mapping {
      call.method = "POST"
      call.body = try LocalFile.bytes(mapping)
      call.contentType = "application/yaml"
    }
    try connection.client().save(call, to: output)
    if let output { print("wrote \(output)") }
  }
}
