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
      return try SealReading.seal(database, closing.period)
    }
    if let seal { try seals.write(seal) }
  }

  /// Stores provisional statements in place of those before, with an audit record. Usage and costs
  /// still count as they come in. Throws `periodClosed`.
  public func softClose(
    _ period: Period, facts: SoftCloseFacts, documents: PeriodDocuments, audit: AuditRecord
  ) async throws(StoreError) {
    try await engine.write("soft-closing \(period)") { database in
      guard try PeriodRows.record(database, period).state != .closed else {
        throw StoreError.periodClosed(period: period.description)
      }
      try ProvisionalRows.replace(database, period.description, documents)
      try database.execute(
        sql: """
          INSERT INTO period (id, state, version, soft_closed_at, soft_closed_by, soft_close_reason)
          VALUES (?, ?, 0, ?, ?, ?)
          ON CONFLICT (id) DO UPDATE SET state = excluded.state,
            soft_closed_at = excluded.soft_closed_at, soft_closed_by = excluded.soft_closed_by,
            soft_close_reason = excluded.soft_close_reason
          """,
        arguments: [
          period.description, PeriodState.softClosed.rawValue, facts.at.microseconds, facts.actor,
          facts.reason,
        ])
      try AuditTrail.append(database, audit)
    }
  }

  /// What a close left, to be kept elsewhere; of the latest version when nil. Throws `notFound`.
  public func seal(of period: Period, version: UInt32? = nil) async throws(StoreError) -> Seal {
    try await engine.read("reading the seal of \(period)") { database in
      guard let seal = try SealReading.seal(database, period, version: version) else {
        throw StoreError.notFound(what: "close of \(period)")
      }
      return seal
    }
  }

  /// Everything in which the store differs from a seal that was kept elsewhere; empty when it is the
  /// store that was sealed.
  public func faults(against seal: Seal) async throws(StoreError) -> [String] {
    try await engine.read("comparing with a seal") { database in
      try SealReading.faults(database, seal)
    }
  }

  /// Seals of all closed periods, as the database remembers them.
  func sealsOwed() async throws(StoreError) -> [Seal] {
    try await engine.read("reading closed periods") { database in
      try String.fetchAll(
        database, sql: "SELECT id FROM period WHERE ledger_hash IS NOT NULL"
      ).compactMap { id in
        try SealReading.seal(database, try Stored.period(id, table: "period"))
      }
    }
  }
}
