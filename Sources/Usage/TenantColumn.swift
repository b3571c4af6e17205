/// Reads tenant ids, each stored as what it shares with the one before and the rest.
struct TenantColumn: Sendable {
  /// How a row's tenant lies to the one before.
  enum Order {
    case ascending, same, descending
  }

  private let shared: Int
  private let suffixLengths: Int
  private var suffixes: PayloadCursor

  /// Takes the column that begins at `cursor`, which moves behind it.
  init(
    _ payload: [UInt8], at cursor: inout PayloadCursor, rowCount: Int
  ) throws(BatchError) {
    shared = cursor.position
    _ = try cursor.bytes(payload, rowCount)
    suffixLengths = cursor.position
    _ = try cursor.bytes(payload, rowCount)
    let count = try cursor.varint(payload, "suffix bytes", max: cursor.remaining)
    suffixes = PayloadCursor(cursor.position, cursor.position + count)
    _ = try cursor.bytes(payload, count)
  }

  /// Turns `tenant` from the id of the row before into that of `row`.
  mutating func next(
    _ payload: [UInt8], row: Int, tenant: inout [UInt8]
  ) throws(BatchError) -> Order {
    let keep = Int(payload[shared + row])
    let add = Int(payload[suffixLengths + row])
    guard keep <= tenant.count, keep + add <= TenantID.bytesMax else {
      throw .malformed(offset: shared + row, reason: "tenant id shares or adds too many bytes")
    }
    let suffix = try suffixes.bytes(payload, add)
    let order = Self.order(tenant[keep...], suffix)
    tenant.removeSubrange(keep...)
    tenant += suffix
    return order
  }

  /// Throws unless all suffix bytes were read.
  func finish() throws(BatchError) {
    guard suffixes.remaining == 0 else {
      throw suffixes.fault("\(suffixes.remaining) bytes too many in the tenant ids")
    }
  }

  private static func order(_ before: ArraySlice<UInt8>, _ after: ArraySlice<UInt8>) -> Order {
    if before.elementsEqual(after) { return .same }
    return before.lexicographicallyPrecedes(after) ? .ascending : .descending
  }
}

extension TenantID {
  /// An id from one of Weir's own files as bytes, where reserved ids are allowed.
  init?(storedBytes bytes: [UInt8]) {
    guard RowRules.isTenant(bytes) else { return nil }
    self.init(checked: String(decoding: bytes, as: UTF8.self))
  }
}
