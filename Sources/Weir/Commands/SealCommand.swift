internal import Accounting
internal import ArgumentParser

/// `weir seal PERIOD`.
struct SealCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "seal", abstract: "Fetch the seal of a closed period, to be kept elsewhere.",
    discussion: """
      Keep it where nobody who can write the store can write. `weir ledger verify --seal FILE` \
      then tells whether the ledger and the statements are those that were sealed.
      """)

  @Argument(help: "The period, YYYY-MM.")
  var period: String

  @Option(help: "A version other than the latest.")
  var version: Int?

  @Option(name: .shortAndLong, help: "The file to write; standard output by default.")
  var output: String?

  @OptionGroup var connection: ConnectionOptions

  func validate() throws { try PeriodArgument.check(period) }

  func run() throws {
    let bytes = try connection.client().bytes(
      .init(path: "/v1/periods/\(period)/seal", query: [("version", version.map(String.init))]))
    try Output.write(bytes, to: output)
    if let output { print("wrote \(output)") }
  }
}
