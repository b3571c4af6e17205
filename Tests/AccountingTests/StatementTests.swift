import Foundation
import Testing

@testable import Accounting

struct StatementTests {
  private static let coverage = Coverage([
    ProxyCoverage(
      instance: "proxy-b", batches: 2, from: Fixtures.october.start, to: Fixtures.october.end,
      holes: [
        CoverageHole(
          from: Fixtures.october.start, to: Fixtures.october.end, reason: "batch 7 is missing")
      ]),
    ProxyCoverage(instance: "proxy-a", batches: 0, from: nil, to: nil, holes: []),
  ])

  private static func close(
    _ currency: String = "USD", previous: PreviousStatement? = nil
  ) throws -> Close {
    let policy = try PolicyText.decode(
      """
      {"version":1,"name":"p","currency":"\(currency)","pools":[
        {"name":"cpu","match":{"service":"compute"},
         "method":{"kind":"proportional","drivers":["upstream_cpu_us"]}},
        {"name":"tagged","method":{"kind":"direct","tag":"tenant"}}]}
      """)
    var tagged = Fixtures.record("12.345678", service: "db", currency: currency)
    tagged.tags = ["tenant": "acme"]
    let usage = try Fixtures.usage([
      (tenant: "acme", route: "api", quantity: "upstream_cpu_us", value: 1),
      (tenant: "acme", route: "files", quantity: "upstream_cpu_us", value: 1),
      (tenant: "bolt", route: "api", quantity: "upstream_cpu_us", value: 1),
      (tenant: "idle", route: "api", quantity: "requests", value: 3),
      (tenant: "~invalid", route: "~none", quantity: "requests", value: 2),
    ])
    return try Close(
      [Fixtures.record("100", currency: currency), tagged], policy: policy, usage: usage,
      register: ["acme"], coverage: coverage,
      previous: [
        "acme": previous
          ?? PreviousStatement(
            version: 2, total: Money(micros: 50_000_000, currency: Fixtures.currency(currency)),
            lines: [
              .init(pool: "cpu", route: "api", micros: 30_000_000),
              .init(pool: "cpu", route: "old", micros: 20_000_000),
            ])
      ])
  }

  @Test func `a statement has a line for each pool and route`() throws {
    let statement = try #require(Self.close().statements.statements.first)

    #expect(statement.tenant == "acme")
    #expect(
      statement.lines.map { "\($0.pool) \($0.route ?? "-") \($0.amount.text) \($0.printedText)" }
        == ["cpu api 33.333334 33.33", "cpu files 33.333333 33.33", "tagged - 12.345678 12.35"])
    #expect(statement.total.text == "79.012345")
    #expect(statement.printedTotalText == "79.01")
    #expect(statement.change?.text == "29.012345")
    #expect(statement.entries.count == 2)
    #expect(statement.isRegistered)
  }

  @Test func `a statement lists some of many holes and tells how many more there are`() throws {
    let holes = (0..<130).map { hour in
      let start = Fixtures.october.start.microseconds + Int64(hour) * 3_600_000_000
      return CoverageHole(
        from: UTCInstant(microseconds: start), to: UTCInstant(microseconds: start + 1), reason: "r")
    }
    let close = try Close(
      [Fixtures.record("1")],
      policy: PolicyText.decode(
        """
        {"version":1,"name":"p","currency":"USD","pools":[
          {"name":"a","method":{"kind":"proportional","drivers":["requests"]}}]}
        """),
      usage: Fixtures.usage([(tenant: "acme", route: "api", quantity: "requests", value: 1)]),
      coverage: Coverage([
        ProxyCoverage(instance: "p", batches: 1, from: nil, to: nil, holes: holes)
      ]))

    let statement = try #require(close.statements.statements.first)
    let proxy = try #require(statement.coverage.proxies.first)
    #expect(proxy.holes == Array(holes.prefix(100)))
    #expect(proxy.furtherHoles == 30)
    #expect(!statement.coverage.isComplete)
    #expect(close.statements.summary.coverage.proxies.first?.holes == holes)
    #expect(try Statement(canonicalJSON: statement.canonicalJSON()) == statement)
  }

  @Test func `amounts whose parts pass 63 bits are refused, though their sum does not`() throws {
    let policy = try PolicyText.decode(
      """
      {"version":1,"name":"p","currency":"USD","pools":[
        {"name":"a","method":{"kind":"direct","tag":"tenant"}}]}
      """)
    let records = [("a", "9e12"), ("b", "9e12"), ("c", "-9e12")].map { tenant, cost in
      var record = Fixtures.record(cost)
      record.tags["tenant"] = tenant
      return record
    }

    #expect(throws: AccountingError.overflow(operation: "the amounts of 2026-10")) {
      try Close(records, policy: policy, usage: UsageFigures())
    }
  }

  @Test func `the lines of one statement have the same range, before any is made`() throws {
    let policy = try PolicyText.decode(
      """
      {"version":1,"name":"p","currency":"USD","pools":[
        {"name":"a","match":{"service":"compute"},"method":{"kind":"direct","tag":"tenant"}},
        {"name":"b","method":{"kind":"direct","tag":"tenant"}}]}
      """)
    let records = [("compute", "9e12"), ("other", "-9e12")].map { service, cost in
      var record = Fixtures.record(cost, service: service)
      record.tags["tenant"] = "acme"
      return record
    }

    #expect(throws: AccountingError.overflow(operation: "the statement of acme")) {
      try Close(records, policy: policy, usage: UsageFigures())
    }
  }

  @Test func `a tenant with usage but no cost has a statement of nought`() throws {
    let set = try Self.close().statements
    let idle = try #require(set.statements.first { $0.tenant == "idle" })

    #expect(idle.total.micros == 0)
    #expect(idle.lines == [])
    #expect(!idle.isRegistered)
    #expect(idle.usage.map(\.value) == [3])
    #expect(set.summary.reservedUsage["~invalid"]?.map(\.value) == [2])
    #expect(set.statements.map(\.tenant) == ["acme", "bolt", "idle"])
  }

  @Test(arguments: [
    ("JPY", "79", "112"), ("KWD", "79.013", "112.346"), ("CLF", "79.0124", "112.3457"),
  ])
  func `printed figures have the digits of their currency`(
    code: String, total: String, period: String
  ) throws {
    let set = try Self.close(code).statements

    #expect(set.statements[0].printedTotalText == total)
    #expect(set.summary.printedTotalText == period)
    #expect(set.statements.reduce(0) { $0 + $1.printedTotal } == set.summary.printedTotal)
  }

  @Test func `a statement reads back from its own bytes`() throws {
    for statement in try Self.close().statements.statements {
      let bytes = statement.canonicalJSON()
      let read = try Statement(canonicalJSON: bytes)
      #expect(read == statement)
      #expect(read.canonicalJSON() == bytes)
      #expect(read.csv() == statement.csv())
    }
  }

  @Test func `a summary reads back from its own bytes`() throws {
    let summary = try Self.close().statements.summary
    #expect(try PeriodSummary(canonicalJSON: summary.canonicalJSON()) == summary)
  }

  @Test func `a stored statement of another format or with a member missing is refused`() throws {
    let text = try #require(Self.close().statements.statements.first).json.canonicalText
    let other = text.replacing("weir-statement/2", with: "weir-statement/9")
    let holed = text.replacing("\"total\":\"79.012345\",", with: "")

    #expect {
      try Statement(canonicalJSON: Array(other.utf8))
    } throws: { "\($0)".contains("reads weir-statement/2, the statement is \"weir-statement/9\"") }
    #expect(
      throws: AccountingError.malformedStatement(
        reason: "statement.total is missing or of another kind")
    ) { try Statement(canonicalJSON: Array(holed.utf8)) }
  }

  @Test func `a statement tells how it compares line by line`() throws {
    let statement = try #require(Self.close().statements.statements.first)

    let before = statement.lines.map { $0.previous?.text ?? "-" }
    #expect(before == ["30.000000", "-", "-"])
    #expect(statement.comparison?.version == 2)
    #expect(
      statement.comparison?.gone == [.init(pool: "cpu", route: "old", micros: 20_000_000)])
    let was = try statement.lines.compactMap(\.previous).reduce(
      Money(micros: 20_000_000, currency: statement.currency)
    ) { try $0.adding($1) }
    #expect(was == statement.previousTotal)
  }

  @Test func `two lines of one pool and route before are compared with one now, once`() throws {
    let usd = Fixtures.currency("USD")
    let before = PreviousStatement(
      version: 1, total: Money(micros: 7, currency: usd),
      lines: [
        .init(pool: "cpu", route: "api", micros: 4), .init(pool: "cpu", route: "api", micros: 2),
        .init(pool: "cpu", route: "old", micros: 1),
      ])
    let statement = try #require(Self.close(previous: before).statements.statements.first)

    let compared = statement.lines.compactMap { $0.previous?.micros }
    #expect(compared == [6])
    #expect(statement.comparison?.gone.map(\.micros) == [1])
  }

  @Test func `a total in another currency is shown and not compared`() throws {
    let before = PreviousStatement(
      version: 1, total: Money(micros: 1_000_000, currency: Fixtures.currency("JPY")),
      lines: [.init(pool: "cpu", route: "api", micros: 1_000_000)])
    let statement = try #require(
      Self.close(previous: before).statements.statements.first)

    #expect(statement.change == nil)
    #expect(statement.comparison?.gone == [])
    #expect(statement.lines.allSatisfy { $0.previous == nil })
    #expect(try Statement(canonicalJSON: statement.canonicalJSON()) == statement)
  }

  @Test func `both views of cost and the grades of confidence sum to what they are of`() throws {
    for statement in try Self.close().statements.statements {
      let attributable = statement.sum(of: .attributable)
      let shared = statement.sum(of: .shared)
      #expect(try attributable.amount.adding(shared.amount) == statement.total)
      #expect(attributable.printed + shared.printed == statement.printedTotal)
      for line in statement.lines {
        let known = line.confidence
        #expect(known.measured + known.hinted + known.modelled == line.amount.micros)
      }
    }
  }

  @Test(
    arguments: [
      ("direct", [], (7, 0, 0)), ("even", [], (0, 0, 7)),
      ("proportional", ["requests"], (7, 0, 0)), ("proportional", ["tokens"], (0, 7, 0)),
      ("proportional", ["upstream_cpu_us"], (0, 5, 2)),
      ("proportional", ["gb_months"], (7, 0, 0)),
      ("proportional", ["requests", "upstream_cpu_us"], (4, 2, 1)),
    ] as [(String, [String], (Int64, Int64, Int64))])
  func `an amount is known as its drivers are`(
    method: String, drivers: [String], grades: (Int64, Int64, Int64)
  ) throws {
    let hints = HintCounts([
      UsageLine(route: "api", quantity: "requests", unit: "1", value: 4),
      UsageLine(route: "api", quantity: "cpu_hinted_requests", unit: "1", value: 3),
      UsageLine(route: "files", quantity: "requests", unit: "1", value: 9),
    ])
    let known = try Confidence(
      micros: 7, method: method,
      drivers: drivers.map { name in
        LineDriver(
          name: name, unit: name == "gb_months" ? "GB-month" : MeteredQuantity.unit(of: name),
          value: "2.5", total: "5", weight: "\(1.0 / Double(drivers.count))", unitCost: nil)
      }, route: "api", usage: hints)

    #expect(known.measured == grades.0)
    #expect(known.hinted == grades.1)
    #expect(known.modelled == grades.2)
  }

  @Test func `amounts read back from their short form, and nothing else does`() throws {
    let lines = try #require(Self.close().statements.statements.first).amounts

    #expect(try StatementAmounts.lines(StatementAmounts.bytes(lines)) == lines)
    for text in ["{}", "[1]", #"[["a",null]]"#, #"[["a",null,"x"]]"#, #"[["a",1,"2"]]"#] {
      #expect(throws: AccountingError.self) { try StatementAmounts.lines(Array(text.utf8)) }
    }
  }

  @Test func `a statement of the first format is still read`() throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "Golden/first/statement-acme.json")
    let statement = try Statement(canonicalJSON: Array(try Data(contentsOf: file)))

    #expect(statement.total.text == "317.745035")
    #expect(statement.previousTotal?.text == "100.000000")
    #expect(statement.comparison?.version == nil)
    #expect(statement.issuedAt == Fixtures.october.end)
    #expect(statement.sum(of: .attributable).amount == statement.total)
    #expect(statement.lines[0].confidence.measured == 12_340_000)
    #expect(String(decoding: statement.csv(), as: UTF8.self).contains("acme,yes,2026-10,1,tagged"))
  }

  @Test func `entries that do not post the allocation make no statements`() throws {
    let close = try Self.close()
    let input = StatementInput(
      allocation: close.allocation, entries: [close.chain[0].entry], usage: UsageFigures(),
      register: TenantRegister([]), coverage: Self.coverage, reconciliation: .tiedOut)

    #expect(throws: AccountingError.self) { try StatementBuilder.build(input) }
  }

  @Test(arguments: [
    ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@x", "'@x"), ("\tx", "'\tx"), ("a=b", "a=b"),
    ("~unmatched", "~unmatched"), ("", ""),
  ])
  func `texts that a spreadsheet would run are defused`(text: String, cell: String) {
    #expect(CSVWriter.defused(text) == cell)
  }

  @Test func `cells with commas, quotes and line ends are quoted, numbers never`() {
    var writer = CSVWriter()
    writer.row([.text("a,b"), .text("say \"\u{301}x"), .text("l\r\nm"), .number("-1.50")])

    #expect(
      String(decoding: writer.bytes, as: UTF8.self)
        == "\"a,b\",\"say \"\"\u{301}x\",\"l\r\nm\",-1.50\r\n")
  }

  @Test func `a route that looks like a formula is defused in the CSV of its statement`() throws {
    let policy = try PolicyText.decode(
      """
      {"version":1,"name":"p","currency":"USD","pools":[
        {"name":"cpu","method":{"kind":"proportional","drivers":["requests"]}}]}
      """)
    let usage = try Fixtures.usage([
      (tenant: "acme", route: "=cmd()", quantity: "requests", value: 1)
    ])
    let close = try Close([Fixtures.record("1")], policy: policy, usage: usage)
    let text = String(decoding: close.statements.statements[0].csv(), as: UTF8.self)

    #expect(text.contains(",'=cmd(),"))
  }
}
