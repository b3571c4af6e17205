extension JSONValue {
  /// Reads one JSON text (RFC 8259): no comments, no trailing commas, no duplicate keys.
  ///
  /// Throws `malformedJSON` with the byte offset. Nesting is bounded by 64.
  public init(parsing bytes: [UInt8]) throws(AccountingError) {
    var parser = JSONParser(bytes: bytes)
    parser.skipBlanks()
    self = try parser.value(depth: 0)
    parser.skipBlanks()
    guard parser.offset == bytes.count else { throw parser.fault("text after the value") }
  }
}

private struct JSONParser {
  let bytes: [UInt8]
  var offset = 0
  /// Bound: how deep lists and objects may nest.
  static let depthMax = 64

  func fault(_ reason: String) -> AccountingError {
    .malformedJSON(offset: offset, reason: reason)
  }

  var current: UInt8? { offset < bytes.count ? bytes[offset] : nil }

  mutating func skipBlanks() {
    while let byte = current, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 {
      offset += 1
    }
  }

  mutating func value(depth: Int) throws(AccountingError) -> JSONValue {
    guard depth < Self.depthMax else { throw fault("nested too deeply") }
    switch current {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: return try number()
    }
  }

  private mutating func word(
    _ text: String, _ value: JSONValue
  ) throws(AccountingError) -> JSONValue {
    guard bytes[offset...].starts(with: text.utf8) else { throw fault("unknown word") }
    offset += text.utf8.count
    return value
  }

  private mutating func object(depth: Int) throws(AccountingError) -> JSONValue {
    var members: [JSONValue.Member] = []
    var keys: Set<String> = []
    offset += 1
    skipBlanks()
    if current == UInt8(ascii: "}") {
      offset += 1
      return .object([])
    }
    while true {
      skipBlanks()
      guard current == UInt8(ascii: "\"") else { throw fault("a key must be a string") }
      let key = try string()
      guard keys.insert(key).inserted else { throw fault("key \"\(key)\" twice") }
      skipBlanks()
      guard current == UInt8(ascii: ":") else { throw fault("a colon is missing") }
      offset += 1
      skipBlanks()
      members.append(.init(key, try value(depth: depth + 1)))
      skipBlanks()
      if current == UInt8(ascii: "}") { break }
      guard current == UInt8(ascii: ",") else { throw fault("a comma is missing") }
      offset += 1
    }
    offset += 1
    return .object(members)
  }

  private mutating func array(depth: Int) throws(AccountingError) -> JSONValue {
    var elements: [JSONValue] = []
    offset += 1
    skipBlanks()
    if current == UInt8(ascii: "]") {
      offset += 1
      return .array([])
    }
    while true {
      skipBlanks()
      elements.append(try value(depth: depth + 1))
      skipBlanks()
      if current == UInt8(ascii: "]") { break }
      guard current == UInt8(ascii: ",") else { throw fault("a comma is missing") }
      offset += 1
    }
    offset += 1
    return .array(elements)
  }

  private mutating func number() throws(AccountingError) -> JSONValue {
    let start = offset
    if current == UInt8(ascii: "-") { offset += 1 }
    let whole = skipDigits()
    let firstDigit = bytes[start...].first { $0 != UInt8(ascii: "-") }
    guard whole > 0, whole == 1 || firstDigit != UInt8(ascii: "0") else {
      throw fault("not a value")
    }
    if current == UInt8(ascii: ".") {
      offset += 1
      guard skipDigits() > 0 else { throw fault("digits are missing after the point") }
    }
    if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
      offset += 1
      if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { offset += 1 }
      guard skipDigits() > 0 else { throw fault("digits are missing in the exponent") }
    }
    return .number(String(decoding: bytes[start..<offset], as: UTF8.self))
  }

  private mutating func skipDigits() -> Int {
    let start = offset
    while let byte = current, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { offset += 1 }
    return offset - start
  }

  private mutating func string() throws(AccountingError) -> String {
    offset += 1
    var text: [UInt8] = []
    while let byte = current {
      offset += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let string = String(validating: text, as: UTF8.self) else {
          throw fault("not UTF-8")
        }
        return string
      case UInt8(ascii: "\\"): try escape(into: &text)
      case 0..<0x20: throw fault("a control character in a string")
      default: text.append(byte)
      }
    }
    throw fault("a string has no end")
  }

  private mutating func escape(into text: inout [UInt8]) throws(AccountingError) {
    guard let mark = current else { throw fault("a string has no end") }
    offset += 1
    switch mark {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(mark)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0c)
    case UInt8(ascii: "n"): text.append(0x0a)
    case UInt8(ascii: "r"): text.append(0x0d)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "u"): text.append(contentsOf: try unicodeEscape().utf8)
    default: throw fault("unknown escape")
    }
  }

  private mutating func unicodeEscape() throws(AccountingError) -> String {
    let first = try fourHexDigits()
    var units = [first]
    if (0xd800...0xdbff).contains(first) {
      guard bytes[offset...].starts(with: "\\u".utf8) else { throw fault("half a surrogate pair") }
      offset += 2
      units.append(try fourHexDigits())
    }
    guard let text = String(validating: units, as: UTF16.self) else {
      throw fault("half a surrogate pair")
    }
    return text
  }

  private mutating func fourHexDigits() throws(AccountingError) -> UInt16 {
    guard bytes.count - offset >= 4,
      bytes[offset..<offset + 4].allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }),
      let value = UInt16(String(decoding: bytes[offset..<offset + 4], as: UTF8.self), radix: 16)
    else { throw fault("four hexadecimal digits are missing") }
    offset += 4
    return value
  }
}
