import COpenSSL

/// A digest of 32 bytes. Its text is 64 lower-case hexadecimal digits.
public struct Digest256: Hashable, Sendable {
  /// How many bytes a digest has.
  public static let byteCount = 32

  /// The digest of nothing known: 32 zero bytes. A chain starts from it.
  public static let zero = Digest256(words: (0, 0, 0, 0))

  private let first: UInt64
  private let second: UInt64
  private let third: UInt64
  private let fourth: UInt64

  private init(words: (UInt64, UInt64, UInt64, UInt64)) {
    (first, second, third, fourth) = words
  }

  /// The digest made of exactly 32 bytes; `nil` for any other length.
  public init?(bytes: [UInt8]) {
    guard bytes.count == Self.byteCount else { return nil }
    func word(_ start: Int) -> UInt64 {
      bytes[start..<start + 8].reduce(0) { $0 << 8 | UInt64($1) }
    }
    self.init(words: (word(0), word(8), word(16), word(24)))
  }

  /// The digest written as 64 hexadecimal digits of either case; `nil` for any other text.
  public init?(hex: String) {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Self.byteCount)
    var high: UInt8?
    for character in hex.utf8 {
      guard let digit = Self.value(ofHexDigit: character) else { return nil }
      if let upper = high {
        bytes.append(upper << 4 | digit)
        high = nil
      } else {
        high = digit
      }
      guard bytes.count <= Self.byteCount else { return nil }
    }
    guard high == nil else { return nil }
    self.init(bytes: bytes)
  }

  /// The 32 bytes, first byte first.
  public var bytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Self.byteCount)
    for word in [first, second, third, fourth] {
      for shift in stride(from: 56, through: 0, by: -8) {
        bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(shift)))
      }
    }
    return bytes
  }

  /// The digest as 64 lower-case hexadecimal digits.
  public var hex: String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(2 * Self.byteCount)
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// Whether two digests are equal, in a time that does not tell where they differ.
  ///
  /// For digests of secrets (tokens). `==` is for everything else.
  public func equalsInConstantTime(_ other: Digest256) -> Bool {
    let mine = bytes
    let theirs = other.bytes
    // Safe: both buffers hold 32 bytes and outlive the call.
    let difference = unsafe mine.withUnsafeBufferPointer { left in
      unsafe theirs.withUnsafeBufferPointer { right in
        unsafe CRYPTO_memcmp(left.baseAddress, right.baseAddress, Self.byteCount)
      }
    }
    return difference == 0
  }

  private static func value(ofHexDigit character: UInt8) -> UInt8? {
    switch character {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}

extension Digest256: Comparable {
  /// Orders digests as their bytes.
  public static func < (left: Digest256, right: Digest256) -> Bool {
    if left.first != right.first { return left.first < right.first }
    if left.second != right.second { return left.second < right.second }
    if left.third != right.third { return left.third < right.third }
    return left.fourth < right.fourth
  }
}

extension Digest256: CustomStringConvertible {
  /// The digest as 64 lower-case hexadecimal digits.
  public var description: String { hex }
}
