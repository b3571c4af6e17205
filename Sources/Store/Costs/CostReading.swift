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
      isUnchanged: row["state"] as String == "unchanged", form: try form(row["form"]),
      version: (row["version"] as String).isEmpty ? nil : row["version"],
      map: try Stored.digest(optional: row["map"], table: "cost_import"), bytes: row["bytes"],
      goodRows: row["good_rows"], records: row["records"], skippedRows: row["skipped"],
      faultyRows: row["faults"], roundedValues: row["precision_lost"],
      receivedAt: UTCInstant(microseconds: row["received_at"]), actor: row["actor"],
      snapshots: try snapshots(database, "import = ?", [id]), totals: try totals(database, id: id))
  }

  private static func form(_ text: String) throws(StoreError) -> CostFormat {
    guard let form = CostFormat(rawValue: text) else {
      throw .malformed(table: "cost_import", reason: "unknown form \(text)")
    }
    return form
  }

  /// Walks the records that an import brought for a period, in the order of the file.
  static func forEachRecord(
    _ database: Database, importID: Int64, period: Period,
    _ body: (CostRecord) throws -> Void
  ) throws {
    let rows = try Row.fetchCursor(
      database,
      sql: "SELECT line, record FROM cost_record WHERE import = ? AND period = ? ORDER BY line",
      arguments: [importID, period.description])
    while let row = try rows.next() {
      let bytes = [UInt8](row[1] as Data)
      try body(try CostRecordBlob.decode(bytes[...], line: row[0]))
    }
    let blocks = try RawStatement(
      database,
      "SELECT block FROM cost_block WHERE import = ?1 AND period = ?2 ORDER BY position")
    try blocks.bind(1, importID)
    try blocks.bind(2, period.description)
    while try blocks.step() {
      var reader = try CostBlockReader(blocks.blob(0))
      while try reader.next(body) {}
    }
  }

  /// The imports that a period counts, or counted when it was closed, by source.
  static func imports(
    _ database: Database, of period: Period, _ selection: CostSelection
  ) throws -> [(source: String, importID: Int64)] {
    let sql =
      switch selection {
      case .current:
        """
        SELECT source, import FROM cost_snapshot WHERE period = ?1 AND state = 'current'
        ORDER BY source
        """
      case .closed:
        """
        SELECT source, import FROM period_import WHERE period = ?1 AND version =
          (SELECT version FROM period WHERE id = ?1) ORDER BY source
        """
      }
    return try Row.fetchAll(database, sql: sql, arguments: [period.description])
      .map { (source: $0[0], importID: $0[1]) }
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
        state: state, replaces: row["replaces"], isLate: row["is_late"])
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
