import HTTPCodec
import Platform

/// The costs of one request in an ORCA report (`xds.data.orca.v3.OrcaLoadReport`, gRFC A51): field 4, `request_cost`. All its
/// other fields describe the server, not the request. Pure.
struct OrcaReport {
  /// The fields that hold a report.
  static let fields = ["endpoint-load-metrics", "endpoint-load-metrics-bin"]
  /// Names in a report at most; more make it no report.
  static let costsMax = 32

  /// The costs by name, in the order of the report; a later one of the same name replaces an earlier one.
  private(set) var costs: [(name: [UInt8], value: Double)] = []

  /// The report in `endpoint-load-metrics-bin`: a protobuf message in base64, padded or not (gRPC over HTTP/2,
  /// "Binary-Header"). Nil when it is none.
  init?(base64 text: ByteRange, in bytes: RawSpan) {
    guard let message = Self.decoded(text, bytes) else { return nil }
    var reader = Wire(message[...])
    while !reader.isAtEnd {
      guard let (field, type) = reader.tag() else { return nil }
      guard field == 4 && type == 2 else {
        guard reader.skip(type) else { return nil }
        continue
      }
      guard let entry = reader.bytes(), add(entry: entry) else { return nil }
    }
  }

  /// The report in `endpoint-load-metrics`: `BIN ` and base64, or `TEXT ` and `name:value` (or `name=value`) with commas
  /// between, of which those under `request_cost.` count. Nil when it is none of the two.
  init?(text: ByteRange, in bytes: RawSpan) {
    if Self.begins(text, "BIN ", bytes) {
      self.init(base64: ByteRange(start: text.start + 4, end: text.end), in: bytes)
      return
    }
    self.init()
    guard Self.begins(text, "TEXT ", bytes) else { return nil }
    var list = TokenList(ByteRange(start: text.start + 5, end: text.end))
    while let element = list.next(bytes) {
      var mark = element.start
      while mark < element.end && bytes[mark] != 0x3A && bytes[mark] != 0x3D { mark += 1 }
      guard mark < element.end else { return nil }
      let prefix = "request_cost."
      guard Self.begins(element, prefix, bytes) else { continue }
      let number = ByteRange(start: mark + 1, end: element.end)
      let (start, end) = (element.start + prefix.utf8.count, mark)
      guard start <= end, let millionths = CostHintReader.millionths(number, bytes),
        add(Self.copy(start..<end, bytes), Double(millionths) / 1_000_000)
      else { return nil }
    }
  }

  private init() {}

  /// The cost of this name.
  subscript(name: [UInt8]) -> Double? { costs.first { $0.name == name }?.value }

  private mutating func add(_ name: [UInt8], _ value: Double) -> Bool {
    guard value.isFinite, value >= 0 else { return false }
    if let place = costs.firstIndex(where: { $0.name == name }) {
      costs[place].value = value
      return true
    }
    guard costs.count < Self.costsMax else { return false }
    costs.append((name, value))
    return true
  }

  /// An entry of the map: a name in field 1 and a double in field 2, both of which may be left out.
  private mutating func add(entry: ArraySlice<UInt8>) -> Bool {
    var reader = Wire(entry)
    var (name, value): ([UInt8], Double) = ([], 0)
    while !reader.isAtEnd {
      guard let (field, type) = reader.tag() else { return false }
      switch (field, type) {
      case (1, 2):
        guard let bytes = reader.bytes() else { return false }
        name = Array(bytes)
      case (2, 1):
        guard let bits = reader.fixed64() else { return false }
        value = Double(bitPattern: bits)
      default: guard reader.skip(type) else { return false }
      }
    }
    return add(name, value)
  }

  private static func begins(_ range: ByteRange, _ text: String, _ bytes: RawSpan) -> Bool {
    let prefix = Array(text.utf8)
    guard range.count >= prefix.count else { return false }
    for offset in prefix.indices where bytes[range.start + offset] != prefix[offset] {
      return false
    }
    return true
  }

  private static func copy(_ range: Range<Int>, _ bytes: RawSpan) -> [UInt8] {
    range.map { bytes[$0] }
  }

  /// The bytes of base64 text (RFC 4648 §4); nil for what no encoder writes.
  private static func decoded(_ text: ByteRange, _ bytes: RawSpan) -> [UInt8]? {
    var end = text.end
    while end > text.start && bytes[end - 1] == 0x3D && text.end - end < 2 { end -= 1 }
    guard (end - text.start) % 4 != 1 else { return nil }
    var result: [UInt8] = []
    var (word, bits): (UInt32, Int) = (0, 0)
    for offset in text.start..<end {
      let digit: UInt32
      switch bytes[offset] {
      case let byte where byte >= 0x41 && byte <= 0x5A: digit = UInt32(byte - 0x41)
      case let byte where byte >= 0x61 && byte <= 0x7A: digit = UInt32(byte - 0x61 + 26)
      case let byte where byte >= 0x30 && byte <= 0x39: digit = UInt32(byte - 0x30 + 52)
      case 0x2B: digit = 62
      case 0x2F: digit = 63
      default: return nil
      }
      word = word << 6 | digit
      bits += 6
      guard bits >= 8 else { continue }
      bits -= 8
      result.append(UInt8(truncatingIfNeeded: word >> UInt32(bits)))
    }
    return result
  }
}

/// Reads a protobuf message (protobuf.dev/programming-guides/encoding).
private struct Wire {
  private var rest: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

  var isAtEnd: Bool { rest.isEmpty }

  /// The number and the wire type of the next field.
  mutating func tag() -> (field: UInt64, type: UInt64)? { varint().map { ($0 >> 3, $0 & 7) } }

  mutating func varint() -> UInt64? {
    var value: UInt64 = 0
    // Bound: ten bytes.
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      guard let byte = rest.popFirst() else { return nil }
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    return nil
  }

  mutating func fixed64() -> UInt64? {
    guard rest.count >= 8 else { return nil }
    defer { rest = rest.dropFirst(8) }
    return rest.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  mutating func bytes() -> ArraySlice<UInt8>? {
    guard let count = varint(), count <= UInt64(rest.count) else { return nil }
    defer { rest = rest.dropFirst(Int(count)) }
    return rest.prefix(Int(count))
  }

  /// Passes over a field's value; false when there is none of this type.
  mutating func skip(_ type: UInt64) -> Bool {
    switch type {
    case 0: return varint() != nil
    case 1: return fixed64() != nil
    case 2: return bytes() != nil
    case 5:
      guard rest.count >= 4 else { return false }
      rest = rest.dropFirst(4)
      return true
    default: return false
    }
  }
}
