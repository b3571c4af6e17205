internal import Accounting
internal import ArgumentParser
internal import Digest
internal import Foundation

/// `weir dispute open|answer|evidence|resolve|list|show`.
struct DisputeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dispute", abstract: "Open, answer and resolve objections to statements.",
    discussion: """
      A dispute never changes the ledger. Where the tenant was right, post an adjustment or \
      restate the period, and name the entry when you resolve.
      """,
    subcommands: [
      Open.self, Answer.self, Evidence.self, Resolve.self, List.self, Show.self,
    ])

  /// What every event says.
  struct Words: ParsableArguments {
    @Option(help: "What is said.")
    var text: String

    @Option(help: "A file that proves it. Its name and SHA-256 are kept; keep the file yourself.")
    var evidence: String?

    /// The members of the request.
    func members() throws -> [JSONValue.Member] {
      var members: [JSONValue.Member] = [.init("text", .string(text))]
      guard let evidence else { return members }
      let bytes = try LocalFile.bytes(evidence)
      members += [
        .init("evidence_name", .string(URL(fileURLWithPath: evidence).lastPathComponent)),
        .init("evidence_sha256", .string(SHA256.hash(bytes).hex)),
      ]
      return members
    }
  }

  /// `weir dispute open TENANT --period PERIOD --text TEXT`.
  struct Open: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "open", abstract: "Open a dispute about a statement.")

    @Argument(help: "Whose statement.")
    var tenant: String

    @Option(help: "The period, YYYY-MM.")
    var period: String

    @Option(help: "A version other than the latest.")
    var version: Int?

    @Option(help: "Which pool of it.")
    var pool: String?

    @Option(help: "How much is in dispute.")
    var amount: String?

    @Option(help: "Of which currency.")
    var currency: String?

    @OptionGroup var words: Words
    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
      try PeriodArgument.check(period)
      guard (amount == nil) == (currency == nil) else {
        throw ValidationError("--amount and --currency go together.")
      }
    }

    func run() throws {
      var members: [JSONValue.Member] = [
        .init("tenant", .string(tenant)), .init("period", .string(period)),
      ]
      if let version { members.append(.init("version", .integer(version))) }
      for (key, value) in [("pool", pool), ("amount", amount), ("currency", currency)] {
        if let value { members.append(.init(key, .string(value))) }
      }
      try DisputeText.send("/v1/disputes", members + words.members(), connection)
    }
  }

  /// `weir dispute answer ID --text TEXT`.
  struct Answer: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "answer", abstract: "Answer the tenant.")

    @Argument(help: "The dispute's number.")
    var id: Int

    @OptionGroup var words: Words
    @OptionGroup var connection: ConnectionOptions

    func run() throws {
      try DisputeText.send("/v1/disputes/\(id)/answer", words.members(), connection)
    }
  }

  /// `weir dispute evidence ID --text TEXT --evidence FILE`.
  struct Evidence: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "evidence", abstract: "Add evidence of either side.")

    @Argument(help: "The dispute's number.")
    var id: Int

    @OptionGroup var words: Words
    @OptionGroup var connection: ConnectionOptions

    func run() throws {
      try DisputeText.send("/v1/disputes/\(id)/evidence", words.members(), connection)
    }
  }

  /// `weir dispute resolve ID --outcome OUTCOME --text TEXT`.
  struct Resolve: ParsableCommand {
    /// How it ends.
    enum Outcome: String, ExpressibleByArgument, CaseIterable {
      /// The tenant was right.
      case upheld
      /// The statement stands.
      case rejected
      /// The tenant took it back.
      case withdrawn
    }

    static let configuration = CommandConfiguration(
      commandName: "resolve", abstract: "Resolve a dispute.")

    @Argument(help: "The dispute's number.")
    var id: Int

    @Option(help: "upheld, rejected or withdrawn.")
    var outcome: Outcome

    @Option(help: "The ledger entry that corrects it.")
    var entry: String?

    @OptionGroup var words: Words
    @OptionGroup var connection: ConnectionOptions

    func run() throws {
      var members = try words.members()
      members.append(.init("outcome", .string(outcome.rawValue)))
      if let entry { members.append(.init("entry", .string(entry))) }
      try DisputeText.send("/v1/disputes/\(id)/resolve", members, connection)
    }
  }

  /// `weir dispute list`.
  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "List disputes that are not resolved.",
      discussion: "Exits with 1 when there is one.")

    @Option(help: "Only of this period.")
    var period: String?

    @Option(help: "Only of this tenant.")
    var tenant: String?

    @Flag(help: "Also those that are resolved; then exits with 0.")
    var all = false

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
      let answer = try connection.client().json(
        .init(
          path: "/v1/disputes",
          query: [
            ("period", period), ("tenant", tenant), ("state", all ? nil : "unresolved"),
          ]))
      let disputes = JSONText.list(answer, "disputes")
      if connection.json { Output.json(answer) } else { DisputeText.table(disputes) }
      if !all, !disputes.isEmpty { throw ExitCode(1) }
    }
  }

  /// `weir dispute show ID`.
  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "show", abstract: "Show a dispute with everything that was said.")

    @Argument(help: "The dispute's number.")
    var id: Int

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
      let answer = try connection.client().json(.init(path: "/v1/disputes/\(id)"))
      if connection.json { Output.json(answer) } else { DisputeText.show(answer) }
    }
  }
}
