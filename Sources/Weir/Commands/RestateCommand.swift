internal import ArgumentParser

/// `weir restate PERIOD`.
struct RestateCommand: ParsableCommand {
  /// Under which policy.
  enum PolicyChoice: String, ExpressibleByArgument, CaseIterable {
    /// The one that the close froze.
    case frozen
    /// The one that is in force now.
    case current
  }

  static let configuration = CommandConfiguration(
    commandName: "restate",
    abstract: "Reverse a closed period and post it again as a new version.",
    discussion: """
      Takes in the usage and the costs that came late. The version before stays readable. Where \
      two people are asked for (the default), this asks, and another person approves with \
      `weir approve`.
      """)

  @Argument(help: "The period, YYYY-MM.")
  var period: String

  @Flag(help: "Only say what would happen.")
  var dryRun = false

  @Option(help: "Why, for the ledger. Needed unless --dry-run.")
  var reason: String?

  @Option(help: "A blocker to take on; may be repeated.")
  var waive: [String] = []

  @Option(help: "frozen (the policy of the close) or current.")
  var policy: PolicyChoice = .frozen

  @OptionGroup var connection: ConnectionOptions

  func validate() throws {
    try PeriodArgument.check(period)
    guard dryRun || reason != nil else {
      throw ValidationError("A restatement needs --reason; see `weir restate --help`.")
    }
  }

  func run() throws {
    try CloseCall(
      period: period, verb: "restate", dryRun: dryRun, reason: reason, waive: waive,
      policy: policy.rawValue
    ).run(connection)
  }
}
