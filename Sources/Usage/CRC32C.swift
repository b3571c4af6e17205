/// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78, as in RFC 3720 §B.4).
public enum CRC32C {
  /// The checksum of a run of bytes.
  public static func checksum(_ bytes: [UInt8]) -> UInt32 {
    checksum(bytes, from: 0, to: bytes.count)
  }

  /// The checksum of `bytes[start..<end]`; eight bytes a step.
  static func checksum(_ bytes: [UInt8], from start: Int, to end: Int) -> UInt32 {
    let bytes = bytes.span
    var crc = ~UInt32(0)
    var index = start
    while end - index >= 8 {
      var word = UInt64(crc)
      for offset in 0..<8 { word ^= UInt64(bytes[index + offset]) << UInt64(offset * 8) }
      crc = 0
      for offset in 0..<8 {
        crc ^=
          tables[(7 - offset) * 256 + Int(truncatingIfNeeded: (word >> UInt64(offset * 8)) & 255)]
      }
      index += 8
    }
    while index < end {
      crc = (crc >> 8) ^ tables[Int((crc ^ UInt32(bytes[index])) & 255)]
      index += 1
    }
    return ~crc
  }

  /// Table k holds the effect of a byte that k further bytes follow.
  private static let tables: [UInt32] = {
    var tables = [UInt32](repeating: 0, count: 8 * 256)
    for byte in 0..<256 {
      var value = UInt32(byte)
      for _ in 0..<8 { value = (value >> 1) ^ (value & 1 == 1 ? 0x82F6_3B78 : 0) }
      tables[byte] = value
    }
    for index in 256..<tables.count {
      let before = tables[index - 256]
      tables[index] = (before >> 8) ^ tables[Int(before & 255)]
    }
    return tables
  }()
}
