import Accounting
import Digest
import Foundation
import GRDB
import Testing

@testable import Store

/// Rates and names of tenants: append-only, the later one holds.
@Suite struct RateStoreTests {
  let scratch: Scratch
  let store: EmbeddedStore
  let october: Period

  init() async throws {
    scratch = try Scratch()
    store = try await scratch.store()
    october = try Period(parsing: "2026-10")
  }

  private func audit(_ action: AuditRecord.Action) -> AuditRecord {
    AuditRecord(at: noon, actor: "olga", action: action, subject: "test")
  }

  private func load(
    _ name: String, _ rows: [(day: String, rate: String, invoice: String?)]
  ) async throws -> Bool {
    var rates: [(line: Int, entry: RateEntry)] = []
    for (index, row) in rows.enumerated() {
      rates.append(
        (
          index + 2,
          try RateEntry(
            day: try UTCInstant(parsing: row.day), from: try Currency.named("EUR"),
            to: try Currency.named("USD"), rate: try Amount(parsing: row.rate), source: name,
            invoice: row.invoice)
        ))
    }
    return try await store.rates.append(
      RateFile(digest: SHA256.hash(name), source: name, rates: rates),
      audit: audit(.ratesImport))
  }

  private func rate(_ day: String, age: Int = 0) async throws -> String? {
    let book = try await store.rates.book(for: october, to: try Currency.named("USD"))
    return book.rate(
      on: try UTCInstant(parsing: day), from: try Currency.named("EUR"),
      to: try Currency.named("USD"), ageDaysMax: age)?.rate.description
  }

  @Test func `the rate loaded later holds, and the same file changes nothing`() async throws {
    #expect(try await load("a", [("2026-10-01", "1.1", nil), ("2026-11-01", "9", nil)]))
    #expect(
      try await load("a", [("2026-10-01", "1.1", nil), ("2026-11-01", "9", nil)]) == false)
    #expect(try await load("b", [("2026-10-01", "1.2", nil)]))
    #expect(try await load("b", [("2026-10-01", "1.2", nil)]) == false)

    #expect(try await rate("2026-10-01") == "1.2")
    // A rate of after the period is none of its business.
    #expect(try await rate("2026-11-01") == nil)
    #expect(try await store.rates.latest(9).map(\.entry.rate.description) == ["9", "1.2", "1.1"])
    #expect(try await store.audit.latest(9).count == 2)
  }

  @Test func `a file loaded again after a mistake holds again, as often as it takes`()
    async throws
  {
    let first: [(day: String, rate: String, invoice: String?)] = [
      ("2026-10-01", "1.1", nil), ("2026-10-02", "1.3", "INV-1"),
    ]
    let mistake: [(day: String, rate: String, invoice: String?)] = [("2026-10-01", "1.2", nil)]
    let other: [(day: String, rate: String, invoice: String?)] = [("2026-10-05", "1.4", "INV-1")]
    for round in 0..<3 {
      #expect(try await load("a", first), "\(round)")
      #expect(try await rate("2026-10-01") == "1.1")
      #expect(try await load("a", first) == false, "\(round)")
      #expect(try await load("b", mistake), "\(round)")
      #expect(try await rate("2026-10-01") == "1.2")
    }
    #expect(try await load("a", first))
    // Of two rates of an invoice the one loaded later holds, whatever its day.
    #expect(try await load("c", other))
    #expect(try await load("a", first))
    let book = try await store.rates.book(for: october, to: try Currency.named("USD"))
    let (eur, usd) = (try Currency.named("EUR"), try Currency.named("USD"))
    #expect(book.rate(ofInvoice: "INV-1", from: eur, to: usd)?.rate.description == "1.3")
    #expect(try await store.rates.latest(1).first?.digest == SHA256.hash("c"))
    #expect(
      Set(try await store.rates.latest(99).map(\.digest))
        == Set(["a", "b", "c"].map { SHA256.hash($0) }))
  }

  @Test func `a file of a store of the second format holds again too`() async throws {
    let old = try Scratch()
    try await old.foreign().writeWithoutTransaction { database in
      try Schema.migrate(database, to: 2)
      try database.execute(
        sql: """
          INSERT INTO meta VALUES ('epoch', 'e1');
          INSERT INTO rate_import VALUES (1, x'\(SHA256.hash("a").hex)', 'a', 1, 1, 'olga');
          INSERT INTO rate VALUES (1, 2, 0, 'EUR', 'USD', '1.1', 'a', NULL);
          """)
    }
    let store = try await old.store()
    func file(_ name: String, _ rate: String) throws -> RateFile {
      let entry = try RateEntry(
        day: UTCInstant(microseconds: 0), from: try Currency.named("EUR"),
        to: try Currency.named("USD"), rate: try Amount(parsing: rate), source: name)
      return RateFile(digest: SHA256.hash(name), source: name, rates: [(2, entry)])
    }
    func append(_ name: String, _ rate: String) async throws -> Bool {
      try await store.rates.append(try file(name, rate), audit: audit(.ratesImport))
    }

    #expect(try await append("a", "1.1") == false)
    #expect(try await append("b", "1.2"))
    #expect(try await append("a", "1.1"))
    let found = try await store.rates.latest(9)
    #expect(found.map(\.entry.rate.description) == ["1.1", "1.2", "1.1"])
    #expect(found.map(\.digest) == ["a", "b", "a"].map { SHA256.hash($0) })
  }

  @Test func `a rate of an invoice serves whatever its day`() async throws {
    _ = try await load("a", [("2027-03-01", "1.3", "INV-1")])

    let book = try await store.rates.book(for: october, to: try Currency.named("USD"))
    #expect(
      book.rate(
        ofInvoice: "INV-1", from: try Currency.named("EUR"), to: try Currency.named("USD"))?.rate
        == (try Amount(parsing: "1.3")))
    #expect(try await rate("2027-03-01") == nil)
  }

  @Test(arguments: [
    "UPDATE rate SET rate = '2'", "DELETE FROM rate", "DELETE FROM rate_import",
    "UPDATE tenant_relation SET target = 'x'", "DELETE FROM tenant_history",
    "REPLACE INTO rate SELECT * FROM rate",
    "INSERT OR REPLACE INTO tenant_relation SELECT * FROM tenant_relation",
  ])
  func `the database itself refuses to change what was loaded`(sql: String) async throws {
    _ = try await load("a", [("2026-10-01", "1.1", nil)])
    try await store.history.set(
      TenantHistory([
        TenantRelation(kind: .alias, tenant: "a", target: "b", from: october.start)
      ]), digest: SHA256.hash("h"), audit: audit(.historySet))

    await #expect(throws: StoreError.self) {
      try await store.engine.write("tampering") { try $0.execute(sql: sql) }
    }
    #expect(try await rate("2026-10-01") == "1.1")
  }

  @Test func `the latest document of names holds, an empty one included`() async throws {
    let relation = TenantRelation(
      kind: .parent, tenant: "a", target: "b", from: october.start, to: october.end)
    try await store.history.set(
      TenantHistory([relation]), digest: SHA256.hash("1"), audit: audit(.historySet))
    let first = try await store.history.current()
    try await store.history.set(
      .empty, digest: SHA256.hash("2"), audit: audit(.historySet))

    #expect(first.relations == [relation])
    #expect(try await store.history.current() == .empty)
  }

  @Test func `new rates and names make a close that has begun begin again`() async throws {
    try await store.engine.write("a period with usage") {
      try PeriodChange.bump($0, "2026-10")
    }
    let before = try await store.periods.mark(of: october)
    _ = try await load("a", [("2026-10-01", "1.1", nil)])
    let after = try await store.periods.mark(of: october)
    try await store.history.set(
      .empty, digest: SHA256.hash("1"), audit: audit(.historySet))

    #expect(before != after)
    #expect(try await store.periods.mark(of: october) != after)
  }
}
