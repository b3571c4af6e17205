public import Accounting
public import Digest
internal import Foundation
internal import GRDB

/// A file of rates on its way in.
public struct RateFile: Sendable, Equatable {
  /// SHA-256 of the file.
  public var digest: Digest256
  /// Who published them, when rows do not say it.
  public var source: String
  /// The rates with the lines they stand on.
  public var rates: [(line: Int, entry: RateEntry)]

  /// A file.
  public init(digest: Digest256, source: String, rates: [(line: Int, entry: RateEntry)]) {
    self.digest = digest
    self.source = source
    self.rates = rates
  }

  /// Whether two files hold the same.
  public static func == (left: RateFile, right: RateFile) -> Bool {
    left.digest == right.digest && left.source == right.source
  }
}

/// A rate as it was stored.
public struct StoredRate: Sendable, Equatable {
  /// The rate.
  public var entry: RateEntry
  /// SHA-256 of the file it came in.
  public var digest: Digest256
  /// When that came.
  public var receivedAt: UTCInstant
}

/// Rates between currencies. None is ever changed or removed: of two for the same day, pair and
/// invoice the one loaded later holds.
public struct RateStore: Sendable {
  /// The database.
  let engine: Engine

  /// Rates of days before the period that may serve in it: the longest age a policy can allow.
  static let daysBefore: Int64 = 366

  /// Stores a file of rates; a file that was stored before changes nothing. Returns whether it is
  /// new.
  ///
  /// Every open period notices: a close that loaded its inputs before the file came is refused.
  public func append(_ file: RateFile, audit: AuditRecord) async throws(StoreError) -> Bool {
    try await engine.write("storing rates") { database in
      let known = try Int.fetchOne(
        database, sql: "SELECT count(*) FROM rate_import WHERE digest = ?",
        arguments: [Data(file.digest.bytes)])
      guard known == 0 else { return false }
      try database.execute(
        sql: """
          INSERT INTO rate_import (digest, source, rates, received_at, actor)
          VALUES (?, ?, ?, ?, ?)
          """,
        arguments: [
          Data(file.digest.bytes), file.source, file.rates.count, audit.at.microseconds,
          audit.actor,
        ])
      let id = database.lastInsertedRowID
      let statement = try database.cachedStatement(
        sql: """
          INSERT INTO rate (import, line, day, from_currency, to_currency, rate, source, invoice)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?)
          """)
      for (line, entry) in file.rates {
        try statement.execute(arguments: [
          id, line, entry.day.microseconds, entry.from.code, entry.to.code, entry.rate.description,
          entry.source, entry.invoice,
        ])
      }
      try PeriodChange.bumpAll(database)
      try AuditTrail.append(database, audit)
      return true
    }
  }

  /// The rates that may serve in a period, all that name an invoice among them.
  public func book(for period: Period, to currency: Currency) async throws(StoreError) -> RateBook {
    let first = period.start.microseconds - Self.daysBefore * 86_400_000_000
    return try await engine.read("reading rates of \(period)") { database in
      let rows = try Row.fetchAll(
        database,
        sql: """
          SELECT rate.*, rate_import.digest, rate_import.received_at FROM rate
          JOIN rate_import ON rate_import.id = rate.import
          WHERE to_currency = ? AND ((day >= ? AND day < ?) OR invoice IS NOT NULL)
          ORDER BY import, line
          """,
        arguments: [currency.code, first, period.end.microseconds])
      return RateBook(try rows.map { try Self.stored($0).entry })
    }
  }

  /// The latest rates by day, then by import; at most `max`.
  public func latest(_ max: Int) async throws(StoreError) -> [StoredRate] {
    try await engine.read("listing rates") { database in
      try Row.fetchAll(
        database,
        sql: """
          SELECT rate.*, rate_import.digest, rate_import.received_at FROM rate
          JOIN rate_import ON rate_import.id = rate.import
          ORDER BY day DESC, from_currency, to_currency, import DESC, line DESC LIMIT ?
          """, arguments: [max]
      ).map(Self.stored)
    }
  }

  private static func stored(_ row: Row) throws -> StoredRate {
    let entry: RateEntry
    do {
      entry = try RateEntry(
        day: UTCInstant(microseconds: row["day"]),
        from: try Stored.currency(row["from_currency"], table: "rate"),
        to: try Stored.currency(row["to_currency"], table: "rate"),
        rate: try Stored.amount(row["rate"], table: "rate"), source: row["source"],
        invoice: row["invoice"])
    } catch let error as AccountingError {
      throw StoreError.malformed(table: "rate", reason: "\(error)")
    }
    return StoredRate(
      entry: entry, digest: try Stored.digest(row["digest"], table: "rate_import"),
      receivedAt: UTCInstant(microseconds: row["received_at"]))
  }
}
