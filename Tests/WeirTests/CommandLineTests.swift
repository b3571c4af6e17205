import ArgumentParser
import Foundation
import Testing

@testable import Weir

@Suite struct CommandLineTests {
  @Test(arguments: [
    ["allocator", "--config", "a.yaml"], ["import", "f.csv", "--source", "aws"],
    ["policy", "check", "p.yaml"], ["policy", "set", "p.yaml"], ["policy", "show"],
    ["close", "2026-10", "--dry-run"],
    ["close", "2026-10", "--reason", "r", "--waive", "coverage-hole", "--waive", "batch-conflict"],
    ["statement", "acme", "--period", "2026-10", "--format", "html", "-o", "x.html"],
    ["statements", "--period", "2026-10", "--json"], ["reconcile", "--period", "2026-10"],
    ["ledger", "verify", "--store", "x"],
    ["usage", "--from", "2026-10-01", "--to", "2026-11-01", "--by", "tenant,route"], ["status"],
    ["periods"], ["token", "create", "--role", "ingest", "--store", "x"], ["token", "revoke", "a"],
    ["token", "list"], ["tenants", "import", "t.csv"], ["tenants", "list"], ["backup", "b"],
    ["restore", "b", "--store", "x"], ["soft-close", "2026-10", "--reason", "r"],
    ["restate", "2026-10", "--reason", "r", "--policy", "current"], ["orders", "--all"],
    ["approve", "3"], ["withdraw", "3"], ["late", "2026-10"], ["seal", "2026-10", "-o", "s"],
    [
      "adjust", "--from", "tenant:acme", "--to", "platform:kept", "--amount", "1", "--currency",
      "USD", "--reference", "T-1", "--period", "2026-11", "--reason", "r",
    ],
    ["adjust", "late", "2026-10", "--period", "2026-11", "--reason", "r"],
    ["adjust", "reverse", "ab", "--period", "2026-11", "--dry-run"],
    ["adjust", "list", "--period", "2026-11"],
    [
      "write-off", "acme", "--amount", "1", "--currency", "USD", "--reference", "T-1", "--period",
      "2026-11", "--reason", "r",
    ],
    ["dispute", "open", "acme", "--period", "2026-10", "--text", "t", "--evidence", "f"],
    ["dispute", "answer", "1", "--text", "t"],
    ["dispute", "evidence", "1", "--text", "t", "--evidence", "f"],
    ["dispute", "resolve", "1", "--outcome", "upheld", "--text", "t", "--entry", "ab"],
    ["dispute", "list", "--all"], ["dispute", "show", "1"],
    ["ledger", "verify", "--seal", "s", "--store", "x"],
    ["ledger", "verify", "--seal", "s", "--statements", "d"],
  ])
  func `every command of the reference is understood`(_ arguments: [String]) throws {
    _ = try Program.parseAsRoot(arguments)
  }

  @Test(arguments: [
    ["close", "2026-13", "--dry-run"], ["close", "2026-10"], ["import", "f.csv"],
    ["statement", "acme"], ["token", "create", "--role", "king"], ["usage"],
    ["restore", "b"], ["nonsense"], ["ledger", "verify", "--seal", "s"],
    ["adjust", "late", "2026-10", "--period", "2026-11"], ["restate", "2026-10"],
    ["dispute", "open", "acme", "--period", "2026-10", "--text", "t", "--amount", "1"],
    ["usage", "--from", "a", "--to", "b", "--by", "colour"],
  ])
  func `wrong usage is refused before anything is sent`(_ arguments: [String]) {
    #expect(throws: (any Error).self) { try Program.parseAsRoot(arguments) }
  }

  @Test func `a table sets figures to the right and hides control characters`() {
    var table = TextTable(["NAME", "N"], figures: [1])
    table.add(["a\u{1B}[31m", "5"])
    table.add(["b", "1234"])

    #expect(table.text == "NAME       N\na?[31m     5\nb       1234")
  }

  @Test(arguments: [("acme", "acme"), ("a:b@c", "a%3Ab%40c"), ("../x", "..%2Fx"), ("ü", "%C3%BC")])
  func `parts of a path are escaped`(_ part: String, _ escaped: String) {
    #expect(APIClient.escaped(part) == escaped)
  }
}
