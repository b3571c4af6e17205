/// Reads the values of one column in order, without unpacking it.
struct ColumnCursor {
  private let mode: ColumnMode
  /// The constant, or what is added to each value.
  private let base: UInt64
  /// Where the presence bits of a sparse column begin.
  private let presence: Int
  private let valueCount: Int
  private var index = 0
  private var values: PayloadCursor

  /// Takes the column that begins at `cursor`, which moves behind it. `valueCount` is known before.
  init(
    _ payload: [UInt8], at cursor: inout PayloadCursor, valueCount: Int
  ) throws(BatchError) {
    let byteCount = try cursor.varint(payload, "length of a column", max: cursor.remaining)
    var body = PayloadCursor(cursor.position, cursor.position + byteCount)
    _ = try cursor.bytes(payload, byteCount)
    let code = try body.byte(payload)
    guard let mode = ColumnMode(rawValue: code) else { throw body.fault("column mode \(code)") }
    self.mode = mode
    self.valueCount = valueCount
    base = mode == .sparse ? 0 : try body.varint(payload)
    presence = body.position
    if mode == .sparse { _ = try body.bytes(payload, (valueCount + 7) / 8) }
    values = body
  }

  /// The next value; at most `valueCount` may be asked for.
  @inline(__always)
  mutating func next(_ payload: [UInt8]) throws(BatchError) -> UInt64 {
    assert(index < valueCount, "a column was read past its end")
    defer { index += 1 }
    switch mode {
    case .constant:
      return base
    case .offset:
      let (value, overflow) = try values.varint(payload).addingReportingOverflow(base)
      if overflow { throw values.fault("value is longer than 64 bits") }
      return value
    case .sparse:
      let bits = payload[presence + index / 8]
      guard bits >> UInt8(index % 8) & 1 == 1 else { return 0 }
      return try values.varint(payload)
    }
  }

  /// Throws unless exactly all of the column was read.
  func finish(_ payload: [UInt8]) throws(BatchError) {
    guard index == valueCount && values.remaining == 0 else {
      throw values.fault("\(values.remaining) bytes too many in a column")
    }
    if mode == .sparse && valueCount % 8 != 0 {
      guard payload[presence + valueCount / 8] >> UInt8(valueCount % 8) == 0 else {
        throw values.fault("presence bits behind the last value")
      }
    }
  }
}
