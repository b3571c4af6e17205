internal import Accounting
internal import Digest
internal import Foundation
internal import GRDB

/// Statements of soft closes as rows, inside one transaction.
enum ProvisionalRows {
  /// Writes the documents of a soft close in place of those before.
  static func replace(
    _ database: Database, _ period: String, _ documents: PeriodDocuments
  ) throws {
    try forget(database, period)
    try database.execute(
      sql: "INSERT INTO provisional_set (period, summary, reconciliation) VALUES (?, ?, ?)",
      arguments: [period, Data(documents.summary), Data(documents.reconciliation)])
    let insert = try database.cachedStatement(
      sql: """
        INSERT INTO provisional_statement (period, tenant, document, digest, micros, currency)
        VALUES (?, ?, ?, ?, ?, ?)
        """)
    try documents.statements.makeAll { prepared in
      let statement = prepared.document
      try insert.execute(arguments: [
        period, statement.tenant, Data(prepared.packed), Data(prepared.digest.bytes),
        statement.total.micros, statement.total.currency.code,
      ])
    }
  }

  /// Removes them.
  static func forget(_ database: Database, _ period: String) throws {
    for table in ["provisional_set", "provisional_statement"] {
      try database.execute(sql: "DELETE FROM \(table) WHERE period = ?", arguments: [period])
    }
  }

  /// Whether provisional statements are what a reader gets: asked for as version 0, or there is
  /// nothing else.
  static func answers(_ database: Database, _ period: Period, version: UInt32?) throws -> Bool {
    if let version { return version == Statement.provisionalVersion }
    let isClosed = try Int.fetchOne(
      database, sql: "SELECT 1 FROM statement_set WHERE period = ? LIMIT 1",
      arguments: [period.description])
    return isClosed == nil
  }
}
