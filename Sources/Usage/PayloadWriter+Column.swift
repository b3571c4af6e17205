/// How the values of a column are laid out; the first byte of its body.
enum ColumnMode: UInt8 {
  /// One varint: every value.
  case constant = 0
  /// The smallest value, then each value less that, as varints.
  case offset = 1
  /// A bit a value, lowest bit first, set where it is not zero; then those values as varints.
  case sparse = 2
}

extension PayloadWriter {
  /// A column of equal values.
  mutating func append(constantColumn value: UInt64) {
    append(varint: 1 + UInt64(varintBytes(value)))
    append(byte: ColumnMode.constant.rawValue)
    append(varint: value)
  }

  /// A column in the smallest of the modes that fit; of two equally small ones, the lower.
  mutating func append(column values: [UInt64]) {
    let minimum = values.min() ?? 0
    if values.allSatisfy({ $0 == minimum }) {
      append(constantColumn: minimum)
      return
    }
    var offsetBytes = 1 + varintBytes(minimum)
    var sparseBytes = 1 + (values.count + 7) / 8
    for value in values {
      offsetBytes += varintBytes(value - minimum)
      if value != 0 { sparseBytes += varintBytes(value) }
    }
    if offsetBytes <= sparseBytes {
      append(varint: UInt64(offsetBytes))
      append(byte: ColumnMode.offset.rawValue)
      append(varint: minimum)
      for value in values { append(varint: value - minimum) }
    } else {
      append(varint: UInt64(sparseBytes))
      append(byte: ColumnMode.sparse.rawValue)
      appendPresence(of: values)
      for value in values where value != 0 { append(varint: value) }
    }
  }

  private mutating func appendPresence(of values: [UInt64]) {
    for start in stride(from: 0, to: values.count, by: 8) {
      var bits: UInt8 = 0
      for index in start..<min(start + 8, values.count) where values[index] != 0 {
        bits |= 1 << UInt8(index - start)
      }
      append(byte: bits)
    }
  }
}

/// The length of a value as a varint.
@inline(__always)
func varintBytes(_ value: UInt64) -> Int {
  (63 - (value | 1).leadingZeroBitCount) / 7 + 1
}
