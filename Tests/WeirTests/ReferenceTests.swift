import ArgumentParser
import Foundation
import Testing

@testable import Weir

@Suite struct ReferenceTests {
  @Test func `the reference of commands has every command`() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let text = try String(
      contentsOf: root.appendingPathComponent("docs/reference/commands.md"), encoding: .utf8)

    for command in Program.configuration.subcommands {
      let inner = command.configuration.subcommands
      let name = command.configuration.commandName ?? ""
      let names =
        inner.isEmpty ? [name] : inner.map { "\(name) \($0.configuration.commandName ?? "")" }
      for name in names {
        #expect(
          text.contains("| `weir \(name) ") || text.contains("| `weir \(name)`"), "\(name)")
      }
    }
  }
}
