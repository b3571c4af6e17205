internal import ArgumentParser
internal import Foundation

/// `weir`: the allocator, and the commands of its operator.
@main
struct Program: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "weir",
    abstract: "Turns metered traffic and cloud bills into statements for each tenant.",
    discussion: """
      Exit codes: 0 done; 1 refused, blocked or failed; 2 wrong usage; 3 the allocator was not \
      reached.
      Commands find the allocator by --server or WEIR_SERVER, and their token by --token-file or \
      WEIR_TOKEN_FILE.
      """,
    version: "weir 0.1.0",
    subcommands: [
      AllocatorCommand.self, ImportCommand.self, ImportsCommand.self, PolicyCommand.self,
      SoftCloseCommand.self, CloseCommand.self, ApproveCommand.self, OrdersCommand.self,
      WithdrawCommand.self, RestateCommand.self, LateCommand.self, AdjustCommand.self,
      WriteOffCommand.self, DisputeCommand.self, SealCommand.self,
      StatementCommand.self, StatementsCommand.self, ExportCommand.self, ReconcileCommand.self,
      LedgerCommand.self,
      UsageCommand.self, StatusCommand.self, PeriodsCommand.self, TokenCommand.self,
      TenantsCommand.self, SKUsCommand.self, DriversCommand.self, RatesCommand.self,
      WhyCommand.self, BackupCommand.self,
      RestoreCommand.self,
    ])

  /// Runs the command that the arguments name, and ends the process with its exit code.
  static func main() async {
    do {
      var command = try parseAsRoot()
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
    } catch let failure as CommandFailure {
      Output.complain("weir: \(failure)")
      Foundation.exit(failure.exitCode)
    } catch {
      finish(error)
    }
  }

  /// Help and version go out with 0, wrong usage with 2, an exit code of a command as it is.
  private static func finish(_ error: any Error) -> Never {
    let code = exitCode(for: error)
    let message = fullMessage(for: error)
    if !message.isEmpty {
      if code.isSuccess { print(message) } else { Output.complain(message) }
    }
    Foundation.exit(code == .validationFailure ? 2 : code.rawValue)
  }
}
