internal import Accounting
internal import ArgumentParser

/// `weir periods`.
struct PeriodsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "periods", abstract: "List the periods that have usage, costs or statements.")

  @OptionGroup var connection: ConnectionOptions

  func run() throws {
    let answer = try connection.client().json(.init(path: "/v1/periods"))
    if connection.json { return Output.json(answer) }
    var table = TextTable(
      ["PERIOD", "STATE", "VERSION", "CLOSED", "BY", "APPROVED BY"], figures: [2])
    for period in JSONText.list(answer, "periods") {
      let close = period["close"]
      table.add(
        ["period", "state", "version"].map { JSONText.text(period, $0) }
          + [
            JSONText.text(close, "at"), JSONText.text(close, "by"),
            JSONText.text(close, "approved_by"),
          ])
    }
    print(table.text)
  }
}
