internal import Accounting
internal import GRDB

/// Counts the faulty rows of imports that may belong to a period's bill.
///
/// Rows of a source are settled for a period by the source's next import that has good rows for it,
/// new or the same. A row that names no period may belong to each period for which its import has good
/// rows; and to any period, when it has none, until the source's next import. What is withdrawn takes
/// its rows in quarantine along. Costs and control totals of a source are apart.
struct Quarantine {
  let database: Database
  let period: Period

  private static let controls = "('focus-invoice-detail', 'focus-billing-period')"

  /// How many rows.
  func rows() throws -> Int {
    let imports = try Row.fetchAll(
      database,
      sql: """
        SELECT id, source, form IN \(Self.controls) FROM cost_import
        WHERE faults > 0 AND state <> 'staging'
        """)
    return try imports.reduce(0) { count, row in
      try count + rows(of: row[0], source: row[1], isControl: row[2])
    }
  }

  private func rows(of importID: Int64, source: String, isControl: Bool) throws -> Int {
    let month = period.description
    let snapshots = isControl ? "invoice_snapshot" : "cost_snapshot"
    let isSettled = try exists(
      "SELECT 1 FROM \(snapshots) WHERE source = ? AND period = ? AND import > ?",
      [source, month, importID])
    if isSettled { return 0 }
    var isAnyTaken = try exists(
      "SELECT 1 FROM \(snapshots) WHERE import = ? AND period = ?", [importID, month])
    let isWithdrawn =
      try isAnyTaken
      && !exists(
        "SELECT 1 FROM \(snapshots) WHERE source = ? AND period = ? AND state = 'current'",
        [source, month])
    if isWithdrawn { return 0 }
    let isEmpty = try !exists("SELECT 1 FROM \(snapshots) WHERE import = ?", [importID])
    if isEmpty {
      isAnyTaken = try !exists(
        """
        SELECT 1 FROM cost_import WHERE source = ? AND id > ? AND state <> 'staging'
          AND (form IN \(Self.controls)) = ?
        """, [source, importID, isControl])
    }
    return try Int.fetchOne(
      database,
      sql: """
        SELECT count(*) FROM (SELECT DISTINCT file, line FROM cost_fault
          WHERE import = ? AND (period = ? OR (period IS NULL AND ?)))
        """, arguments: [importID, month, isAnyTaken]) ?? 0
  }

  private func exists(_ sql: String, _ arguments: StatementArguments) throws -> Bool {
    try Int.fetchOne(database, sql: sql, arguments: arguments) != nil
  }
}
