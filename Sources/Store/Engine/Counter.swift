/// Unsigned counters in the database's signed 64-bit columns.
enum Counter {
  /// The column form of `value`; throws `counterOverflow` when it needs the 64th bit.
  static func column(
    _ value: UInt64, _ what: @autoclosure () -> String
  ) throws(StoreError) -> Int64 {
    guard let narrow = Int64(exactly: value) else { throw .counterOverflow(what: what()) }
    return narrow
  }

  /// The counter in a column; throws `malformed` for a negative one.
  static func value(
    _ column: Int64, _ what: @autoclosure () -> String
  ) throws(StoreError) -> UInt64 {
    guard let value = UInt64(exactly: column) else {
      throw .malformed(table: what(), reason: "negative counter \(column)")
    }
    return value
  }
}
