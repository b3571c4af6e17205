internal import Accounting
internal import ArgumentParser

/// `weir adjust`.
struct AdjustCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "adjust", abstract: "Post, undo or list adjustments.",
    discussion: """
      An adjustment is posted to a period that is not closed. Where two people are asked for (the \
      default), this asks, and another person approves with `weir approve`.
      """, subcommands: [Post.self, Late.self, Reverse.self, List.self],
    defaultSubcommand: Post.self)

  /// What every correction says.
  struct Terms: ParsableArguments {
    @Option(help: "The open period that is posted to, YYYY-MM.")
    var period: String

    @Option(help: "Why, for the ledger.")
    var reason: String?

    @Flag(help: "Only say what would be posted.")
    var dryRun = false

    func validate() throws {
      try PeriodArgument.check(period)
      guard dryRun || reason != nil else {
        throw ValidationError("A correction needs --reason, or --dry-run.")
      }
    }

    /// Sends a correction and prints the answer.
    func post(_ members: [JSONValue.Member], _ connection: ConnectionOptions) throws {
      let body = JSONValue.object(
        members + [
          .init("reason", .string(reason ?? "")), .init("dry_run", .bool(dryRun)),
        ])
      let answer = try connection.client().json(
        .init(
          method: "POST", path: "/v1/periods/\(period)/adjustments", body: body.canonicalBytes,
          contentType: "application/json"))
      if connection.json { Output.json(answer) } else { OrderText.corrections(answer) }
      if !JSONText.list(answer, "blockers").isEmpty { throw ExitCode(1) }
    }
  }

  /// How much is moved, and what its mover calls it.
  struct Sum: ParsableArguments {
    @Option(help: "How much, above zero.")
    var amount: String

    @Option(help: "Of which currency.")
    var currency: String

    @Option(help: "Your own name for it, such as a ticket; posted once in a period.")
    var reference: String

    /// The members of a request.
    var members: [JSONValue.Member] {
      [
        .init("amount", .string(amount)), .init("currency", .string(currency)),
        .init("reference", .string(reference)),
      ]
    }
  }

  /// `weir adjust --from ACCOUNT --to ACCOUNT --amount AMOUNT --currency CODE …`.
  struct Post: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "post", abstract: "Move an amount from one account to another.")

    @Option(help: "The account that gets less, such as tenant:acme or platform:kept.")
    var from: String

    @Option(help: "The account that gets more.")
    var to: String

    @OptionGroup var sum: Sum
    @OptionGroup var terms: Terms
    @OptionGroup var connection: ConnectionOptions

    func run() throws {
      try terms.post(
        [
          .init("kind", .string("adjust")), .init("from", .string(from)), .init("to", .string(to)),
        ] + sum.members, connection)
    }
  }

  /// `weir adjust late ORIGIN --period PERIOD`.
  struct Late: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "late", abstract: "Post what came late for a closed period.")

    @Argument(help: "The closed period, YYYY-MM.")
    var origin: String

    @OptionGroup var terms: Terms
    @OptionGroup var connection: ConnectionOptions

    func validate() throws { try PeriodArgument.check(origin) }

    func run() throws {
      try terms.post(
        [.init("kind", .string("late")), .init("origin", .string(origin))], connection)
    }
  }

  /// `weir adjust reverse ENTRY --period PERIOD`.
  struct Reverse: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "reverse", abstract: "Undo an adjustment or a write-off.")

    @Argument(help: "The entry's id, 64 hexadecimal digits.")
    var entry: String

    @OptionGroup var terms: Terms
    @OptionGroup var connection: ConnectionOptions

    func run() throws {
      try terms.post(
        [.init("kind", .string("reverse")), .init("entry", .string(entry))], connection)
    }
  }

  /// `weir adjust list --period PERIOD`.
  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "List what was posted in a period outside of its close.")

    @Option(help: "The period, YYYY-MM.")
    var period: String

    @OptionGroup var connection: ConnectionOptions

    func validate() throws { try PeriodArgument.check(period) }

    func run() throws {
      let answer = try connection.client().json(.init(path: "/v1/periods/\(period)/adjustments"))
      if connection.json { return Output.json(answer) }
      print("posted in \(period):")
      OrderText.entries(JSONText.list(answer, "posted_here"))
      print("posted later because of \(period):")
      OrderText.entries(JSONText.list(answer, "because_of_it"))
    }
  }
}

/// `weir write-off TENANT`.
struct WriteOffCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "write-off", abstract: "Write off what a tenant owes: the platform bears it.")

  @Argument(help: "The tenant.")
  var tenant: String

  @OptionGroup var sum: AdjustCommand.Sum
  @OptionGroup var terms: AdjustCommand.Terms
  @OptionGroup var connection: ConnectionOptions

  func run() throws {
    try terms.post(
      [
        .init("kind", .string("write-off")), .init("tenant", .string(tenant)),
      ] + sum.members, connection)
  }
}
