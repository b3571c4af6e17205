internal import Accounting
internal import Allocator
internal import ArgumentParser
internal import Store

/// `weir ledger verify`.
struct LedgerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ledger", abstract: "Verify the ledger.", subcommands: [Verify.self])

  /// `weir ledger verify [--store PATH]`.
  struct Verify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "verify",
      abstract: "Walk the chain, re-add every balance, compare with closes and seals.",
      discussion: """
        Exits with 1 when anything is wrong. With --store no server is needed. With --seal the \
        store, or a folder of statements as JSON, is compared with a seal that was kept elsewhere.
        """)

    @Option(help: "A store to open instead of asking the allocator.")
    var store: String?

    @Option(help: "A seal of `weir seal`, kept elsewhere; needs --store or --statements.")
    var seal: String?

    @Option(help: "With --seal: a folder that holds the period's statements, TENANT.json each.")
    var statements: String?

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
      guard seal == nil || store != nil || statements != nil else {
        throw ValidationError("--seal needs --store or --statements.")
      }
      guard statements == nil || seal != nil else {
        throw ValidationError("--statements needs --seal.")
      }
    }

    func run() async throws {
      if let seal, let statements {
        let faults = try SealedStatements.faults(folder: statements, seal: seal)
        try SealedStatements.report(faults, seal: seal)
        if store == nil { return }
      }
      if let seal, let store {
        let known = try SealedStatements.seal(seal)
        let faults = try await LocalStore.use(store) { open in
          try await open.periods.faults(against: known)
        }
        try SealedStatements.report(faults, seal: seal)
      }
      let answer = try await report()
      if connection.json { Output.json(answer) } else { show(answer) }
      guard answer["sound"] == .bool(true) else { throw ExitCode(1) }
    }

    private func report() async throws -> JSONValue {
      guard let store else {
        return try connection.client().json(.init(path: "/v1/ledger/verify"))
      }
      return try await LocalStore.use(store) { open in
        LedgerDocument.json(try await open.ledger.verify(), try await open.audit.verify())
      }
    }

    private func show(_ answer: JSONValue) {
      let isSound = answer["sound"] == .bool(true)
      print(
        """
        ledger \(isSound ? "sound" : "NOT SOUND"): \(JSONText.text(answer, "entries")) entries, \
        head \(JSONText.text(answer, "head")), \
        \(JSONText.text(answer, "audit_records")) audit records, \
        \(JSONText.text(answer, "fault_count")) faults
        """)
      for fault in JSONText.list(answer, "faults") {
        print("  \(TextTable.printable(JSONText.plain(fault)))")
      }
    }
  }
}
