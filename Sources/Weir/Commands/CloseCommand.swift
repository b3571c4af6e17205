internal import Accounting
internal import ArgumentParser

/// `weir close PERIOD`.
struct CloseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "close", abstract: "Close a period, or say why it cannot close.",
    discussion: """
      Closing freezes usage, costs, register and policy, posts to the ledger and issues \
      statements. Where two people are asked for (the default), this asks, and another person \
      approves with `weir approve`. Some blockers can be taken on with --waive: period-not-over, \
      coverage-hole, batch-conflict, rows-quarantined, bill-open, bill-twice. Each is recorded.
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
    try CloseCall(period: period, verb: "close", dryRun: dryRun, reason: reason, waive: waive)
      .run(connection)
  }
}

/// What closing and restating have in common.
struct CloseCall {
  let period: String
  let verb: String
  let dryRun: Bool
  let reason: String?
  let waive: [String]
  var policy: String?

  /// Sends it and prints the answer; ends with 1 when something is in the way.
  func run(_ connection: ConnectionOptions) throws {
    var members: [JSONValue.Member] = [
      .init("dry_run", .bool(dryRun)), .init("reason", .string(reason ?? "")),
      .init("waive", .array(waive.map { .string($0) })),
    ]
    if let policy { members.append(.init("policy", .string(policy))) }
    let answer = try connection.client().json(
      .init(
        method: "POST", path: "/v1/periods/\(APIClient.escaped(period))/\(verb)",
        body: JSONValue.object(members).canonicalBytes, contentType: "application/json"))
    if connection.json {
      Output.json(answer)
    } else {
      CloseText.print(answer)
      OrderText.print(answer)
    }
    if !JSONText.list(answer, "blockers").isEmpty { throw ExitCode(1) }
  }
}
