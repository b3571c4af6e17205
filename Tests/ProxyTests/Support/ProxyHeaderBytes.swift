import Usage

/// Headers of the PROXY protocol, made as a balancer makes them.
enum ProxyHeaderBytes {
  static let signature: [UInt8] = [
    0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
  ]
  /// 203.0.113.9 to 198.51.100.1, ports 56324 and 443.
  static let pairIPv4: [UInt8] = [203, 0, 113, 9, 198, 51, 100, 1, 0xDC, 0x04, 0x01, 0xBB]
  /// 2001:db8::9 to 2001:db8::1, ports 56324 and 443.
  static let pairIPv6: [UInt8] =
    [0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [9]
    + [0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [1]
    + [0xDC, 0x04, 0x01, 0xBB]

  /// A header of version 2; `length` overrides the announced length.
  static func binary(
    command: UInt8 = 0x21, family: UInt8 = 0x11, _ payload: [UInt8], length: Int? = nil
  ) -> [UInt8] {
    let length = length ?? payload.count
    return signature + [command, family, UInt8(length >> 8), UInt8(length & 0xFF)] + payload
  }

  static func record(_ type: UInt8, _ value: [UInt8]) -> [UInt8] {
    [type, UInt8(value.count >> 8), UInt8(value.count & 0xFF)] + value
  }

  /// A header of version 2 whose last record is its right checksum, or one that is wrong by `error`.
  static func checked(
    family: UInt8 = 0x11, _ payload: [UInt8], error: UInt32 = 0
  ) -> [UInt8] {
    var header = binary(family: family, payload + record(0x03, [0, 0, 0, 0]))
    let sum = CRC32C.checksum(header) ^ error
    for offset in 0..<4 {
      header[header.count - 4 + offset] = UInt8(truncatingIfNeeded: sum >> UInt32(24 - 8 * offset))
    }
    return header
  }
}
