internal import Accounting
internal import ArgumentParser

/// `weir statements --period PERIOD`.
struct StatementsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "statements", abstract: "List the statements of a period.")

  @Option(help: "The period, YYYY-MM.")
  var period: String

  @OptionGroup var connection: ConnectionOptions

  func validate() throws { try PeriodArgument.check(period) }

  func run() throws {
    let answer = try connection.client().json(.init(path: "/v1/periods/\(period)/statements"))
    if connection.json { return Output.json(answer) }
    var table = TextTable(["TENANT", "VERSION", "TOTAL", "CURRENCY"], figures: [1, 2])
    for heading in JSONText.list(answer, "statements") {
      table.add(["tenant", "version", "total", "currency"].map { JSONText.text(heading, $0) })
    }
    print(table.text)
  }
}
