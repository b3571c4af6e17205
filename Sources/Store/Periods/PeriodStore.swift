public import Accounting
internal import Digest
internal import Foundation
internal import GRDB

/// Periods and their close.
public struct PeriodStore: Sendable {
  /// The database.
  let engine: Engine
  /// What closes wrote beside it.
  let seals: SealFolder

  /// Every period that has usage, costs or a close, latest first.
  public func list() async throws(StoreError) -> [PeriodRecord] {
    try await engine.read("listing periods") { database in
      try String.fetchAll(
        database,
        sql: """
          SELECT id FROM period UNION SELECT period FROM period_change
          UNION SELECT DISTINCT period FROM batch ORDER BY 1 DESC
          """
      ).map { id in
        try PeriodRows.record(database, try Stored.period(id, table: "period"))
      }
    }
  }

  /// What is known about a period; an unknown one is open.
  public func record(of period: Period) async throws(StoreError) -> PeriodRecord {
    try await engine.read("reading period \(period)") { database in
      try PeriodRows.record(database, period)
    }
  }

  /// A reading to be taken before the inputs of a close are loaded.
  public func mark(of period: Period) async throws(StoreError) -> PeriodMark {
    try await engine.read("reading period \(period)") { database in
      PeriodMark(
        changes: try PeriodChange.reading(database, period.description),
        ledger: try LedgerRows.head(database))
    }
  }

  /// Stores a close in one transaction with its audit record, then writes the seal.
  ///
  /// Throws `changedMeanwhile` when usage, costs or the ledger moved since the mark was taken, and
  /// `periodClosed` when somebody else was faster; nothing is stored then.
  public func close(_ closing: PeriodClosing, audit: AuditRecord) async throws(StoreError) {
    let seal = try await engine.write("closing \(closing.period)") { database in
      try PeriodRows.store(database, closing)
      try AuditTrail.append(database, audit)
      return try PeriodRows.seal(database, closing.period)
    }
    if let seal { try seals.write(seal) }
  }

  /// Seals of all closed periods, as the database remembers them.
  func sealsOwed() async throws(StoreError) -> [Seal] {
    try await engine.read("reading closed periods") { database in
      try String.fetchAll(
        database, sql: "SELECT id FROM period WHERE ledger_hash IS NOT NULL"
      ).compactMap { id in
        try PeriodRows.seal(database, try Stored.period(id, table: "period"))
      }
    }
  }
}
