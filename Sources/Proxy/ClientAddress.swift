import Platform

/// A client's address without its port: a value of 24 bytes, so that a connection needs no memory of its own
/// for it.
///
/// IPv4 addresses mapped into IPv6 (`::ffff:192.0.2.1`, what an IPv4 client is on a dual-stack listener) become
/// IPv4, so that one client has one address whatever socket it came through.
struct ClientAddress: Sendable, Hashable {
  /// The bytes in network order as numbers; an IPv4 address is the lower half of `low`.
  private let high: UInt64
  private let low: UInt64
  let isIPv6: Bool

  /// Bytes that the longest address takes as text.
  static let textBytesMax = 39

  /// An address of 4 or 16 bytes in network order.
  init(_ bytes: [UInt8]) {
    precondition(bytes.count == 4 || bytes.count == 16, "an IPv4 or IPv6 address")
    var high: UInt64 = 0
    var low: UInt64 = 0
    for byte in bytes {
      high = high << 8 | low >> 56
      low = low << 8 | UInt64(byte)
    }
    let isMapped = high == 0 && low >> 32 == 0xFFFF
    self.high = high
    self.low = isMapped ? low & 0xFFFF_FFFF : low
    isIPv6 = bytes.count == 16 && !isMapped
  }

  /// The peer of a connection.
  init(_ address: SocketAddress) { self.init(address.bytes) }

  /// 4 or 16 bytes in network order.
  var bytes: [UInt8] {
    let words = isIPv6 ? [high, low] : [low << 32]
    return words.flatMap { word in
      (0..<(isIPv6 ? 8 : 4)).map { UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * $0)) }
    }
  }

  /// Appends the address as text, IPv6 as RFC 5952 writes it; false when there is no room.
  @discardableResult
  func write(to output: Buffer) -> Bool {
    guard output.free >= Self.textBytesMax else { return false }
    if isIPv6 { writeGroups(output) } else { writeDotted(output) }
    return true
  }

  private func writeDotted(_ output: Buffer) {
    for index in 0..<4 {
      let value = UInt8(truncatingIfNeeded: low >> UInt64(24 - 8 * index))
      if value >= 100 { output.append(byte: 0x30 + value / 100) }
      if value >= 10 { output.append(byte: 0x30 + value / 10 % 10) }
      output.append(byte: 0x30 + value % 10)
      if index < 3 { output.append(byte: UInt8(ascii: ".")) }
    }
  }

  private func writeGroups(_ output: Buffer) {
    let gap = longestGap
    var index = 0
    var needsColon = false
    while index < 8 {
      if index == gap.start && gap.count > 1 {
        output.append("::")
        index += gap.count
        needsColon = false
        continue
      }
      if needsColon { output.append(byte: UInt8(ascii: ":")) }
      writeHexadecimal(group(index), output)
      needsColon = true
      index += 1
    }
  }

  private func group(_ index: Int) -> UInt16 {
    let word = index < 4 ? high : low
    return UInt16(truncatingIfNeeded: word >> UInt64(48 - 16 * (index & 3)))
  }

  /// The first of the longest runs of zero groups; RFC 5952 shortens it when it is longer than one.
  private var longestGap: (start: Int, count: Int) {
    var best = (start: 0, count: 0)
    var start = 0
    for index in 0...8 where index == 8 || group(index) != 0 {
      if index - start > best.count { best = (start, index - start) }
      start = index + 1
    }
    return best
  }

  private func writeHexadecimal(_ value: UInt16, _ output: Buffer) {
    let digits = max(1, (16 - value.leadingZeroBitCount + 3) / 4)
    for position in stride(from: digits - 1, through: 0, by: -1) {
      let digit = UInt8(truncatingIfNeeded: value >> UInt16(4 * position)) & 0xF
      output.append(byte: digit < 10 ? 0x30 + digit : 0x57 + digit)
    }
  }
}
