internal import Accounting
internal import Digest
internal import Foundation
internal import GRDB

/// Stores the control totals of an import: a snapshot of invoice lines for each (source, period), and
/// the latest word on each billing period.
struct ControlCommit: Sendable {
  /// The import.
  let importID: Int64
  /// The source it is imported under.
  let source: String
  /// Invoice lines in the order of the file.
  let invoices: [InvoiceLine]
  /// What the file says of billing periods.
  let notices: [BillingPeriodNotice]

  /// Whether the import has none.
  var isEmpty: Bool { invoices.isEmpty && notices.isEmpty }

  /// Stores them; returns whether all of them were known.
  func run(_ database: Database) throws -> Bool {
    var isUnchanged = true
    for (period, lines) in Dictionary(grouping: invoices, by: \.period).sorted(by: {
      $0.key < $1.key
    }) where try !settle(database, period, lines) {
      isUnchanged = false
    }
    for notice in notices where try !note(database, notice) { isUnchanged = false }
    return isUnchanged
  }

  private func settle(
    _ database: Database, _ period: Period, _ lines: [InvoiceLine]
  ) throws -> Bool {
    let digest = Self.digest(lines)
    let current = try Data.fetchOne(
      database,
      sql: """
        SELECT digest FROM invoice_snapshot WHERE source = ? AND period = ? AND state = 'current'
        """, arguments: [source, period.description])
    let isSame = current == Data(digest.bytes)
    if !isSame {
      try database.execute(
        sql: """
          UPDATE invoice_snapshot SET state = 'superseded'
          WHERE source = ? AND period = ? AND state = 'current'
          """, arguments: [source, period.description])
      for line in lines { try insert(database, line) }
      try PeriodChange.bump(database, period.description)
    }
    try database.execute(
      sql: """
        INSERT INTO invoice_snapshot (import, source, period, digest, lines, state)
        VALUES (?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        importID, source, period.description, Data(digest.bytes), lines.count,
        isSame ? "unchanged" : "current",
      ])
    return isSame
  }

  private func insert(_ database: Database, _ line: InvoiceLine) throws {
    let position =
      try Int.fetchOne(
        database, sql: "SELECT coalesce(max(position) + 1, 0) FROM invoice_line WHERE import = ?",
        arguments: [importID]) ?? 0
    try database.execute(
      sql: """
        INSERT INTO invoice_line (import, position, line, period, invoice, detail, issuer, account,
          status, category, currency, billed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        importID, position, line.line, line.period.description, line.invoice, line.detail,
        line.issuer, line.account, line.status, line.category, line.currency.code,
        line.billed.description,
      ])
  }

  /// Keeps the word that was updated last; returns whether it was known.
  private func note(_ database: Database, _ notice: BillingPeriodNotice) throws -> Bool {
    let known = try Row.fetchOne(
      database,
      sql: """
        SELECT is_closed, updated_at FROM billing_period_notice
        WHERE source = ? AND period = ? AND issuer = ?
        """, arguments: [source, notice.period.description, notice.issuer])
    if let known {
      let updatedAt: Int64 = known["updated_at"]
      if updatedAt > notice.updatedAt.microseconds { return true }
      if updatedAt == notice.updatedAt.microseconds, known["is_closed"] == notice.isClosed {
        return true
      }
    }
    try database.execute(
      sql: """
        INSERT INTO billing_period_notice (source, period, issuer, import, is_closed, updated_at)
        VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (source, period, issuer) DO UPDATE SET import = excluded.import,
          is_closed = excluded.is_closed, updated_at = excluded.updated_at
        """,
      arguments: [
        source, notice.period.description, notice.issuer, importID, notice.isClosed,
        notice.updatedAt.microseconds,
      ])
    try PeriodChange.bump(database, notice.period.description)
    return false
  }

  /// SHA-256 over the lines, a line of tab-separated texts each.
  private static func digest(_ lines: [InvoiceLine]) -> Digest256 {
    var hash = SHA256()
    for line in lines {
      let texts = [
        line.invoice, line.detail, line.issuer, line.account, line.status, line.category,
        line.currency.code, line.billed.description,
      ]
      hash.update(Array((texts.joined(separator: "\t") + "\n").utf8))
    }
    return hash.finish()
  }
}
