import Platform
import Usage

/// Writes one line of the access log: a JSON object and a line feed.
///
/// Every text is escaped, although none of them can hold a control byte: a line must stay one line whatever comes.
struct AccessLine {
  private let output: Buffer
  private var isFirst = true

  /// Bytes of a line at most: the path may double by escapes; the other fields take less than 2 KiB.
  static func bytesMax(pathBytesMax: Int) -> Int { 2 * pathBytesMax + 2_048 }

  /// Begins a line in an empty buffer, which must have room for it.
  init(_ output: Buffer, at microseconds: Int64) {
    self.output = output
    output.append(byte: UInt8(ascii: "{"))
    key("time")
    output.append(byte: UInt8(ascii: "\""))
    Self.writeTime(microseconds, output)
    output.append(byte: UInt8(ascii: "\""))
  }

  /// Ends the line.
  func finish() { output.append("}\n") }

  mutating func number(_ name: StaticString, _ value: UInt64) {
    key(name)
    output.append(decimal: value)
  }

  mutating func text(_ name: StaticString, _ value: [UInt8]) {
    // Safe: every bit pattern is a valid byte.
    unsafe text(name, value.span.bytes)
  }

  /// `isCut` puts the mark of a cut text behind it.
  mutating func text(_ name: StaticString, _ value: RawSpan, isCut: Bool = false) {
    key(name)
    output.append(byte: UInt8(ascii: "\""))
    for index in 0..<value.byteCount { Self.writeEscaped(value[index], output) }
    output.append(isCut ? "…\"" : "\"")
  }

  mutating func text(_ name: StaticString, _ write: (Buffer) -> Void) {
    key(name)
    output.append(byte: UInt8(ascii: "\""))
    write(output)
    output.append(byte: UInt8(ascii: "\""))
  }

  private mutating func key(_ name: StaticString) {
    if !isFirst { output.append(byte: UInt8(ascii: ",")) }
    isFirst = false
    output.append(byte: UInt8(ascii: "\""))
    output.append(name)
    output.append("\":")
  }

  private static func writeEscaped(_ byte: UInt8, _ output: Buffer) {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"):
      output.append(byte: UInt8(ascii: "\\"))
      output.append(byte: byte)
    case 0x20...0x7E: output.append(byte: byte)
    default:
      output.append("\\u00")
      for digit in [byte >> 4, byte & 0xF] {
        output.append(byte: digit < 10 ? 0x30 + digit : 0x57 + digit)
      }
    }
  }

  /// RFC 3339 in UTC with milliseconds: `2026-11-25T23:04:12.345Z`.
  static func writeTime(_ microseconds: Int64, _ output: Buffer) {
    // Before 1970 nothing is logged; a clock that says so is off.
    let milliseconds = max(0, microseconds) / 1_000
    let seconds = Int(milliseconds / 1_000)
    let (year, month, day) = HTTPDate.civil(seconds / 86_400)
    let second = seconds % 86_400
    writeDigits(year, 4, output)
    for (mark, value) in [("-", month), ("-", day), ("T", second / 3_600)] as [(StaticString, Int)]
    {
      output.append(mark)
      writeDigits(value, 2, output)
    }
    output.append(byte: UInt8(ascii: ":"))
    writeDigits(second / 60 % 60, 2, output)
    output.append(byte: UInt8(ascii: ":"))
    writeDigits(second % 60, 2, output)
    output.append(byte: UInt8(ascii: "."))
    writeDigits(Int(milliseconds % 1_000), 3, output)
    output.append(byte: UInt8(ascii: "Z"))
  }

  private static func writeDigits(_ value: Int, _ count: Int, _ output: Buffer) {
    var scale = 1
    for _ in 1..<count { scale *= 10 }
    while scale > 0 {
      output.append(byte: 0x30 + UInt8(value / scale % 10))
      scale /= 10
    }
  }
}
