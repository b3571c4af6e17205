internal import Accounting
internal import Foundation
internal import GRDB

/// Reads of imports and their parts.
enum CostReading {
  /// One import with its snapshots and totals; throws `notFound`.
  static func costImport(_ database: Database, id: Int64) throws -> CostImport {
    let row = try Row.fetchOne(
      database, sql: "SELECT * FROM cost_import WHERE id = ? AND state <> 'staging'",
      arguments: [id])
    guard let row else { throw StoreError.notFound(what: "cost import \(id)") }
    return CostImport(
      id: id, source: row["source"], digest: try Stored.digest(row["digest"], table: "cost_import"),
      isUnchanged: row["state"] as String == "unchanged", version: row["version"],
      bytes: row["bytes"], records: row["records"], faultyRows: row["faults"],
      roundedValues: row["precision_lost"],
      receivedAt: UTCInstant(microseconds: row["received_at"]), actor: row["actor"],
      snapshots: try snapshots(database, "import = ?", [id]), totals: try totals(database, id: id))
  }

  /// Snapshots that meet a condition, by period and source.
  static func snapshots(
    _ database: Database, _ condition: String, _ arguments: StatementArguments
  ) throws -> [CostSnapshot] {
    try Row.fetchAll(
      database,
      sql: "SELECT * FROM cost_snapshot WHERE \(condition) ORDER BY period, source, import",
      arguments: arguments
    ).map { row in
      guard let state = CostSnapshot.State(rawValue: row["state"]) else {
        throw StoreError.malformed(table: "cost_snapshot", reason: "unknown state")
      }
      return CostSnapshot(
        importID: row["import"], source: row["source"],
        period: try Stored.period(row["period"], table: "cost_snapshot"),
        digest: try Stored.digest(row["digest"], table: "cost_snapshot"), records: row["records"],
        state: state)
    }
  }

  private static func totals(_ database: Database, id: Int64) throws -> [CostTotal] {
    try Row.fetchAll(
      database, sql: "SELECT * FROM cost_total WHERE import = ? ORDER BY period, currency",
      arguments: [id]
    ).map { row in
      CostTotal(
        period: try Stored.period(row["period"], table: "cost_total"),
        currency: try Stored.currency(row["currency"], table: "cost_total"),
        records: row["records"], billed: try Stored.amount(row["billed"], table: "cost_total"),
        effective: try Stored.amount(row["effective"], table: "cost_total"))
    }
  }
}
