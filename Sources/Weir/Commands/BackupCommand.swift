internal import Accounting
internal import ArgumentParser
internal import Store

/// `weir backup FILE`.
struct BackupCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backup", abstract: "Copy the store to a file while it is in use.",
    discussion: """
      Through the API, or with --store on the machine of the store, which a running server does \
      not mind and which does not take the copy into memory.
      """)

  @Argument(help: "The new file.")
  var file: String

  @Option(help: "A store to open instead of asking the allocator.")
  var store: String?

  @OptionGroup var connection: ConnectionOptions

  func run() async throws {
    if let store {
      try await LocalStore.use(store) { open in
        try await open.audit.append(
          AuditRecord(
            at: WallClock.now(), actor: WallClock.user(), action: .backup, subject: file))
        try await open.backup(to: file)
      }
    } else {
      try Output.write(try connection.client().bytes(.init(path: "/v1/backup")), to: file)
    }
    print("wrote \(file); try it with `weir restore \(file) --store A-NEW-PATH`")
  }
}
