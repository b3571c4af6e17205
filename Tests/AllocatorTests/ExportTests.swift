import Accounting
import Digest
import Foundation
import Store
import Testing

@testable import Allocator

/// Exports as the programs that they are for read them.
@Suite struct ExportTests {
  static let mapping = """
    version: 1
    name: gl-2026
    rules:
      - {account: "tenant:*", gl: "6200", dimension: tenants}
      - {account: "cost:*", gl: "6100"}
      - {account: "platform:*", gl: "6900"}
    """

  /// The ledger's balances as it tells them itself.
  static func balances(_ allocator: RunningAllocator) async throws -> [String: String] {
    let verified = try await allocator.call("GET", "/v1/ledger/verify")
    var balances: [String: String] = [:]
    for row in verified.json?["balances"]?.asArray ?? [] {
      guard let account = row["account"]?.asString, let balance = row["balance"]?.asString else {
        continue
      }
      balances[account] = balance
    }
    return balances
  }

  static func export(
    _ allocator: RunningAllocator, _ format: String
  ) async throws -> RunningAllocator.Answer {
    let answer = try await allocator.call("GET", "/v1/periods/2026-10/exports/\(format)")
    #expect(answer.status == 200, "\(answer.text)")
    return answer
  }

  /// A closed month with tenants whose names need escaping.
  static func month(
    _ body: @escaping @Sendable (RunningAllocator) async throws -> Void
  ) async throws {
    try await RunningAllocator.run { allocator in
      _ = try await allocator.call("PUT", "/v1/policy", text: World.policy)
      _ = try await allocator.call("POST", "/v1/costs?source=cloud", body: World.costs)
      for sequence in 0...2 as ClosedRange<UInt64> {
        _ = try await allocator.deliver(
          try World.batch(sequence, tenants: ["acme", "Bolt-2.io", "core:eu@x_y"]))
      }
      #expect(try await allocator.close().status == 200)
      try await body(allocator)
    }
  }

  @Test func `hledger reports the ledger's balances`() async throws {
    try await Self.month { allocator in
      let file = allocator.folder.appendingPathComponent("weir.journal")
      try Data(try await Self.export(allocator, "hledger").body).write(to: file)

      let csv = try StatementPDFTests.run(
        "hledger",
        ["-f", file.path, "check", "--strict"].dropLast(1) + ["ordereddates"], input: [])
      #expect(csv.isEmpty)
      let report = try StatementPDFTests.run(
        "hledger", ["-f", file.path, "balance", "--flat", "-N", "-E", "-O", "csv"], input: [])
      let found = Self.balances(report) { name in
        for prefix in ["tenant:", "cost:"] where name.hasPrefix(prefix) {
          return EscapedName.unescape(String(name.dropFirst(prefix.count))).map { prefix + $0 }
        }
        return name
      }

      #expect(try await found == Self.balances(allocator))
      #expect(found.count == 8)
    }
  }

  @Test func `Beancount accepts the export and reports the ledger's balances`() async throws {
    try await Self.month { allocator in
      let file = allocator.folder.appendingPathComponent("weir.beancount")
      try Data(try await Self.export(allocator, "beancount").body).write(to: file)

      let faults = try StatementPDFTests.run("bean-check", [file.path], input: [])
      #expect(faults.isEmpty, "\(faults)")
      let report = try StatementPDFTests.run(
        "bean-query",
        ["-f", "csv", file.path, "SELECT account, sum(position) GROUP BY account"], input: [])
      let prefixes = [
        ("Expenses:Tenant:T-", "tenant:"), ("Expenses:Cost:P-", "cost:"),
        ("Expenses:Platform:Unallocated:R-", "platform:unallocated:"),
      ]
      let found = Self.balances(report) { name in
        if name == "Expenses:Platform:Kept" { return "platform:kept" }
        for (theirs, ours) in prefixes where name.hasPrefix(theirs) {
          return EscapedName.unescape(String(name.dropFirst(theirs.count))).map { ours + $0 }
        }
        return nil
      }

      #expect(try await found == Self.balances(allocator))
    }
  }

  /// Rows `account,amount currency` of a report, by the ledger's own account, six digits.
  private static func balances(
    _ report: String, _ account: (String) -> String?
  ) -> [String: String] {
    var found: [String: String] = [:]
    for line in report.split(whereSeparator: \.isNewline).dropFirst() {
      let cells = line.replacing("\"", with: "").split(separator: ",").map {
        $0.trimmingCharacters(in: .whitespaces)
      }
      guard cells.count == 2, let name = account(cells[0]),
        let number = cells[1].split(separator: " ").first,
        let amount = try? Amount(parsing: String(number)),
        let micros = try? amount.roundedToMicros()
      else {
        if !line.isEmpty { Issue.record("not a balance: \(line)") }
        continue
      }
      found[name] = Money(micros: micros, currency: usd).text
    }
    return found
  }

  private static let usd = Currency(code: "USD")!

  @Test func `JSON Lines are the entries that the API answers`() async throws {
    try await Self.month { allocator in
      let lines = try await Self.export(allocator, "jsonl").body.split(separator: 0x0A)
        .map { try JSONValue(parsing: Array($0)) }
      let answered = try await allocator.call("GET", "/v1/ledger/entries?period=2026-10")

      #expect(lines.count == 3)
      // What else was linked to an entry since is no part of it.
      let entries = answered.json?["entries"]?.asArray?.map { entry -> JSONValue in
        guard case .object(let members) = entry else { return entry }
        return .object(members.filter { $0.key != "links" })
      }
      #expect(lines == entries)
    }
  }

  @Test func `a journal has general ledger accounts and balances to the cent`() async throws {
    try await Self.month { allocator in
      let answer = try await allocator.call(
        "POST", "/v1/periods/2026-10/exports/journal", text: Self.mapping)
      #expect(answer.status == 200, "\(answer.text)")
      let rows = answer.text.split(separator: "\r\n").map {
        $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      }

      #expect(rows[0].count == JournalCSV.columns.count)
      var cents = 0
      for row in rows.dropFirst() {
        let (debit, credit) = (row[10].replacing(".", with: ""), row[11].replacing(".", with: ""))
        cents += (Int(debit) ?? 0) - (Int(credit) ?? 0)
        let wanted =
          row[7].hasPrefix("tenant:") ? "6200" : row[7].hasPrefix("cost:") ? "6100" : "6900"
        #expect(row[8] == wanted && row[0] == "2026-10-31" && row[12] == "USD")
      }
      #expect(cents == 0)
      #expect(answer.text.contains(",tenant:acme,6200,tenants,33.33,,USD,33.333333,month end"))
    }
  }

  @Test(
    arguments: [
      ("version: 2\nname: x\nrules: [{account: \"*\", gl: \"1\"}]", "version must be 1"),
      ("version: 1\nrules: [{account: \"*\", gl: \"1\"}]", "name is missing"),
      ("version: 1\nname: x\nrules: []", "at least one rule"),
      (
        "version: 1\nname: x\nrules: [{account: \"cash:*\", gl: \"1\"}]",
        "line 3: \"cash:*\" is not"
      ),
      ("version: 1\nname: x\nrules: [{account: cash, gl: \"1\"}]", "not an account of the ledger"),
      ("version: 1\nname: x\nrules: [{account: \"*\"}]", "gl of * is missing"),
      ("version: 1\nname: x\ncolour: red\nrules: [{account: \"*\", gl: \"1\"}]", "unknown key"),
      (
        "version: 1\nname: x\nrules: [{account: \"*\", gl: \"1\"}, {account: \"*\", gl: \"2\"}]",
        "stands twice"
      ), ("{", "not YAML"),
      (
        "version: 1\nname: x\nrules: [{account: \"tenant:*\", gl: \"1\"}]",
        "no rule is for account cost:compute"
      ),
    ])
  func `a mapping with faults is refused with their place`(
    document: String, fault: String
  ) async throws {
    try await Self.month { allocator in
      let answer = try await allocator.call(
        "POST", "/v1/periods/2026-10/exports/journal", text: document)

      #expect(answer.status == 422 && answer.code == "mapping_invalid")
      #expect(answer.text.replacing("\\\"", with: "\"").contains(fault), "\(answer.text)")
    }
  }

  @Test func `the example of a mapping maps every account`() throws {
    let mapping = try MappingDocument.mapping(
      Array(try Repository.text("config/journal-mapping.example.yaml").utf8))

    let general = ["tenant:acme", "tenant:bolt", "cost:x", "platform:kept", "platform:fx"].map {
      (try? Account(text: $0)).flatMap(mapping.rule)?.general ?? "none"
    }
    #expect(general == ["6210", "6200", "6100", "6900", "6950"])
  }

  @Test func `nothing is exported before a close, and each export is an audit record`()
    async throws
  {
    try await RunningAllocator.run { allocator in
      try await allocator.furnish()
      for path in ["exports/focus", "exports/hledger", "statements-zip"] {
        let answer = try await allocator.call("GET", "/v1/periods/2026-10/\(path)")
        #expect(answer.status == 404)
      }
      _ = try await allocator.close()
      let wrong = try await allocator.call("GET", "/v1/periods/2026-10/exports/excel")
      #expect(wrong.status == 400)
      _ = try await Self.export(allocator, "hledger")

      let audit = try await allocator.call("GET", "/v1/audit?limit=1").text
      #expect(audit.contains("ledger.export") && audit.contains("format=hledger"))
    }
  }
}
