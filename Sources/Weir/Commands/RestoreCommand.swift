internal import Accounting
internal import Allocator
internal import ArgumentParser
internal import Store

/// `weir restore FILE --store PATH`.
struct RestoreCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore", abstract: "Put a backup to use, or try whether it could be.",
    discussion: """
      Checks every page of the file, gives the copy a new epoch so that proxies offer again what \
      it lacks, compares its ledger with the seals in the folder of PATH, and verifies ledger \
      and audit trail. At a path in an empty folder it is a drill.
      """)

  @Argument(help: "The backup.")
  var file: String

  @Option(help: "Where the store shall lie; nothing may be there yet.")
  var store: String

  @Flag(help: "Print the verification as JSON.")
  var json = false

  func run() async throws {
    do {
      let restored = try await EmbeddedStore.restore(
        from: file, to: store, by: WallClock.user(), at: WallClock.now())
      let answer = LedgerDocument.json(
        try await restored.ledger.verify(), try await restored.audit.verify())
      try restored.close()
      if json {
        Output.json(answer)
      } else {
        print(
          """
          \(store): restored, epoch \(restored.epoch), \(JSONText.text(answer, "entries")) ledger \
          entries, \(JSONText.text(answer, "fault_count")) faults
          """)
      }
      guard answer["sound"] == .bool(true) else { throw ExitCode(1) }
    } catch let error as StoreError {
      throw CommandFailure.failed(error.description)
    }
  }
}
