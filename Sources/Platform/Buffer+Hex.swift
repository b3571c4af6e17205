extension Buffer {
  /// Appends a number as sixteen lower-case hexadecimal digits; false when they do not fit.
  @inlinable @discardableResult
  public func append(hex value: UInt64) -> Bool {
    guard free >= 16 else { return false }
    return append(word: Self.hexDigits(UInt32(truncatingIfNeeded: value >> 32)))
      && append(word: Self.hexDigits(UInt32(truncatingIfNeeded: value)))
  }

  /// Appends the eight bytes of a word, the least significant first; false when they do not fit.
  @inlinable @discardableResult
  public func append(word: UInt64) -> Bool {
    guard free >= 8 else { return false }
    // Safe: free >= 8; unaligned stores are allowed.
    unsafe base.storeBytes(of: word.littleEndian, toByteOffset: end, as: UInt64.self)
    end += 8
    return true
  }

  /// The eight hexadecimal digits of a number as bytes of a word, the first digit in the least significant byte.
  @inlinable
  public static func hexDigits(_ value: UInt32) -> UInt64 {
    // Spreads the nibbles over the bytes, the highest nibble into the lowest byte.
    var word = UInt64(value)
    word = (word & 0xFFFF) << 32 | word >> 16
    word = (word & 0x0000_00FF_0000_00FF) << 16 | (word & 0x0000_FF00_0000_FF00) >> 8
    word = (word & 0x000F_000F_000F_000F) << 8 | (word & 0x00F0_00F0_00F0_00F0) >> 4
    // One in each byte whose nibble is above nine: these become letters.
    let letters = (word &+ 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
    return word &+ 0x3030_3030_3030_3030 &+ letters &* 0x27
  }
}
