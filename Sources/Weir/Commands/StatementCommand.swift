internal import ArgumentParser

/// `weir statement TENANT --period PERIOD`.
struct StatementCommand: ParsableCommand {
  /// The forms of a statement.
  enum Form: String, ExpressibleByArgument, CaseIterable {
    /// The document itself.
    case json
    /// One row a line.
    case csv
    /// One page.
    case html
    /// A4 pages, as archived when first made.
    case pdf
  }

  static let configuration = CommandConfiguration(
    commandName: "statement", abstract: "Fetch one tenant's statement.")

  @Argument(help: "The tenant.")
  var tenant: String

  @Option(help: "The period, YYYY-MM.")
  var period: String

  @Option(help: "json, csv, html or pdf.")
  var format: Form = .json

  @Option(help: "A version other than the latest.")
  var version: Int?

  @Option(name: .shortAndLong, help: "The file to write; standard output by default.")
  var output: String?

  @OptionGroup var connection: ConnectionOptions

  func validate() throws { try PeriodArgument.check(period) }

  func run() throws {
    let tenant = APIClient.escaped(tenant)
    let bytes = try connection.client().bytes(
      .init(
        path: "/v1/periods/\(period)/statements/\(tenant)",
        query: [
          ("format", connection.json ? "json" : format.rawValue),
          ("version", version.map(String.init)),
        ]))
    try Output.write(bytes, to: output)
    if let output { print("wrote \(output)") }
  }
}
