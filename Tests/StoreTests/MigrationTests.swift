import Accounting
import Digest
import Foundation
import GRDB
import Testing

@testable import Store

/// A store of the first format, with a month that was closed in it, opened by this one.
@Suite struct MigrationTests {
  let scratch: Scratch
  let period: Period

  init() throws {
    scratch = try Scratch()
    period = try Period(parsing: "2026-10")
  }

  private func record(_ line: Int, _ cost: String) throws -> CostRecord {
    var record = CostRecord(
      line: line, billedCost: try Amount(parsing: cost), effectiveCost: try Amount(parsing: cost),
      currency: try Currency.named("USD"), billingPeriod: period.start..<period.end,
      chargePeriod: period.start..<period.end)
    record[.service] = "Compute"
    record[.resource] = "vm-\(line)"
    record.tags = ["tenant": "acme"]
    return record
  }

  /// Writes what the first format had: records one by one, a close without today's digests, a statement
  /// without short amounts, usage with 28 quantities.
  private func writeFirstFormat(_ records: [CostRecord]) throws {
    let month = period.description
    try scratch.foreign().writeWithoutTransaction { database in
      try Schema.migrate(database, to: 1)
      try database.execute(
        sql: """
          INSERT INTO meta VALUES ('epoch', 'e1');
          INSERT INTO token VALUES ('t1', 'olga', 'operator', x'00', 1, NULL);
          INSERT INTO cost_import VALUES (1, 'aws', x'\(SHA256.hash("bill").hex)', 'stored', '1.2', 9, 3, 0, 0, 1, 'olga');
          INSERT INTO cost_total VALUES (1, '\(month)', 'USD', 3, '6', '6');
          """)
      var digest = Digest256.zero
      var encoder = CostRecordEncoder()
      for record in records {
        let blob = encoder.encode(record)
        var hash = SHA256()
        hash.update(digest)
        hash.update(blob)
        digest = hash.finish()
        try database.execute(
          sql: "INSERT INTO cost_record VALUES (1, ?, ?, ?)",
          arguments: [month, record.line, Data(blob)])
      }
      try database.execute(
        sql: "INSERT INTO cost_snapshot VALUES (1, 'aws', ?, ?, ?, 'current')",
        arguments: [month, Data(digest.bytes), records.count])
      let zeros = Schema.firstQuantities.map { $0 == "requests" ? "7" : "0" }
      let hour = period.start.microseconds / 3_600_000_000
      try database.execute(
        sql:
          "INSERT INTO usage_rollup VALUES ('acme', \(hour), 'api', \(zeros.joined(separator: ", ")), NULL)"
      )
      let hash = "x'\(SHA256.hash("x").hex)'"
      try database.execute(
        sql: """
          INSERT INTO period VALUES ('\(month)', 'closed', 1, 5, 'olga', 'October',
            \(hash), \(hash), \(hash), 0, x'\(Digest256.zero.hex)');
          INSERT INTO period_import VALUES ('\(month)', 1, 'aws', 1, \(hash));
          INSERT INTO statement_set VALUES ('\(month)', 1, x'7b7d', x'7b7d');
          """)
      try database.execute(
        sql: "INSERT INTO statement VALUES (?, 1, 'acme', ?, ?, 6000000, 'USD')",
        arguments: [month, Data("{}".utf8), Data(SHA256.hash("{}").bytes)])
    }
  }

  @Test func `a store of the first format is read and written by this one`() async throws {
    let records = [try record(2, "1"), try record(3, "2"), try record(4, "3")]
    try writeFirstFormat(records)

    let store = try await scratch.store()

    #expect(try await store.costs.scan(period, into: [CostRecord]()) { $0.append($1) } == records)
    #expect(try await store.costs.scan(period, .closed, into: 0) { count, _ in count += 1 } == 3)
    let close = try #require(try await store.periods.record(of: period).close)
    #expect(close.actor == "olga")
    #expect(close.others == FrozenInputs.Others())
    #expect(close.imports.map(\.importID) == [1])
    #expect(try await store.statements.document(of: "acme", period: period) == Array("{}".utf8))
    let usage = try await store.usage.figures(of: period)
    #expect(
      usage.figures(of: "acme").map { "\($0.route) \($0.quantity) \($0.value)" } == [
        "api requests 7"
      ])
    #expect(try await store.tokens.list().map(\.name) == ["olga"])
    #expect(try await store.costs.latest(1).map(\.goodRows) == [3])

    // The same records from a file are still the same, and other ones are late.
    var staging = try await store.costs.begin(source: "aws", by: "olga", at: noon)
    try await staging.add(records.map { .record($0) })
    #expect(try await commit(&staging, "same").isUnchanged)
    staging = try await store.costs.begin(source: "aws", by: "olga", at: noon)
    try await staging.add([.record(try record(2, "1.5"))])
    let changed = try await commit(&staging, "other")
    #expect(changed.snapshots.map(\.isLate) == [true])
    let difference = try #require(try await store.costs.differences(of: changed.id).first)
    #expect(difference.rows.map(\.before.records) == [3])
    #expect(difference.rows.map(\.after.records) == [1])
  }

  private func commit(_ staging: inout CostStaging, _ name: String) async throws -> CostImport {
    try await staging.commit(
      CostFileFacts(
        digest: SHA256.hash(name), bytes: 1, form: .focus, version: .v12,
        totals: CostFileTotals()),
      audit: AuditRecord(at: noon, actor: "olga", action: .costsImport, subject: "aws"))
  }
}
