internal import Accounting
internal import ArgumentParser

/// `weir close PERIOD`.
struct CloseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "close", abstract: "Close a period, or say why it cannot close.",
    discussion: """
      Closing freezes usage, costs, register and policy, posts to the ledger and issues \
      statements. Some blockers can be taken on with --waive: period-not-over, coverage-hole, \
      batch-conflict, rows-quarantined. Each is recorded.
      """)

  @Argument(help: "The period, YYYY-MM.")
  var period: String

  @Flag(help: "Only say what would happen.")
  var dryRun = false

  @Option(help: "Why, for the ledger. Needed unless --dry-run.")
  var reason: String?

  @Option(help: "A blocker to take on; may be repeated.")
  var waive: [String] = []

  @OptionGroup var connection: ConnectionOptions

  func validate() throws {
    try PeriodArgument.check(period)
    guard dryRun || reason != nil else {
      throw ValidationError("A close needs --reason; see `weir close --help`.")
    }
  }

  func run() throws {
    let body = JSONValue.object([
      .init("dry_run", .bool(dryRun)), .init("reason", .string(reason ?? "")),
      .init("waive", .array(waive.map { .string($0) })),
    ])
    let answer = try connection.client().json(
      .init(
        method: "POST", path: "/v1/periods/\(APIClient.escaped(period))/close",
        body: body.canonicalBytes, contentType: "application/json"))
    if connection.json {
      Output.json(answer)
    } else {
      CloseText.print(answer)
    }
    if !JSONText.list(answer, "blockers").isEmpty { throw ExitCode(1) }
  }
}
