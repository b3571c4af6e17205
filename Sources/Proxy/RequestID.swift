import HTTPCodec
import Platform

/// The id of one request: made here, or kept from a trusted peer. At most 64 bytes, stored in place.
struct RequestID: Sendable {
  static let bytesMax = 64

  /// Bytes of the id; 0 when there is none.
  private(set) var count = 0
  /// The bytes, eight a word, the first in the least significant place.
  private var words: InlineArray<8, UInt64> = InlineArray(repeating: 0)

  /// No id.
  init() {}

  /// Forgets the id.
  mutating func clear() { count = 0 }

  /// Becomes a new id of 128 random bits, as 32 hexadecimal digits.
  mutating func make(_ random: inout RandomSource) {
    let (high, low) = (random.next(), random.next())
    words[0] = Buffer.hexDigits(UInt32(truncatingIfNeeded: high >> 32))
    words[1] = Buffer.hexDigits(UInt32(truncatingIfNeeded: high))
    words[2] = Buffer.hexDigits(UInt32(truncatingIfNeeded: low >> 32))
    words[3] = Buffer.hexDigits(UInt32(truncatingIfNeeded: low))
    count = 32
  }

  /// Keeps an id that was sent: 1 to 64 of `A-Z a-z 0-9 . _ ~ : @ / + = -`. False, and no id, when it is not one.
  mutating func keep(_ range: ByteRange, in bytes: RawSpan) -> Bool {
    count = 0
    guard range.count >= 1, range.count <= Self.bytesMax else { return false }
    for offset in 0..<range.count {
      let byte = bytes[range.start + offset]
      guard Self.isAllowed(byte) else { return false }
      let shift = UInt64(offset & 7) * 8
      let word = shift == 0 ? 0 : words[offset >> 3]
      words[offset >> 3] = word | UInt64(byte) << shift
    }
    count = range.count
    return true
  }

  /// Appends the id; false when it does not fit.
  @discardableResult
  func write(to output: Buffer) -> Bool {
    var fits = output.free >= count
    for index in 0..<count >> 3 { fits = fits && output.append(word: words[index]) }
    for offset in count & ~7..<count {
      let byte = UInt8(truncatingIfNeeded: words[offset >> 3] >> (UInt64(offset & 7) * 8))
      fits = fits && output.append(byte: byte)
    }
    return fits
  }

  private static func isAllowed(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "."), UInt8(ascii: "_"),
      UInt8(ascii: "~"), UInt8(ascii: ":"), UInt8(ascii: "@"), UInt8(ascii: "/"),
      UInt8(ascii: "+"), UInt8(ascii: "="), UInt8(ascii: "-"):
      true
    default: false
    }
  }
}
