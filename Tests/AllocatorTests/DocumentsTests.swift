import Accounting
import Foundation
import Store
import Testing

@testable import Allocator

@Suite struct DocumentsTests {
  @Test func `the example configuration is the default`() throws {
    let example = try ConfigurationFile.configuration(
      try Repository.bytes("config/allocator.example.yaml"))

    #expect(example == AllocatorConfiguration())
  }

  @Test func `the example configuration names every key`() throws {
    let text = try Repository.text("config/allocator.example.yaml")
    for key in ConfigurationKey.all {
      let name = key.path.split(separator: ".").last ?? ""
      #expect(text.contains("\(name): \(key.standard)\n"), "\(key.path)")
    }
  }

  @Test func `the reference has every key with its default and meaning`() throws {
    let text = try Repository.text("docs/reference/allocator-configuration.md")
    for key in ConfigurationKey.all {
      #expect(
        text.contains("| `\(key.path)` | `\(key.standard)` | \(key.meaning) |"), "\(key.path)")
    }
    let rows = text.split(separator: "\n").filter { $0.hasPrefix("| `") }
    #expect(rows.count == ConfigurationKey.all.count)
  }

  @Test func `all faults of a configuration are named at once`() throws {
    let text = """
      listen: nowhere
      colour: red
      proxies:
        silence_seconds: soon
        expected: [edge-1, edge-1]
        patience: 3
      limits: []
      log_level: loud
      """

    let faults = #expect(throws: ConfigurationFaults.self) {
      try ConfigurationFile.configuration(Array(text.utf8))
    }

    let places = faults?.faults.map { $0.prefix { $0 != ":" } } ?? []
    #expect(
      places == [
        "listen", "colour", "proxies.silence_seconds", "proxies.expected", "proxies.patience",
        "limits", "log_level",
      ])
  }

  @Test(arguments: ["", "just words", "- a", "listen: [", "listen: a:1\nlisten: b:2"])
  func `a file that is no mapping is refused`(_ text: String) {
    #expect(throws: ConfigurationFaults.self) {
      try ConfigurationFile.configuration(Array(text.utf8))
    }
  }

  @Test func `the example policy is valid`() throws {
    let policy = try PolicyDocument.policy(try Repository.bytes("config/policy.example.yaml"))

    #expect(!policy.pools.isEmpty)
  }

  @Test func `a policy with aliases that explode is refused`() {
    var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in 1..<9 {
      let last = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
      text += "a\(level): &a\(level) [\(last)]\n"
    }

    #expect(throws: APIError.self) { try PolicyDocument.tree(Array(text.utf8)) }
  }

  @Test func `scalars of a policy keep the text of the source`() throws {
    let tree = try PolicyDocument.tree(Array("weight: 0.70\nquoted: \"~\"\nnone: ~\n".utf8))

    #expect(
      tree
        == PolicyNode(
          .map([
            .init("weight", PolicyNode(.scalar("0.70"), line: 1)),
            .init("quoted", PolicyNode(.scalar("~"), line: 2)),
            .init("none", PolicyNode(.null, line: 3)),
          ]), line: 1))
  }

  @Test func `the example register is read`() throws {
    let tenants = try TenantFile.tenants(
      try Repository.bytes("config/tenants.example.csv"), now: RunningAllocator.now)

    #expect(tenants.map(\.id) == ["acme", "bolt", "core"])
    #expect(tenants.map(\.name) == ["Acme Ltd", "Bolt, Inc.", "Core GmbH"])
    #expect(tenants.map(\.plan) == ["gold", "silver", ""])
  }

  @Test func `every fault of a register is named with its line`() {
    let text = "id,name\nacme,A\n~unattributed,B\nacme,C\nbolt\n\n\"mul\nti\",x\n"

    let refusal = #expect(throws: APIError.self) {
      try TenantFile.tenants(Array(text.utf8), now: RunningAllocator.now)
    }

    guard case .tenantsInvalid(let faults) = refusal else {
      Issue.record("\(String(describing: refusal))")
      return
    }
    #expect(faults.map { $0.prefix(6) } == ["line 3", "line 4", "line 5", "line 7"])
  }

  @Test(
    arguments: [
      ("acme", nil, "", "acme", "json"), ("acme.csv", nil, "", "acme", "csv"),
      ("acme.html", nil, "text/csv", "acme", "html"), ("acme", nil, "text/csv", "acme", "csv"),
      ("acme.csv", "html", "", "acme.csv", "html"), ("a.b.json", nil, "", "a.b", "json"),
    ] as [(String, String?, String, String, String)])
  func `the form of a statement follows query, ending, then Accept`(
    _ name: String, _ format: String?, _ accept: String, _ tenant: String, _ form: String
  ) throws {
    let target = try StatementRoutes.target(name, format: format, accept: accept)

    #expect(target.tenant == tenant)
    #expect(target.form.rawValue == form)
  }

  @Test func `text of a tenant cannot become markup`() {
    let hostile = "<script>alert(\"1\")</script>&'\u{202E}\u{0}"

    let safe = HTMLText.escaped(hostile)

    #expect(
      safe
        == "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;\u{FFFD}\u{FFFD}")
  }

  @Test(arguments: [
    ("1234567", "1\u{202F}234\u{202F}567"), ("123", "123"), ("-1234.50", "-1\u{202F}234.50"),
  ])
  func `figures are grouped and keep their digits`(_ text: String, _ grouped: String) {
    #expect(Figure.grouped(text) == grouped)
  }

  @Test(arguments: [
    ("0.333333333333", "33.3333 %"), ("1.000000000000", "100.0000 %"), ("0.000012", "0.0012 %"),
  ])
  func `shares are shown as percent`(_ share: String, _ percent: String) {
    #expect(Figure.percent(share) == percent)
  }

  @Test(arguments: [
    (["a", "b"], "a,b\r\n"), (["=1+1", "say \"x\""], "'=1+1,\"say \"\"x\"\"\"\r\n"),
    (["two\nlines"], "\"two\nlines\"\r\n"),
  ])
  func `cells are quoted and defused`(_ cells: [String], _ row: String) {
    #expect(CSVText.row(cells) == row)
  }
}
