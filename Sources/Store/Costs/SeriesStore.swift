public import Accounting
public import Digest
internal import Foundation
internal import GRDB

/// An external series as it was stored: one driver of one period.
public struct StoredSeries: Sendable, Equatable {
  /// Its number.
  public var id: Int64
  /// The period.
  public var period: Period
  /// Name, unit and the number of each tenant.
  public var series: ExternalSeries
  /// Over name, period, unit and values.
  public var digest: Digest256
  /// Where it came from, in words.
  public var origin: String
  /// Hours of the period that the source was asked for; 0 when it tells no hours.
  public var expectedHours: Int
  /// What is known about it beside the values: missing hours, labels without a tenant (JSON).
  public var notes: [UInt8]
  /// Whether its period was closed when it came.
  public var isLate: Bool
  /// When it was stored.
  public var storedAt: UTCInstant
  /// By whom.
  public var actor: String
}

/// External series: what Weir did not meter and policies use as drivers.
public struct SeriesStore: Sendable {
  /// The database.
  let engine: Engine

  /// A series to be stored.
  public struct Arrival: Sendable {
    /// The period.
    public var period: Period
    /// Name, unit and values.
    public var series: ExternalSeries
    /// Where it came from, in words.
    public var origin: String
    /// Hours that the source was asked for.
    public var expectedHours: Int
    /// Missing hours and labels without a tenant (JSON).
    public var notes: [UInt8]

    /// An arrival.
    public init(
      period: Period, series: ExternalSeries, origin: String, expectedHours: Int, notes: [UInt8]
    ) {
      self.period = period
      self.series = series
      self.origin = origin
      self.expectedHours = expectedHours
      self.notes = notes
    }
  }

  /// Stores a series in the place of the one that its period had under the name. The same values again
  /// change nothing; returns the stored one and whether it is new.
  public func store(
    _ arrival: Arrival, audit: AuditRecord
  ) async throws(StoreError) -> (stored: StoredSeries, isNew: Bool) {
    let digest = Self.digest(arrival.series, arrival.period)
    return try await engine.write("storing series \(arrival.series.name)") { database in
      let name = arrival.series.name
      let period = arrival.period.description
      let current = try Row.fetchOne(
        database,
        sql: """
          SELECT * FROM external_series WHERE name = ? AND period = ? AND state = 'current'
          """, arguments: [name, period])
      if let current, current["digest"] == Data(digest.bytes) {
        return (try Self.series(database, current), false)
      }
      try database.execute(
        sql: """
          UPDATE external_series SET state = 'superseded'
          WHERE name = ? AND period = ? AND state = 'current'
          """, arguments: [name, period])
      try database.execute(
        sql: """
          INSERT INTO external_series (name, period, unit, digest, origin, state, expected_hours,
            notes, is_late, at, actor) VALUES (?, ?, ?, ?, ?, 'current', ?, ?, ?, ?, ?)
          """,
        arguments: [
          name, period, arrival.series.unit, Data(digest.bytes), arrival.origin,
          arrival.expectedHours, Data(arrival.notes),
          try CostCommit.isClosed(database, arrival.period), audit.at.microseconds, audit.actor,
        ])
      let id = database.lastInsertedRowID
      let insert = try database.cachedStatement(
        sql: "INSERT INTO external_value (series, tenant, quantity) VALUES (?, ?, ?)")
      for (tenant, quantity) in arrival.series.values {
        try insert.execute(arguments: [id, tenant, quantity.description])
      }
      try PeriodChange.bump(database, period)
      try AuditTrail.append(database, audit)
      let row = try Row.fetchOne(
        database, sql: "SELECT * FROM external_series WHERE id = ?", arguments: [id])
      guard let row else { throw StoreError.notFound(what: "series \(id)") }
      return (try Self.series(database, row), true)
    }
  }

  /// The series that count for a period, by name.
  public func current(of period: Period) async throws(StoreError) -> [StoredSeries] {
    try await engine.read("reading series of \(period)") { database in
      try Row.fetchAll(
        database,
        sql: "SELECT * FROM external_series WHERE period = ? AND state = 'current' ORDER BY name",
        arguments: [period.description]
      ).map { try Self.series(database, $0) }
    }
  }

  private static func series(_ database: Database, _ row: Row) throws -> StoredSeries {
    var values: [String: Amount] = [:]
    let found = try Row.fetchCursor(
      database, sql: "SELECT tenant, quantity FROM external_value WHERE series = ?",
      arguments: [row["id"] as Int64])
    while let value = try found.next() {
      values[value["tenant"]] = try Stored.amount(value["quantity"], table: "external_value")
    }
    return StoredSeries(
      id: row["id"], period: try Stored.period(row["period"], table: "external_series"),
      series: try ExternalSeries(name: row["name"], unit: row["unit"], values: values),
      digest: try Stored.digest(row["digest"], table: "external_series"), origin: row["origin"],
      expectedHours: row["expected_hours"], notes: [UInt8](row["notes"] as Data),
      isLate: row["is_late"], storedAt: UTCInstant(microseconds: row["at"]), actor: row["actor"])
  }

  /// SHA-256 over `name TAB period TAB unit` and a line `tenant TAB quantity` each, in byte order.
  public static func digest(_ series: ExternalSeries, _ period: Period) -> Digest256 {
    var hash = SHA256()
    hash.update(Array("\(series.name)\t\(period)\t\(series.unit)\n".utf8))
    for tenant in series.values.keys.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
      hash.update(Array("\(tenant)\t\(series.values[tenant] ?? .zero)\n".utf8))
    }
    return hash.finish()
  }
}
