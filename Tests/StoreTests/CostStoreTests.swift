import Accounting
import Digest
import Foundation
import GRDB
import Store
import Testing

@Suite struct CostStoreTests {
  let scratch: Scratch
  let store: EmbeddedStore
  let period: Period

  init() async throws {
    scratch = try Scratch()
    store = try await scratch.store()
    period = try Period(parsing: "2026-10")
  }

  private func record(_ line: Int, _ cost: String, month: String = "2026-10") throws -> CostRecord {
    let month = try Period(parsing: month)
    var record = CostRecord(
      line: line, billedCost: try Amount(parsing: cost), effectiveCost: try Amount(parsing: cost),
      currency: try Currency.named("USD"), billingPeriod: month.start..<month.end,
      chargePeriod: month.start..<month.end)
    record[.service] = "Compute \"quoted\", ünïcode"
    record[.resource] = "vm-\(line)"
    record.tags = ["tenant": "acme", "empty": ""]
    record.allocatedTags = ["a": "b"]
    record.consumedQuantity = try Amount(parsing: "0.00000000000000001")
    return record
  }

  private func load(
    _ records: [CostRecord], source: String = "aws", name: String = "file"
  ) async throws -> CostImport {
    var staging = try await store.costs.begin(source: source, by: "olga", at: noon)
    for record in records { try await staging.add([.record(record)]) }
    var totals = FocusTotals()
    totals.records = records.count
    let facts = CostFileFacts(
      digest: SHA256.hash(name), bytes: 1, version: .v12, totals: totals)
    return try await staging.commit(
      facts, audit: AuditRecord(at: noon, actor: "olga", action: .costsImport, subject: source))
  }

  private func lines() async throws -> [Int] {
    try await store.costs.scan(period, into: [Int]()) { $0.append($1.line) }
  }

  @Test func `a record reads back as it was`() async throws {
    let records = [try record(2, "12.345678901234567"), try record(3, "-0.000000000000000001")]
    _ = try await load(records)

    let stored = try await store.costs.scan(period, into: [CostRecord]()) { $0.append($1) }

    #expect(stored == records)
  }

  @Test func `a file imported twice changes nothing`() async throws {
    let first = try await load([try record(2, "1"), try record(3, "2")])
    let mark = try await store.periods.mark(of: period)

    let second = try await load([try record(2, "1"), try record(3, "2")])

    #expect(!first.isUnchanged)
    #expect(second.isUnchanged)
    #expect(second.totals == first.totals)
    #expect(try await lines() == [2, 3])
    #expect(try await store.periods.mark(of: period) == mark)
  }

  @Test func `a later file of a source replaces its period and no other`() async throws {
    _ = try await load([try record(2, "1"), try record(3, "9", month: "2026-09")], name: "a")
    let second = try await load([try record(2, "5")], name: "b")
    _ = try await load([try record(7, "3")], source: "gcp", name: "c")

    #expect(second.snapshots.map(\.state) == [.current])
    #expect(try await lines() == [2, 7])
    #expect(try await store.costs.current(of: Period(parsing: "2026-09")).count == 1)
    #expect(try await store.costs.costImport(1).snapshots.map(\.state) == [.current, .superseded])
  }

  @Test func `nothing counts before the whole file was read`() async throws {
    var staging = try await store.costs.begin(source: "aws", by: "olga", at: noon)
    try await staging.add([.record(try record(2, "1"))])
    #expect(try await lines() == [])
    #expect(try await store.costs.latest(10) == [])

    try await staging.discard()

    #expect(try await store.audit.verify().records == 0)
  }

  @Test func `what a crash left of an import is forgotten before serving`() async throws {
    var staging = try await store.costs.begin(source: "aws", by: "olga", at: noon)
    try await staging.add([.record(try record(2, "1"))])

    try await store.prepareToServe()

    let left = try await scratch.foreign().read { database in
      try ["cost_record", "cost_import"].map {
        try Int.fetchOne(database, sql: "SELECT count(*) FROM \($0)")
      }
    }
    #expect(left == [0, 0])
  }

  @Test func `policy versions are kept by digest`() async throws {
    let audit = AuditRecord(at: noon, actor: "olga", action: .policySet, subject: "")
    let first = try await store.policies.activate(source: [1], name: "a", audit: audit)
    _ = try await store.policies.activate(source: [2], name: "b", audit: audit)
    #expect(try await store.policies.current()?.name == "b")

    _ = try await store.policies.activate(source: [1], name: "a", audit: audit)

    #expect(try await store.policies.current()?.digest == SHA256.hash([1]))
    #expect(try await store.policies.version(first.digest)?.source == [1])
  }
}
