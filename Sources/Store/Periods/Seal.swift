internal import Accounting
internal import Digest
internal import Foundation
internal import GRDB

/// What a close wrote beside the database: how long the ledger was then, and its head.
///
/// A store that was restored from an older backup is told by it.
struct Seal: Sendable, Equatable {
  /// The format of the file.
  static let format: Int64 = 1

  /// The closed period.
  var period: String
  /// The version of its statements.
  var version: Int64
  /// Entries in the ledger after the close.
  var ledgerCount: Int64
  /// The hash of the last of them.
  var ledgerHash: Digest256
  /// When it was closed, microseconds since 1970 UTC.
  var closedAtMicroseconds: Int64

  /// The name of its file.
  var fileName: String { "\(period)-v\(version).json" }

  /// The file's content.
  var bytes: [UInt8] {
    JSONValue.object([
      .init("format", .integer(Self.format)), .init("period", .string(period)),
      .init("version", .integer(version)), .init("ledger_count", .integer(ledgerCount)),
      .init("ledger_hash", .string(ledgerHash.hex)),
      .init("closed_at", .string(UTCInstant(microseconds: closedAtMicroseconds).description)),
    ]).canonicalBytes + [0x0A]
  }

  /// A seal.
  init(
    period: String, version: Int64, ledgerCount: Int64, ledgerHash: Digest256,
    closedAtMicroseconds: Int64
  ) {
    self.period = period
    self.version = version
    self.ledgerCount = ledgerCount
    self.ledgerHash = ledgerHash
    self.closedAtMicroseconds = closedAtMicroseconds
  }

  /// Reads a seal back; throws `malformed`, or `newerFormat` for a file of a newer Weir.
  init(bytes: [UInt8], file: String) throws(StoreError) {
    guard let value = try? JSONValue(parsing: bytes), let format = value["format"]?.asInteger else {
      throw .malformed(table: "seal \(file)", reason: "not a seal")
    }
    guard format == Self.format else {
      throw .newerFormat(path: file, found: Int(format), known: Int(Self.format))
    }
    guard let period = value["period"]?.asString, let version = value["version"]?.asInteger,
      let count = value["ledger_count"]?.asInteger,
      let hash = value["ledger_hash"]?.asString.flatMap({ Digest256(hex: $0) }),
      let closedAt = value["closed_at"]?.asString.flatMap({ try? UTCInstant(parsing: $0) })
    else { throw .malformed(table: "seal \(file)", reason: "a field is missing") }
    self.init(
      period: period, version: version, ledgerCount: count, ledgerHash: hash,
      closedAtMicroseconds: closedAt.microseconds)
  }

  /// Throws `behindSeal` unless the ledger holds what it held at the close.
  func compare(with database: Database, file: String) throws {
    guard ledgerCount > 0 else { return }
    let hash = try Data.fetchOne(
      database, sql: "SELECT hash FROM ledger_entry WHERE sequence = ?",
      arguments: [ledgerCount - 1])
    guard let hash else {
      let count = try Int64.fetchOne(database, sql: "SELECT count(*) FROM ledger_entry") ?? 0
      throw StoreError.behindSeal(
        file: file,
        reason: "period \(period) was closed at \(ledgerCount) entries, the ledger has \(count)")
    }
    guard hash == Data(ledgerHash.bytes) else {
      throw StoreError.behindSeal(
        file: file, reason: "entry \(ledgerCount - 1) is not the one that closed \(period)")
    }
  }
}
