import HTTPCodec
import Platform

/// What becomes of a request's trace (W3C Trace Context, levels 1 and 2).
struct TraceContext: Sendable {
  /// What the upstream gets.
  enum Disposition: Sendable {
    /// Its fields as they came, unread.
    case untouched
    /// Its fields as they came, with a valid traceparent.
    case passed
    /// Nothing: the traceparent is not valid, and a tracestate means nothing without it.
    case removed
    /// A traceparent of our own.
    case created
  }

  private(set) var disposition = Disposition.untouched
  /// The trace's id, 0 when there is none.
  private(set) var high: UInt64 = 0
  private(set) var low: UInt64 = 0
  private var parent: UInt64 = 0

  /// Bytes of a traceparent of version 00: `00-`, 32 digits, `-`, 16 digits, `-`, 2 digits.
  private static let bytes = 55

  /// Leaves the fields alone.
  init() {}

  /// Decides by what the head holds.
  init(
    _ head: RequestHead, in bytes: RawSpan, _ mode: HeaderConfiguration.Trace,
    _ random: inout RandomSource
  ) {
    let creates: Bool
    switch mode {
    case .off: return
    case .pass: creates = false
    case .create: creates = true
    }
    if head.contains(.traceparent), read(head, bytes) {
      disposition = .passed
    } else if creates {
      disposition = .created
      (high, low, parent) = (random.next(), random.next(), random.next())
      // All zero means none.
      if high | low == 0 { low = 1 }
      if parent == 0 { parent = 1 }
    } else {
      disposition = .removed
    }
  }

  /// Whether `traceparent` and `tracestate` of the request are passed on.
  var keepsFields: Bool {
    switch disposition {
    case .untouched, .passed: true
    case .removed, .created: false
    }
  }

  /// Appends the field of a trace that begins here: sampled, as an upstream does by itself without a trace.
  func write(to output: Buffer) -> Bool {
    guard disposition == .created else { return true }
    return output.append("\r\ntraceparent: 00-") && output.append(hex: high)
      && output.append(hex: low) && output.append(byte: UInt8(ascii: "-"))
      && output.append(hex: parent) && output.append("-01")
  }

  /// Reads the one traceparent of a head; two are as good as none.
  private mutating func read(_ head: RequestHead, _ bytes: RawSpan) -> Bool {
    var value: ByteRange?
    for field in head.fields where field.known == .traceparent {
      guard value == nil, !field.isConnectionOption else { return false }
      value = field.value
    }
    guard let value else { return false }
    return read(value, bytes)
  }

  /// Reads a value; false, and no trace, when it is not valid. A version above 00 may have more behind a `-`.
  mutating func read(_ value: ByteRange, _ bytes: RawSpan) -> Bool {
    guard value.count >= Self.bytes else { return false }
    let start = value.start
    let dash = UInt8(ascii: "-")
    guard bytes[start + 2] == dash, bytes[start + 35] == dash, bytes[start + 52] == dash,
      let version = Self.number(bytes, start, 2), version != 0xFF,
      let high = Self.number(bytes, start + 3, 16), let low = Self.number(bytes, start + 19, 16),
      let parent = Self.number(bytes, start + 36, 16), Self.number(bytes, start + 53, 2) != nil,
      high | low != 0, parent != 0
    else { return false }
    if value.count > Self.bytes {
      guard version != 0, bytes[start + Self.bytes] == dash else { return false }
    }
    (self.high, self.low, self.parent) = (high, low, parent)
    return true
  }

  /// The value of lower-case hexadecimal digits.
  private static func number(_ bytes: RawSpan, _ start: Int, _ count: Int) -> UInt64? {
    var value: UInt64 = 0
    for offset in start..<start + count {
      let byte = bytes[offset]
      let digit = byte &- 0x30
      let letter = byte &- 0x61
      guard digit < 10 || letter < 6 else { return nil }
      value = value << 4 | UInt64(digit < 10 ? digit : letter + 10)
    }
    return value
  }
}
