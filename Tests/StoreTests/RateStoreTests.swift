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
    #expect(try await load("b", [("2026-10-01", "1.2", nil)]))
    #expect(try await load("a", [("2026-10-01", "1.1", nil)]) == false)

    #expect(try await rate("2026-10-01") == "1.2")
    // A rate of after the period is none of its business.
    #expect(try await rate("2026-11-01") == nil)
    #expect(try await store.rates.latest(9).map(\.entry.rate.description) == ["9", "1.2", "1.1"])
    #expect(try await store.audit.latest(9).count == 2)
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
