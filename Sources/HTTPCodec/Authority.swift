/// A host and perhaps a port (RFC 3986 §3.2, without user information).
///
/// Stricter than the grammar: a host is a name or IPv4 address of letters, digits and `-._~`, at most 255
/// bytes, or an IPv6 address in brackets. `,` and the other sub-delimiters, percent-encoding and zone
/// identifiers are refused: they let two programs read two hosts.
public struct Authority: Sendable, Equatable {
  /// The host, with its brackets if it is an IPv6 address. Never empty. Compare it without case.
  public let host: ByteRange

  /// The port, 1 to 65535, or nil when none is given.
  public let port: Int?

  /// Reads the whole of `range`, or returns nil when it is not an authority.
  public static func parse(_ range: ByteRange, in bytes: RawSpan) -> Authority? {
    guard !range.isEmpty else { return nil }
    let hostEnd =
      bytes[range.start] == UInt8(ascii: "[")
      ? endOfIPv6(range, in: bytes) : endOfName(range, in: bytes)
    guard let hostEnd else { return nil }
    let host = ByteRange(start: range.start, end: hostEnd)
    if hostEnd == range.end { return Authority(host: host, port: nil) }
    guard bytes[hostEnd] == UInt8(ascii: ":") else { return nil }
    guard let port = port(ByteRange(start: hostEnd + 1, end: range.end), in: bytes) else {
      return nil
    }
    return Authority(host: host, port: port)
  }

  private static func endOfName(_ range: ByteRange, in bytes: RawSpan) -> Int? {
    precondition(range.end <= bytes.byteCount)
    var at = range.start
    while at < range.end && ByteSet.hostName.contains(bytes[unchecked: at]) { at &+= 1 }
    let count = at - range.start
    return count >= 1 && count <= 255 ? at : nil
  }

  private static func port(_ range: ByteRange, in bytes: RawSpan) -> Int? {
    guard range.count >= 1, range.count <= 5 else { return nil }
    var value = 0
    for at in range.start..<range.end {
      guard bytes[at].isDigit else { return nil }
      value = value * 10 + Int(bytes[at] - 0x30)
    }
    return value >= 1 && value <= 65_535 ? value : nil
  }

  /// Offset behind the `]` of an IPv6 address: groups of 1 to 4 hexadecimal digits between colons, eight
  /// of them, or fewer with one `::`; the last two may be an IPv4 address.
  private static func endOfIPv6(_ range: ByteRange, in bytes: RawSpan) -> Int? {
    var at = range.start + 1
    var groups = 0
    var hasGap = false
    while at < range.end, bytes[at] != UInt8(ascii: "]") {
      if bytes[at] == UInt8(ascii: ":"), at + 1 < range.end, bytes[at + 1] == UInt8(ascii: ":") {
        guard !hasGap else { return nil }
        hasGap = true
        at += 2
        continue
      }
      if groups > 0 && bytes[at] == UInt8(ascii: ":") { at += 1 }
      guard let group = group(at, range.end, in: bytes) else { return nil }
      guard group.isIPv4 || groups == 0 || bytes[at - 1] == UInt8(ascii: ":") else { return nil }
      groups += group.isIPv4 ? 2 : 1
      at = group.end
      if group.isIPv4 { break }
    }
    guard at < range.end, bytes[at] == UInt8(ascii: "]") else { return nil }
    return (hasGap ? groups <= 7 : groups == 8) ? at + 1 : nil
  }

  /// One group of an IPv6 address, or an IPv4 address in its place.
  private static func group(
    _ start: Int, _ end: Int, in bytes: RawSpan
  ) -> (end: Int, isIPv4: Bool)? {
    var at = start
    while at < end, bytes[at].hexValue != nil { at += 1 }
    if at < end, bytes[at] == UInt8(ascii: ".") {
      guard let end = endOfIPv4(start, end, in: bytes) else { return nil }
      return (end, true)
    }
    return at > start && at - start <= 4 ? (at, false) : nil
  }

  private static func endOfIPv4(_ start: Int, _ end: Int, in bytes: RawSpan) -> Int? {
    var at = start
    for part in 0..<4 {
      if part > 0 {
        guard at < end, bytes[at] == UInt8(ascii: ".") else { return nil }
        at += 1
      }
      let first = at
      var value = 0
      while at < end, at - first < 3, bytes[at].isDigit {
        value = value * 10 + Int(bytes[at] - 0x30)
        at += 1
      }
      guard at > first, value <= 255 else { return nil }
    }
    return at
  }
}
