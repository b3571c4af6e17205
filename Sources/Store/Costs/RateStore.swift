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

  /// Stores a file of rates. One that was stored before changes nothing as long as all its rates are
  /// in force; when a later file stands over one of them, it is stored again, and holds again. Returns
  /// whether it was stored.
  ///
  /// Every open period notices: a close that loaded its inputs before the file came is refused.
  public func append(_ file: RateFile, audit: AuditRecord) async throws(StoreError) -> Bool {
    try await engine.write("storing rates") { database in
      let times = try Self.times(database, file.digest)
      if times > 0, try Self.areInForce(database, file.rates) { return false }
      try database.execute(
        sql: """
          INSERT INTO rate_import (digest, file_digest, source, rates, received_at, actor)
          VALUES (?, ?, ?, ?, ?, ?)
          """,
        arguments: [
          Data(Self.key(of: file.digest, times: times).bytes), Data(file.digest.bytes),
          file.source, file.rates.count, audit.at.microseconds, audit.actor,
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

  /// How many times a file was stored.
  private static func times(_ database: Database, _ digest: Digest256) throws -> Int {
    try Int.fetchOne(
      database, sql: "SELECT count(*) FROM rate_import WHERE ifnull(file_digest, digest) = ?",
      arguments: [Data(digest.bytes)]) ?? 0
  }

  /// What tells an import from all others: the file's digest, and of a repetition one made from it.
  private static func key(of digest: Digest256, times: Int) -> Digest256 {
    guard times > 0 else { return digest }
    var hash = SHA256()
    hash.update(digest)
    hash.update(Array("#\(times)".utf8))
    return hash.finish()
  }

  private static func inForce(_ condition: String) -> String {
    """
    SELECT day, rate, source FROM rate
    WHERE to_currency = ? AND from_currency = ? AND \(condition)
    ORDER BY import DESC, line DESC LIMIT 1
    """
  }

  /// Whether each rate of a file is what holds for its day, pair and invoice.
  private static func areInForce(
    _ database: Database, _ rates: [(line: Int, entry: RateEntry)]
  ) throws -> Bool {
    let ofDay = try database.cachedStatement(sql: inForce("invoice IS NULL AND day = ?"))
    let ofInvoice = try database.cachedStatement(sql: inForce("invoice = ?"))
    for (_, entry) in rates {
      let row =
        if let invoice = entry.invoice {
          try Row.fetchOne(ofInvoice, arguments: [entry.to.code, entry.from.code, invoice])
        } else {
          try Row.fetchOne(
            ofDay, arguments: [entry.to.code, entry.from.code, entry.day.microseconds])
        }
      guard let row, row["day"] == entry.day.microseconds,
        row["rate"] == entry.rate.description, row["source"] == entry.source
      else { return false }
    }
    return true
  }

  /// The rates that may serve in a period, all that name an invoice among them.
  public func book(for period: Period, to currency: Currency) async throws(StoreError) -> RateBook {
    let first = period.start.microseconds - Self.daysBefore * 86_400_000_000
    return try await engine.read("reading rates of \(period)") { database in
      let rows = try Row.fetchAll(
        database,
        sql: """
          SELECT rate.*, ifnull(rate_import.file_digest, rate_import.digest) AS digest,
            rate_import.received_at FROM rate
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
          SELECT rate.*, ifnull(rate_import.file_digest, rate_import.digest) AS digest,
            rate_import.received_at FROM rate
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
