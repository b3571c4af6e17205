internal import Accounting
internal import ArgumentParser

/// `weir soft-close PERIOD`.
struct SoftCloseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "soft-close", abstract: "Make provisional statements of a period.",
    discussion: """
      Provisional statements have version 0. Nothing is posted, and usage and costs still count as \
      they come in; a later soft close or the close replaces them.
      """)

  @Argument(help: "The period, YYYY-MM.")
  var period: String

  @Option(help: "Why, for the audit trail.")
  var reason: String

  @OptionGroup var connection: ConnectionOptions

  func validate() throws { try PeriodArgument.check(period) }

  func run() throws {
    let body = JSONValue.object([.init("reason", .string(reason))])
    let answer = try connection.client().json(
      .init(
        method: "POST", path: "/v1/periods/\(period)/soft-close", body: body.canonicalBytes,
        contentType: "application/json"))
    if connection.json { return Output.json(answer) }
    print("period \(period) is soft-closed: its statements are provisional (version 0)")
    for blocker in JSONText.list(answer, "blockers") {
      print(
        "  before a close  \(JSONText.text(blocker, "code")): "
          + TextTable.printable(JSONText.text(blocker, "message")))
    }
    CloseText.table(answer["summary"])
    CloseText.reconciliation(answer["reconciliation"])
  }
}
