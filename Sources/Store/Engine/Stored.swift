internal import Accounting
internal import Digest
internal import Foundation

/// Reads column values back into the house's types, or says which table was damaged.
enum Stored {
  /// A digest column.
  static func digest(_ data: Data, table: String) throws(StoreError) -> Digest256 {
    guard let digest = Digest256(bytes: [UInt8](data)) else {
      throw .malformed(table: table, reason: "digest of \(data.count) bytes")
    }
    return digest
  }

  /// A digest column that may be null.
  static func digest(optional data: Data?, table: String) throws(StoreError) -> Digest256? {
    guard let data else { return nil }
    return try digest(data, table: table)
  }

  /// A period column.
  static func period(_ text: String, table: String) throws(StoreError) -> Period {
    do {
      return try Period(parsing: text)
    } catch {
      throw .malformed(table: table, reason: "\(error)")
    }
  }

  /// A currency column.
  static func currency(_ code: String, table: String) throws(StoreError) -> Currency {
    guard let currency = Currency(code: code) else {
      throw .malformed(table: table, reason: "currency \(code)")
    }
    return currency
  }

  /// An exact amount, kept as its decimal text.
  static func amount(_ text: String, table: String) throws(StoreError) -> Amount {
    do {
      return try Amount(parsing: text)
    } catch {
      throw .malformed(table: table, reason: "\(error)")
    }
  }
}
