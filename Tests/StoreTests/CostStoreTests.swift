import Accounting
import Digest
import Foundation
import GRDB
import Testing

@testable import Store

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
    record.pricingQuantity = try Amount(parsing: "730")
    record.listCost = try Amount(parsing: "77.5")
    record.contractedCost = try Amount(parsing: "66.25")
    // Longer than one, and than two, bytes of a length can say.
    record[.resourceName] = String(repeating: "name ", count: 30 + line)
    record[.chargeDescription] = String(repeating: "ü", count: 10_000)
    return record
  }

  private func load(
    _ records: [CostRecord], source: String = "aws", name: String = "file"
  ) async throws -> CostImport {
    var staging = try await store.costs.begin(source: source, by: "olga", at: noon)
    for record in records { try await staging.add([.record(record)]) }
    var totals = CostFileTotals()
    totals.records = records.count
    let facts = CostFileFacts(
      digest: SHA256.hash(name), bytes: 1, form: .focus, version: .v12, totals: totals)
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

  @Test func `an import adds up its records by billing period and currency`() async throws {
    var foreign = try record(4, "5")
    foreign.currency = try Currency.named("EUR")
    foreign.effectiveCost = try Amount(parsing: "4.5")
    let made = try await load([
      try record(2, "1.25"), try record(3, "-0.5"), foreign, try record(5, "9", month: "2026-09"),
    ])

    let totals = made.totals.map {
      "\($0.period) \($0.currency.code) \($0.records) \($0.billed) \($0.effective)"
    }
    #expect(
      totals == ["2026-09 USD 1 9 9", "2026-10 EUR 1 5 4.5", "2026-10 USD 2 0.75 0.75"])
    #expect(made.records == 4)
    #expect(made.snapshots.map(\.records) == [1, 3])
  }

  @Test func `a change in any record of a period makes the file a new one`() async throws {
    let lines = [try record(2, "1"), try record(3, "2"), try record(4, "3")]
    _ = try await load(lines)

    for changed in lines.indices {
      var others = lines
      others[changed][.region] = "elsewhere-\(changed)"
      #expect(try await !load(others, name: "\(changed)").isUnchanged)
    }
    #expect(try await load(lines + [try record(5, "0")], name: "longer").isUnchanged == false)
  }

  @Test func `a file without a good row is news once`() async throws {
    #expect(try await !load([]).isUnchanged)
    #expect(try await load([]).isUnchanged)
  }

  @Test func `what is wrong with a file is listed in its order, from any position on`() async throws
  {
    var staging = try await store.costs.begin(source: "aws", by: "olga", at: noon)
    func fault(_ line: Int, _ columns: [String]) -> CostEvent {
      .fault(
        RowFault(
          line: line,
          problems: columns.map { .init(column: $0, reason: "is no number", value: "x\(line)") }))
    }
    try await staging.add([fault(2, ["a", "b"]), .record(try record(3, "1")), fault(4, ["c"])])
    try await staging.add([fault(9, ["d", "e"])])

    let rows = try await store.costs.quarantine(of: staging.importID, max: 100)
    let rest = try await store.costs.quarantine(of: staging.importID, from: 3, max: 1)

    #expect(rows.map(\.line) == [2, 2, 4, 9, 9])
    #expect(rows.map(\.column) == ["a", "b", "c", "d", "e"])
    #expect(rest == [QuarantinedRow(line: 9, column: "d", reason: "is no number", value: "x9")])
  }

  /// An import of good rows for some months and of faulty ones, each with its month or none.
  private func load(
    _ good: [String], faults: [String?], source: String = "aws", cost: String = "1",
    form: CostFormat = .focus
  ) async throws {
    var staging = try await store.costs.begin(source: source, by: "olga", at: noon)
    for month in good { try await staging.add([.record(try record(2, cost, month: month))]) }
    for (line, month) in faults.enumerated() {
      let problems = ["a", "b"].map { RowFault.Problem(column: $0, reason: "r", value: nil) }
      let period = try month.map { try Period(parsing: $0) }
      try await staging.add([.fault(RowFault(line: 10 + line, problems: problems, period: period))])
    }
    var totals = CostFileTotals()
    totals.faultyRows = faults.count
    let facts = CostFileFacts(
      digest: SHA256.hash("\(good) \(faults) \(cost)"), bytes: 1, form: form, version: .v12,
      totals: totals)
    _ = try await staging.commit(
      facts, audit: AuditRecord(at: noon, actor: "olga", action: .costsImport, subject: source))
  }

  private func quarantined(_ month: String = "2026-10") async throws -> Int {
    try await store.costs.quarantinedRows(of: try Period(parsing: month))
  }

  @Test func `faulty rows count for a period until its source has good rows again`() async throws {
    try await load(["2026-10"], faults: ["2026-10", "2026-10", nil])
    #expect(try await quarantined() == 3)
    try await load(["2026-10"], faults: [], source: "azure")
    #expect(try await quarantined() == 3)
    try await load(["2026-10"], faults: [nil], cost: "2")
    #expect(try await quarantined() == 1)
    try await load(["2026-10"], faults: [], cost: "3")
    #expect(try await quarantined() == 0)
  }

  @Test func `a faulty row beside the rows that were there before counts`() async throws {
    try await load(["2026-10"], faults: [])
    let before = try await store.periods.mark(of: period)
    try await load(["2026-10"], faults: ["2026-10"])

    #expect(try await quarantined() == 1)
    #expect(try await store.periods.mark(of: period) != before)
    #expect(try await store.costs.current(of: period).map(\.importID) == [1])
  }

  @Test func `a bill without any good row counts for the period that it names, or for every one`()
    async throws
  {
    try await load([], faults: ["2026-10"])
    #expect(try await quarantined() == 1)
    #expect(try await quarantined("2026-11") == 0)
    try await load([], faults: [nil, nil], source: "azure")
    #expect(try await quarantined() == 3)
    #expect(try await quarantined("2026-11") == 2)
    // The source's next bill settles what named no period.
    try await load(["2026-10"], faults: [], source: "azure")
    #expect(try await quarantined() == 1)
    #expect(try await quarantined("2026-11") == 0)
  }

  @Test func `all rows of one month may be faulty beside good ones of another`() async throws {
    try await load(["2026-09", "2026-10"], faults: [])
    try await load(["2026-09"], faults: ["2026-10", nil], cost: "2")

    #expect(try await quarantined() == 1)
    #expect(try await quarantined("2026-09") == 1)
  }

  @Test func `control totals do not settle the rows of a bill`() async throws {
    try await load(["2026-10"], faults: ["2026-10"])
    try await load([], faults: ["2026-10"], form: .focusInvoiceDetail)
    #expect(try await quarantined() == 2)
    try await load(["2026-10"], faults: [], cost: "2")
    #expect(try await quarantined() == 1)
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
      try ["cost_block", "cost_import"].map {
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
