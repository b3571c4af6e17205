import Platform
import Usage

/// The header that a balancer puts before the bytes of a connection to say whose they are: the PROXY protocol of
/// HAProxy, version 1 (a line) and version 2 (binary).
///
/// Strict: what the specification does not allow closes the connection. Every outcome but `complete` and
/// `malformed` is the same for any prefix of a header, so it may arrive in pieces of any size.
enum ProxyHeader {
  /// Whose bytes follow.
  enum Source: Equatable {
    /// The balancer's own, a health check for example (LOCAL).
    case peer
    /// Somebody's of whom the balancer does not tell (UNKNOWN, or a family that is not TCP over IP).
    case unknown
    /// A client's with this address.
    case client(ClientAddress)
  }

  /// What the bytes so far say.
  enum Outcome: Equatable {
    case needMore
    case complete(length: Int, Source)
    case malformed
  }

  /// Bytes of a version 1 line at most, its line end included; the specification fixes it.
  static let lineBytesMax = 107
  /// Bytes of a version 2 header before its addresses.
  private static let fixedBytes = 16
  private static let linePrefix = Array("PROXY ".utf8)
  private static let signature: [UInt8] = [
    0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
  ]

  /// Reads a header from the first byte of a connection on; version 2 headers above `bytesMax` are malformed.
  static func parse(_ bytes: RawSpan, bytesMax: Int) -> Outcome {
    guard bytes.byteCount > 0 else { return .needMore }
    return bytes[0] == signature[0] ? parseBinary(bytes, bytesMax) : parseLine(bytes)
  }

  private static func begins(_ bytes: RawSpan, with prefix: [UInt8]) -> Bool {
    for index in 0..<min(bytes.byteCount, prefix.count) where bytes[index] != prefix[index] {
      return false
    }
    return true
  }

  // MARK: Version 1

  private static func parseLine(_ bytes: RawSpan) -> Outcome {
    guard begins(bytes, with: linePrefix) else { return .malformed }
    // Bound: lineBytesMax.
    for index in 0..<min(bytes.byteCount, lineBytesMax) where bytes[index] == 0x0A {
      guard index > linePrefix.count, bytes[index - 1] == 0x0D else { return .malformed }
      let line = (linePrefix.count..<index - 1).map { bytes[$0] }
      guard let source = source(line: line) else { return .malformed }
      return .complete(length: index + 1, source)
    }
    return bytes.byteCount < lineBytesMax ? .needMore : .malformed
  }

  /// The source that the rest of a line names: `TCP4 192.0.2.1 192.0.2.2 56324 443`, for example.
  private static func source(line: [UInt8]) -> Source? {
    let parts = line.split(separator: 0x20, omittingEmptySubsequences: false)
    if parts[0].elementsEqual("UNKNOWN".utf8) { return .unknown }
    let isIPv6 = parts[0].elementsEqual("TCP6".utf8)
    guard isIPv6 || parts[0].elementsEqual("TCP4".utf8), parts.count == 5,
      let client = address(parts[1], isIPv6), address(parts[2], isIPv6) != nil,
      isPort(parts[3]), isPort(parts[4])
    else { return nil }
    return .client(ClientAddress(client))
  }

  private static func address(_ text: ArraySlice<UInt8>, _ isIPv6: Bool) -> [UInt8]? {
    // Nothing but what addresses are made of may reach the C library: a zero byte would end the text for it.
    let isPlain = text.allSatisfy { byte in
      byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 6 || byte == UInt8(ascii: ":")
        || byte == UInt8(ascii: ".")
    }
    guard isPlain, let bytes = SocketAddress.parse(host: String(decoding: text, as: UTF8.self)),
      bytes.count == (isIPv6 ? 16 : 4)
    else { return nil }
    return bytes
  }

  /// 0 to 65535 in decimal without leading zeros.
  private static func isPort(_ text: ArraySlice<UInt8>) -> Bool {
    guard (1...5).contains(text.count), text.allSatisfy({ $0 &- 0x30 < 10 }),
      text.first != 0x30 || text.count == 1
    else { return false }
    return text.reduce(0) { $0 * 10 + Int($1 - 0x30) } <= 65_535
  }

  // MARK: Version 2

  private static func parseBinary(_ bytes: RawSpan, _ bytesMax: Int) -> Outcome {
    guard begins(bytes, with: signature) else { return .malformed }
    guard bytes.byteCount >= fixedBytes else { return .needMore }
    let command = bytes[12]
    let family = bytes[13]
    guard command == 0x20 || command == 0x21, family >> 4 <= 3, family & 0xF <= 2 else {
      return .malformed
    }
    let length = fixedBytes + number(bytes, at: 14)
    guard length <= bytesMax else { return .malformed }
    guard bytes.byteCount >= length else { return .needMore }
    // LOCAL: the receiver must take the connection's own addresses and pass over the rest.
    if command == 0x20 { return .complete(length: length, .peer) }
    guard let addresses = addressBytes(family) else {
      return .complete(length: length, .unknown)
    }
    let header = bytes.extracting(0..<length)
    guard length >= fixedBytes + addresses, extensionsHold(header, from: fixedBytes + addresses)
    else { return .malformed }
    return .complete(length: length, source(family: family, header))
  }

  /// Bytes of both addresses and ports of a family, nil when the family says nothing of addresses.
  private static func addressBytes(_ family: UInt8) -> Int? {
    guard family & 0xF != 0 else { return nil }
    switch family >> 4 {
    case 1: return 12
    case 2: return 36
    case 3: return 216
    default: return nil
    }
  }

  private static func source(family: UInt8, _ header: RawSpan) -> Source {
    switch family {
    case 0x11: .client(ClientAddress((16..<20).map { header[$0] }))
    case 0x21: .client(ClientAddress((16..<32).map { header[$0] }))
    default: .unknown
    }
  }

  /// Whether the type-length-value records fill the rest of the header, and its checksum is right if there is one.
  private static func extensionsHold(_ header: RawSpan, from start: Int) -> Bool {
    var at = start
    var checksumAt: Int?
    // Bound: the header's length, at least three bytes a record.
    while at < header.byteCount {
      guard header.byteCount - at >= 3 else { return false }
      let length = number(header, at: at + 1)
      let value = at + 3
      guard header.byteCount - value >= length else { return false }
      if header[at] == checksumType {
        guard checksumAt == nil, length == 4 else { return false }
        checksumAt = value
      }
      at = value + length
    }
    guard let checksumAt else { return true }
    return checksumHolds(header, at: checksumAt)
  }

  /// PP2_TYPE_CRC32C: over the whole header with its own four bytes as zero.
  private static let checksumType: UInt8 = 0x03

  private static func checksumHolds(_ header: RawSpan, at position: Int) -> Bool {
    var copy = (0..<header.byteCount).map { header[$0] }
    let stated =
      UInt32(number(header, at: position)) << 16 | UInt32(number(header, at: position + 2))
    for offset in 0..<4 { copy[position + offset] = 0 }
    return CRC32C.checksum(copy) == stated
  }

  private static func number(_ bytes: RawSpan, at index: Int) -> Int {
    Int(bytes[index]) << 8 | Int(bytes[index + 1])
  }
}
