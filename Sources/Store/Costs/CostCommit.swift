internal import Accounting
internal import Digest
internal import Foundation
internal import GRDB

/// The transaction that makes a staged cost file count.
struct CostCommit: Sendable {
  /// The import.
  let importID: Int64
  /// The source it is imported under.
  let source: String
  /// What is known of the file.
  let facts: CostFileFacts
  /// Over the records of each billing period.
  let digests: [Period: Digest256]
  /// Sums of each billing period and currency.
  let totals: [CostTotal]
  /// Sums by service and charge category.
  let groups: CostGroups
  /// Invoice lines, of a file of control totals.
  let invoices: [InvoiceLine]
  /// What it says of billing periods.
  let notices: [BillingPeriodNotice]
  /// Who imports.
  let audit: AuditRecord

  /// Decides for each billing period whether it is new, then closes the import.
  func run(_ database: Database) throws {
    var isUnchanged = true
    for (period, digest) in digests.sorted(by: { $0.key < $1.key }) {
      if try !settle(database, period: period, digest: digest) { isUnchanged = false }
    }
    let controls = ControlCommit(
      importID: importID, source: source, invoices: invoices, notices: notices)
    if try !controls.run(database) { isUnchanged = false }
    let hasHistory =
      try Int.fetchOne(
        database, sql: "SELECT count(*) FROM cost_import WHERE source = ? AND digest = ?",
        arguments: [source, Data(facts.digest.bytes)]) ?? 0
    // A file without any good row is new the first time it is seen.
    if digests.isEmpty, controls.isEmpty, hasHistory == 0 { isUnchanged = false }
    // Rows in quarantine stand in the way of a close, whatever period they may belong to.
    if facts.totals.faultyRows > 0 { try PeriodChange.bumpAll(database) }
    for total in totals { try insert(database, total) }
    try database.execute(
      sql: """
        UPDATE cost_import SET state = ?, digest = ?, version = ?, form = ?, map = ?, bytes = ?,
          good_rows = ?, records = ?, skipped = ?, faults = ?, precision_lost = ? WHERE id = ?
        """,
      arguments: [
        isUnchanged ? "unchanged" : "stored", Data(facts.digest.bytes),
        facts.version?.rawValue ?? "", facts.form.rawValue, facts.map.map { Data($0.bytes) },
        facts.bytes, facts.totals.goodRows, facts.totals.records, facts.totals.skippedRows,
        facts.totals.faultyRows, facts.totals.roundedValues, importID,
      ])
    try AuditTrail.append(database, audit)
  }

  /// Returns whether the period's records are those that the source had already.
  private func settle(_ database: Database, period: Period, digest: Digest256) throws -> Bool {
    let current = try Row.fetchOne(
      database,
      sql: """
        SELECT import, digest FROM cost_snapshot
        WHERE source = ? AND period = ? AND state = 'current'
        """, arguments: [source, period.description])
    let isSame = current?["digest"] == Data(digest.bytes)
    let records = totals.filter { $0.period == period }.reduce(0) { $0 + $1.records }
    let isLate = try !isSame && Self.isClosed(database, period)
    if isSame {
      try database.execute(
        sql: "DELETE FROM cost_block WHERE import = ? AND period = ?",
        arguments: [importID, period.description])
    } else {
      try database.execute(
        sql: """
          UPDATE cost_snapshot SET state = 'superseded'
          WHERE source = ? AND period = ? AND state = 'current'
          """, arguments: [source, period.description])
      try groups.store(database, importID: importID, period: period)
      try PeriodChange.bump(database, period.description)
    }
    try database.execute(
      sql: """
        INSERT INTO cost_snapshot (import, source, period, digest, records, state, replaces,
          is_late) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        importID, source, period.description, Data(digest.bytes), records,
        isSame ? "unchanged" : "current", current?["import"] as Int64?, isLate,
      ])
    return isSame
  }

  /// Whether a period was closed, so that what comes now is late.
  static func isClosed(_ database: Database, _ period: Period) throws -> Bool {
    let state = try String.fetchOne(
      database, sql: "SELECT state FROM period WHERE id = ?", arguments: [period.description])
    return state == PeriodState.closed.rawValue
  }

  private func insert(_ database: Database, _ total: CostTotal) throws {
    try database.execute(
      sql: """
        INSERT INTO cost_total (import, period, currency, records, billed, effective)
        VALUES (?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        importID, total.period.description, total.currency.code, total.records,
        total.billed.description, total.effective.description,
      ])
  }

  /// Removes a staged import with all that belongs to it.
  static func forget(_ database: Database, importID: Int64) throws {
    let tables = [
      "cost_record", "cost_block", "cost_fault", "cost_total", "cost_group", "cost_snapshot",
      "invoice_line", "invoice_snapshot",
    ]
    for table in tables {
      try database.execute(sql: "DELETE FROM \(table) WHERE import = ?", arguments: [importID])
    }
    try database.execute(sql: "DELETE FROM cost_import WHERE id = ?", arguments: [importID])
  }

  /// Removes what an import left behind when the program ended before its commit.
  static func forgetStaged(_ database: Database) throws {
    let staged = try Int64.fetchAll(
      database, sql: "SELECT id FROM cost_import WHERE state = 'staging'")
    for importID in staged { try forget(database, importID: importID) }
  }
}
