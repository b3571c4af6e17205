/// Reads one JSON object whose members are strings, unsigned integers, booleans, null or arrays of strings.
///
/// Strict (RFC 8259), and no more than the allocator's answers need: any other value, a name given twice, or a
/// byte behind the object is an error. Nesting is refused, so its depth needs no bound.
struct FlatJSON {
  enum Value: Equatable {
    case string(String)
    case number(UInt64)
    case bool(Bool)
    case null
    case strings([String])
  }

  /// Where the text is not such an object.
  struct Fault: Error, Equatable {
    let offset: Int
  }

  private(set) var members: [String: Value] = [:]
  private let bytes: [UInt8]
  private var position = 0

  init(_ bytes: [UInt8]) throws(Fault) {
    self.bytes = bytes
    try expect("{")
    skipSpace()
    if peek == UInt8(ascii: "}") {
      position += 1
    } else {
      repeat { try member() } while try isContinued(until: "}")
    }
    skipSpace()
    guard position == bytes.count else { throw fault }
  }

  private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }
  private var fault: Fault { Fault(offset: position) }

  private mutating func member() throws(Fault) {
    let name = try string()
    try expect(":")
    guard members.updateValue(try value(), forKey: name) == nil else { throw fault }
  }

  private mutating func value() throws(Fault) -> Value {
    skipSpace()
    switch peek {
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "["): return .strings(try strings())
    case UInt8(ascii: "t"): return try literal("true", .bool(true))
    case UInt8(ascii: "f"): return try literal("false", .bool(false))
    case UInt8(ascii: "n"): return try literal("null", .null)
    default: return .number(try number())
    }
  }

  private mutating func strings() throws(Fault) -> [String] {
    try expect("[")
    skipSpace()
    if peek == UInt8(ascii: "]") {
      position += 1
      return []
    }
    var strings: [String] = []
    repeat { strings.append(try string()) } while try isContinued(until: "]")
    return strings
  }

  private mutating func number() throws(Fault) -> UInt64 {
    let start = position
    var value: UInt64 = 0
    while let byte = peek, (0x30...0x39).contains(byte) {
      let (tens, isTooLong) = value.multipliedReportingOverflow(by: 10)
      let (sum, isTooLarge) = tens.addingReportingOverflow(UInt64(byte - 0x30))
      guard !isTooLong && !isTooLarge else { throw fault }
      value = sum
      position += 1
    }
    let count = position - start
    guard count == 1 || (count > 1 && bytes[start] != 0x30) else { throw fault }
    return value
  }

  private mutating func string() throws(Fault) -> String {
    try expect("\"")
    var content: [UInt8] = []
    while let byte = peek {
      position += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let text = String(validating: content, as: UTF8.self) else { throw fault }
        return text
      case UInt8(ascii: "\\"): content += try escape()
      case 0..<0x20: throw fault
      default: content.append(byte)
      }
    }
    throw fault
  }

  private mutating func escape() throws(Fault) -> [UInt8] {
    guard let byte = peek else { throw fault }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
    case UInt8(ascii: "b"): return [0x08]
    case UInt8(ascii: "f"): return [0x0C]
    case UInt8(ascii: "n"): return [0x0A]
    case UInt8(ascii: "r"): return [0x0D]
    case UInt8(ascii: "t"): return [0x09]
    case UInt8(ascii: "u"): return try escapedScalar()
    default: throw fault
    }
  }

  /// Four hexadecimal digits, and four more of the other half when they are a surrogate.
  private mutating func escapedScalar() throws(Fault) -> [UInt8] {
    var code = try hexadecimal()
    if (0xD800..<0xDC00).contains(code) {
      guard peek == UInt8(ascii: "\\") else { throw fault }
      position += 1
      guard peek == UInt8(ascii: "u") else { throw fault }
      position += 1
      let low = try hexadecimal()
      guard (0xDC00..<0xE000).contains(low) else { throw fault }
      code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
    }
    guard let scalar = Unicode.Scalar(code) else { throw fault }
    return Array(String(Character(scalar)).utf8)
  }

  private mutating func hexadecimal() throws(Fault) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = peek, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw fault
      }
      value = value << 4 | UInt32(digit)
      position += 1
    }
    return value
  }

  private mutating func literal(_ text: StaticString, _ value: Value) throws(Fault) -> Value {
    for byte in "\(text)".utf8 {
      guard peek == byte else { throw fault }
      position += 1
    }
    return value
  }

  private mutating func isContinued(until end: Unicode.Scalar) throws(Fault) -> Bool {
    skipSpace()
    guard let byte = peek else { throw fault }
    position += 1
    if byte == UInt8(ascii: end) { return false }
    guard byte == UInt8(ascii: ",") else { throw Fault(offset: position - 1) }
    return true
  }

  private mutating func expect(_ mark: Unicode.Scalar) throws(Fault) {
    skipSpace()
    guard peek == UInt8(ascii: mark) else { throw fault }
    position += 1
  }

  private mutating func skipSpace() {
    while let byte = peek, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D {
      position += 1
    }
  }
}
