public import Accounting
internal import Digest
internal import Foundation
internal import GRDB
public import Usage

/// Batches and the usage they carry: stored exactly once, whatever is sent twice or out of order.
public struct UsageStore: Sendable {
  /// The database.
  let engine: Engine

  /// Stores one batch in one transaction, or says why it was not counted.
  ///
  /// `missingMax`: how many missing names to list. Throws `counterOverflow` when a sum would pass
  /// 63 bits; nothing is stored then.
  public func ingest(
    _ batch: Batch, receipt: BatchReceipt, missingMax: Int
  ) async throws(StoreError) -> IngestOutcome {
    try await engine.write("storing batch \(batch.name)") { database in
      let disposition = try BatchIntake(database: database, batch: batch, receipt: receipt).run()
      let position = try Int64.fetchOne(
        database, sql: "SELECT names_stored FROM instance WHERE name = ?",
        arguments: [batch.name.instance])
      return IngestOutcome(
        disposition: disposition,
        instancePosition: try Counter.value(position ?? 0, "instance"),
        missing: try MissingNames.list(
          database, instance: batch.name.instance, max: missingMax))
    }
  }

  /// What every tenant used in a period, as it counts for its statements: late usage is not in it
  /// until a restatement took it in. Tenants stand under the name that `history` gives them in each
  /// hour.
  public func figures(
    of period: Period, history: TenantHistory = .empty
  ) async throws(StoreError) -> UsageFigures {
    let operation = "reading usage of \(period)"
    let (scan, sections) = try await engine.read(operation) { database in
      let scan = try UsageReading.scan(
        database, table: "usage_rollup", period: period, history: history)
      return (scan, try scan.sections(database, Self.sections))
    }
    var figures = try await engine.read(operation) { database in
      try UsageReading.figures(database, table: "usage_taken", period: period, history: history)
    }
    do {
      try await withThrowingTaskGroup(of: (Int, UsageFigures).self) { group in
        for (place, section) in sections.enumerated() {
          group.addTask {
            (
              place,
              try await engine.read(operation) { database in
                try scan.figures(database, section)
              }
            )
          }
        }
        var parts: [Int: UsageFigures] = [:]
        for try await (place, part) in group { parts[place] = part }
        for place in sections.indices {
          if let part = parts.removeValue(forKey: place) { try figures.merge(part) }
        }
      }
    } catch {
      throw Engine.error(error, during: operation)
    }
    return figures
  }

  /// Parts in which a period is summed, by several readers at once; each sees the store as it is when it begins. A
  /// close takes its mark before. Many small ones, because a few tenants have most of the rows.
  private static let sections = 16 * min(4, ProcessInfo.processInfo.activeProcessorCount)

  /// What arrived for a period after it was closed.
  public func lateFigures(
    of period: Period, history: TenantHistory = .empty
  ) async throws(StoreError) -> UsageFigures {
    try await engine.read("reading late usage of \(period)") { database in
      try UsageReading.figures(database, table: "usage_late", period: period, history: history)
    }
  }

  /// What the listeners of a period's batches counted, late batches among them, by quantity name:
  /// the other side of the conservation law.
  public func listenerTotals(of period: Period) async throws(StoreError) -> [String: UInt128] {
    try await engine.read("reading listener totals of \(period)") { database in
      try UsageReading.listenerTotals(database, period: period)
    }
  }

  /// The names that proxies declared for the operator's units in a period, by position.
  public func declaredUnits(of period: Period) async throws(StoreError) -> [[String]] {
    try await engine.read("reading units of \(period)") { database in
      try UsageReading.declaredUnits(database, period)
    }
  }

  /// Sums of a window, grouped and filtered; late usage is in it.
  public func summary(_ query: UsageQuery) async throws(StoreError) -> [UsageSummaryRow] {
    try await engine.read("reading usage") { database in
      try UsageReading.summary(database, query)
    }
  }

  /// How batches of all time fared.
  public func counts() async throws(StoreError) -> BatchCounts {
    try await engine.read("counting batches") { database in
      let row = try Row.fetchOne(
        database,
        sql: """
          SELECT count(*) AS batches, coalesce(sum(rows), 0) AS rows,
            coalesce(sum(state = 'late'), 0) AS late,
            coalesce(sum(state = 'quarantined'), 0) AS quarantined,
            coalesce(sum(NOT is_conserved), 0) AS unconserved,
            coalesce(sum((flags & \(BatchFlags.volatile.rawValue)) != 0), 0) AS volatile,
            coalesce(sum((flags & \(BatchFlags.recovered.rawValue)) != 0), 0) AS recovered,
            coalesce(sum((flags & \(BatchFlags.clockStepped.rawValue)) != 0), 0) AS stepped,
            (SELECT count(*) FROM batch_conflict) AS conflicts FROM batch
          """)
      guard let row else { throw StoreError.malformed(table: "batch", reason: "no counts") }
      return BatchCounts(
        batches: row["batches"], rows: row["rows"], late: row["late"],
        quarantined: row["quarantined"], conflicts: row["conflicts"],
        unconserved: row["unconserved"], volatile: row["volatile"], recovered: row["recovered"],
        clockStepped: row["stepped"])
    }
  }

  /// Copies of a period's batches that were refused because their name was taken by other bytes.
  public func conflicts(of period: Period) async throws(StoreError) -> Int {
    try await engine.read("counting conflicts of \(period)") { database in
      try Int.fetchOne(
        database, sql: "SELECT count(*) FROM batch_conflict WHERE period = ?",
        arguments: [period.description]) ?? 0
    }
  }
}

/// How all batches ever received fared.
public struct BatchCounts: Sendable, Equatable {
  /// Batches stored, late and quarantined ones among them.
  public var batches: Int
  /// Rows in them.
  public var rows: Int
  /// Batches that came after their period was closed.
  public var late: Int
  /// Batches kept whole and not counted.
  public var quarantined: Int
  /// Copies that were refused because their name was taken by other bytes.
  public var conflicts: Int
  /// Batches whose rows and listener totals disagree.
  public var unconserved: Int
  /// Batches counted in memory that a kill would have lost.
  public var volatile: Int
  /// Batches of killed processes.
  public var recovered: Int
  /// Batches in which the wall clock was stepped.
  public var clockStepped: Int
}
