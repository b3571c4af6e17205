internal import Accounting
internal import ArgumentParser

/// `weir reconcile --period PERIOD`.
struct ReconcileCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reconcile", abstract: "Show how a period ties out to its bill.",
    discussion: "Exits with 1 when something is left unexplained.")

  @Option(help: "The period, YYYY-MM.")
  var period: String

  @OptionGroup var connection: ConnectionOptions

  func validate() throws { try PeriodArgument.check(period) }

  func run() throws {
    let answer = try connection.client().json(.init(path: "/v1/periods/\(period)/reconciliation"))
    if connection.json {
      Output.json(answer)
    } else {
      print("period \(period), \(JSONText.text(answer, "state"))")
      CloseText.table(answer["summary"])
      CloseText.reconciliation(answer["reconciliation"])
      CloseText.corrections(answer["corrections"])
    }
    guard answer["reconciliation"]?["ties_out"] == .bool(true) else { throw ExitCode(1) }
  }
}
