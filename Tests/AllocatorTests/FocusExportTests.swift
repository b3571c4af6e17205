import Accounting
import Foundation
import Testing

@testable import Allocator

/// The FOCUS export under rules of FOCUS 1.4, checked by a linter of our own (`FocusLint.py`).
@Suite struct FocusExportTests {
  static let lint = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("FocusLint.py").path

  @Test func `the export passes the linter and sums to the ledger`() async throws {
    try await ExportTests.month { allocator in
      let answer = try await ExportTests.export(allocator, "focus")
      if let folder = ProcessInfo.processInfo.environment["WEIR_FOCUS"] {
        try Data(answer.body).write(to: URL(fileURLWithPath: folder + "/focus.csv"))
      }
      let report = try StatementPDFTests.run("python3", [Self.lint, "-"], input: answer.body)
      #expect(report.contains("faults=0"), "\(report)")

      // The other linter is no part of the tests' packages: docs/reference/exports.md has its command.
      if let toolkit = ProcessInfo.processInfo.environment["WEIR_FOCUS_TOOLKIT"] {
        let file = allocator.folder.appendingPathComponent("focus.csv")
        try Data(answer.body).write(to: file)
        let words = try StatementPDFTests.run(
          toolkit, ["validate", "--dataset", "cost-and-usage", file.path], input: [])
        #expect(words.contains("STRUCTURAL_VALID, SEMANTIC_VALID"), "\(words)")
      }
      let wanted = try await ExportTests.balances(allocator).filter { !$0.key.hasPrefix("cost:") }
      for (account, balance) in wanted {
        let owner = account.hasPrefix("tenant:") ? String(account.dropFirst(7)) : account
        #expect(report.contains("sum \(owner) \(balance)\n"), "\(account) \(balance): \(report)")
      }
    }
  }

  @Test(
    arguments: [
      (#""AllocatedRatio":0.3"#, #""AllocatedRatio":0.4"#, "ratios"),
      ("2026-10-01T00:00:00Z", "2026-10-01", "BillingPeriodStart"),
      (",Compute,", ",Computing,", "ServiceCategory"), (",USD,", ",Dollar,", "BillingCurrency"),
      (",Usage-Based,", ",Sometimes,", "ChargeFrequency"),
    ])
  func `the linter notices what breaks a rule`(
    part: String, other: String, fault: String
  ) async throws {
    try await ExportTests.month { allocator in
      let text = try await ExportTests.export(allocator, "focus").text
        .replacing("\"\"", with: "\u{1}").replacing("\u{1}", with: "\"\"")
      let broken = text.replacing(
        part.replacing("\"", with: "\"\""), with: other.replacing("\"", with: "\"\""))
      #expect(broken != text, "\(part) is not in the export")

      let report = try StatementPDFTests.run(
        "python3", [Self.lint, "-", "--exit-zero"], input: Array(broken.utf8))
      #expect(report.contains(fault) && !report.contains("faults=0"), "\(report.prefix(2000))")
    }
  }
}
