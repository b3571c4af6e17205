/// A keyed hash of tenant ids: clients choose ids, so without a secret they could choose collisions.
///
/// Two 64 x 64 -> 128 bit multiplications for ids up to 16 bytes, one more for each further 16 bytes.
public struct SegmentHash: Sendable {
  private let first: UInt64
  private let second: UInt64
  private static let third: UInt64 = 0x9E37_79B9_7F4A_7C15
  private static let fourth: UInt64 = 0xD6E8_FEB8_6659_FD93

  /// A hash keyed with these random words.
  public init(key: (UInt64, UInt64)) {
    first = key.0
    second = key.1
  }

  /// The hash of an id.
  public func callAsFunction(_ id: RawSpan) -> UInt64 {
    let count = id.byteCount
    var hash = first ^ UInt64(count) &* Self.third
    var offset = 0
    while count - offset > 16 {
      hash = Self.mix(word(id, offset) ^ second, word(id, offset + 8) ^ hash)
      offset += 16
    }
    let left: UInt64
    let right: UInt64
    if count >= 8 {
      let start = count - offset >= 8 ? offset : count - 8
      left = word(id, start)
      right = word(id, count - 8)
    } else if count >= 4 {
      left = UInt64(half(id, 0))
      right = UInt64(half(id, count - 4))
    } else if count > 0 {
      left = UInt64(byte(id, 0)) | UInt64(byte(id, count >> 1)) << 8
      right = UInt64(byte(id, count - 1))
    } else {
      left = 0
      right = 0
    }
    return Self.mix(left ^ second, right ^ hash)
  }

  /// The hash of a row's key, from its id's hash.
  @inline(__always)
  static func row(_ id: UInt64, route: Int) -> UInt64 {
    mix(id ^ Self.fourth, UInt64(truncatingIfNeeded: route) &+ Self.third)
  }

  @inline(__always)
  private static func mix(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let product = left.multipliedFullWidth(by: right)
    return product.high ^ product.low
  }

  // Safe, all three: callers stay within byteCount, as the conditions above show.
  @inline(__always)
  private func word(_ id: RawSpan, _ offset: Int) -> UInt64 {
    unsafe id.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self)
  }
  @inline(__always)
  private func half(_ id: RawSpan, _ offset: Int) -> UInt32 {
    unsafe id.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt32.self)
  }
  @inline(__always)
  private func byte(_ id: RawSpan, _ offset: Int) -> UInt8 {
    unsafe id.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt8.self)
  }
}
