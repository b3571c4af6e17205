/// A set of ASCII bytes as 128 bits, so that a test is a shift and needs no table in memory.
///
/// Bytes from 0x80 are in no set. The constants are written out because the compiler folds them into the
/// loops that way; a test compares each with its alphabet.
struct ByteSet: Sendable {
  private let low: UInt64
  private let high: UInt64

  /// Whether `byte` is in the set.
  @inline(__always)
  func contains(_ byte: UInt8) -> Bool {
    let half = byte < 64 ? low : high
    return byte < 128 && (half >> UInt64(byte & 63)) & 1 != 0
  }

  /// Letters, digits and `-`: what nearly every field name is made of.
  @inline(__always)
  static var plainName: ByteSet { ByteSet(low: 0x03ff_2000_0000_0000, high: 0x07ff_fffe_07ff_fffe) }

  /// The bytes of a token (RFC 9110 §5.6.2).
  @inline(__always)
  static var token: ByteSet { ByteSet(low: 0x03ff_6cfa_0000_0000, high: 0x57ff_ffff_c7ff_fffe) }

  /// What a request target may hold: visible ASCII but `#`.
  @inline(__always)
  static var target: ByteSet { ByteSet(low: 0xffff_fff6_0000_0000, high: 0x7fff_ffff_ffff_ffff) }

  /// The bytes of a target that need no second look: `target` but `%`, `.`, `\` and `?`.
  @inline(__always)
  static var plainTarget: ByteSet {
    ByteSet(low: 0x7fff_bfd6_0000_0000, high: 0x7fff_ffff_efff_ffff)
  }

  /// What a host name or IPv4 address may hold: letters, digits and `-._~`.
  @inline(__always)
  static var hostName: ByteSet { ByteSet(low: 0x03ff_6000_0000_0000, high: 0x47ff_fffe_87ff_fffe) }
}

extension UInt8 {
  /// Horizontal tab.
  @inline(__always) static var tab: UInt8 { 0x09 }
  /// Line feed.
  @inline(__always) static var lineFeed: UInt8 { 0x0a }
  /// Carriage return.
  @inline(__always) static var carriageReturn: UInt8 { 0x0d }
  /// Space.
  @inline(__always) static var space: UInt8 { 0x20 }

  /// Whether it is a space or a tab.
  @inline(__always) var isBlank: Bool { self == .space || self == .tab }

  /// Whether it is a decimal digit.
  @inline(__always) var isDigit: Bool { self &- 0x30 < 10 }

  /// The value of a hexadecimal digit.
  @inline(__always) var hexValue: UInt8? {
    if isDigit { return self &- 0x30 }
    let letter = (self | 0x20) &- 0x61
    return letter < 6 ? letter &+ 10 : nil
  }

  /// The lower-case letter for an ASCII upper-case one, any other byte as it is.
  @inline(__always) var asciiLowercased: UInt8 { self &- 0x41 < 26 ? self | 0x20 : self }
}
