public import Accounting
internal import Foundation
internal import GRDB

/// Imported cost files: snapshots by source and billing period, their records, and rows in
/// quarantine.
public struct CostStore: Sendable {
  /// The database.
  let engine: Engine

  /// Begins an import. Nothing of it counts before `CostStaging.commit`.
  public func begin(
    source: String, by actor: String, at now: UTCInstant
  ) async throws(StoreError) -> CostStaging {
    let id = try await engine.write("beginning a cost import") { database in
      try database.execute(
        sql: """
          INSERT INTO cost_import (source, digest, state, version, bytes, records, faults,
            precision_lost, received_at, actor) VALUES (?, x'', 'staging', '', 0, 0, 0, 0, ?, ?)
          """, arguments: [source, now.microseconds, actor])
      return database.lastInsertedRowID
    }
    return CostStaging(engine: engine, importID: id, source: source)
  }

  /// The latest imports, newest first.
  public func latest(_ count: Int) async throws(StoreError) -> [CostImport] {
    try await engine.read("listing cost imports") { database in
      try Int64.fetchAll(
        database,
        sql: "SELECT id FROM cost_import WHERE state <> 'staging' ORDER BY id DESC LIMIT ?",
        arguments: [count]
      ).map { try CostReading.costImport(database, id: $0) }
    }
  }

  /// One import; throws `notFound`.
  public func costImport(_ id: Int64) async throws(StoreError) -> CostImport {
    try await engine.read("reading cost import \(id)") { database in
      try CostReading.costImport(database, id: id)
    }
  }

  /// Rows of an import in quarantine, in order of the file, from a position on; throws `notFound`.
  public func quarantine(
    of id: Int64, from position: Int = 0, max count: Int
  ) async throws(StoreError) -> [QuarantinedRow] {
    try await engine.read("reading the quarantine of import \(id)") { database in
      let known = try Int.fetchOne(
        database, sql: "SELECT 1 FROM cost_import WHERE id = ?", arguments: [id])
      guard known != nil else { throw StoreError.notFound(what: "cost import \(id)") }
      return try Row.fetchAll(
        database,
        sql: """
          SELECT line, field, reason, value, file FROM cost_fault
          WHERE import = ? AND position >= ? ORDER BY position LIMIT ?
          """, arguments: [id, position, count]
      ).map { row in
        QuarantinedRow(file: row[4], line: row[0], column: row[1], reason: row[2], value: row[3])
      }
    }
  }

  /// The snapshots that count for a period, by source.
  public func current(of period: Period) async throws(StoreError) -> [CostSnapshot] {
    try await engine.read("reading cost snapshots of \(period)") { database in
      try CostReading.snapshots(
        database, "period = ? AND state = 'current'", [period.description])
    }
  }

  /// Rows in quarantine that nobody has settled and that may belong to a period's bill.
  public func quarantinedRows(of period: Period) async throws(StoreError) -> Int {
    try await engine.read("counting quarantined rows of \(period)") { database in
      try Quarantine(database: database, period: period).rows()
    }
  }

  /// Takes back what a source says of a period: its records, or the invoices that it states. They stay
  /// stored and no longer count; a period that is closed shows them as late. Throws `notFound` when there is nothing.
  public func withdraw(
    _ what: CostWithdrawal, source: String, period: Period, audit: AuditRecord
  ) async throws(StoreError) {
    try await engine.write("withdrawing \(what.rawValue) of \(source)") { database in
      let table = what == .costs ? "cost_snapshot" : "invoice_snapshot"
      try database.execute(
        sql: """
          UPDATE \(table) SET state = 'superseded'
          WHERE source = ? AND period = ? AND state = 'current'
          """, arguments: [source, period.description])
      guard database.changesCount > 0 else {
        throw StoreError.notFound(what: "\(what.rawValue) of source \(source) in \(period)")
      }
      try PeriodChange.bump(database, period.description)
      try AuditTrail.append(database, audit)
    }
  }

  /// Walks the records of a period, by source and line, carrying `state` along; `begin` is told each source
  /// before its records.
  ///
  /// Memory: one block of records at a time. `step` throws end the walk with an `engine` error.
  public func scan<State: Sendable>(
    _ period: Period, _ selection: CostSelection = .current, into state: State,
    begin: @escaping @Sendable (inout State, String) -> Void = { _, _ in },
    _ step: @escaping @Sendable (inout State, CostRecord) throws -> Void
  ) async throws(StoreError) -> State {
    try await engine.read("reading costs of \(period)") { database in
      var carried = state
      for (source, importID) in try CostReading.imports(database, of: period, selection) {
        begin(&carried, source)
        try CostReading.forEachRecord(database, importID: importID, period: period) { record in
          try step(&carried, record)
        }
      }
      return carried
    }
  }

  /// What an import changed, a difference for each billing period in which it replaced another one.
  public func differences(of id: Int64) async throws(StoreError) -> [CostDifference] {
    try await engine.read("comparing cost import \(id)") { database in
      try CostReading.costImport(database, id: id).snapshots.compactMap { snapshot in
        guard snapshot.state != .unchanged, let replaces = snapshot.replaces else { return nil }
        let before = try CostGroups.stored(
          database, importID: replaces, period: snapshot.period)
        let after = try CostGroups.stored(database, importID: id, period: snapshot.period)
        return CostDifference(snapshot: snapshot, rows: CostGroups.difference(before, after))
      }
    }
  }

  /// Sources whose costs of a closed period are no longer those that its close counted.
  ///
  /// `scan` walks both sides: `.closed` and `.current`. Empty for a period that was never closed.
  public func late(of period: Period) async throws(StoreError) -> [LateCosts] {
    try await engine.read("reading late costs of \(period)") { database in
      guard try CostCommit.isClosed(database, period) else { return [] }
      var found: [String: LateCosts] = [:]
      for (source, id) in try CostReading.imports(database, of: period, .closed) {
        found[source] = LateCosts(source: source, closed: id)
      }
      for (source, id) in try CostReading.imports(database, of: period, .current) {
        found[source, default: LateCosts(source: source)].current = id
      }
      return found.values.filter { $0.closed != $0.current }.sorted { $0.source < $1.source }
    }
  }
}
