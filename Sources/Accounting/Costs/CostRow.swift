/// One row of a cost file: its fields as ranges of bytes that the scanner owns.
///
/// A field that had doubled quotes lies unescaped in `scratch`; all others stay where they were read.
struct CostRow: Sendable {
  /// Where one field lies.
  struct Place: Sendable {
    /// First byte.
    var start: Int32
    /// One past the last byte.
    var end: Int32
    /// Whether it lies in `scratch`.
    var isUnescaped: Bool
  }

  /// The line on which the row begins, from 1.
  var line = 1
  /// What was read of the file and is still needed.
  var bytes: [UInt8] = []
  /// Fields that had doubled quotes.
  var scratch: [UInt8] = []
  /// The fields in order.
  var places: [Place] = []

  /// How many fields there are.
  var count: Int { places.count }

  /// The bytes of a field.
  @_lifetime(borrow self)
  func field(_ index: Int) -> Span<UInt8> {
    let place = places[index]
    let range = Int(place.start)..<Int(place.end)
    return place.isUnescaped
      ? scratch.span.extracting(range) : bytes.span.extracting(range)
  }

  /// The text of a field; `nil` when it is not UTF-8.
  func text(_ index: Int) -> String? { Self.text(field(index)) }

  /// Bytes as text; `nil` when they are not UTF-8.
  static func text(_ bytes: Span<UInt8>) -> String? {
    guard let valid = try? UTF8Span(validating: bytes) else { return nil }
    return String(copying: valid)
  }
}

/// Comparisons of lent bytes with texts, without making a text of them.
enum CostBytes {
  /// Whether a text has exactly these bytes.
  static func equal(_ text: String, _ bytes: Span<UInt8>) -> Bool {
    equal(text.utf8.span, bytes)
  }

  /// Whether two runs of bytes are equal.
  static func equal(_ left: [UInt8], _ right: Span<UInt8>) -> Bool {
    equal(left.span, right)
  }

  private static func equal(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
    guard left.count == right.count else { return false }
    var index = 0
    while index + 8 <= right.count {
      guard word(left, at: index) == word(right, at: index) else { return false }
      index += 8
    }
    while index < right.count {
      guard left[index] == right[index] else { return false }
      index += 1
    }
    return true
  }

  /// A fast hash for caches that compare in full before they trust it; `count` is a power of two.
  static func slot(_ bytes: Span<UInt8>, of count: Int) -> Int {
    var hash = UInt64(truncatingIfNeeded: bytes.count) &* 0x9e37_79b9_7f4a_7c15
    var index = 0
    while index + 8 <= bytes.count {
      hash = (hash ^ word(bytes, at: index)) &* 0x9fb2_1c65_1e98_df25
      hash ^= hash >> 32
      index += 8
    }
    while index < bytes.count {
      hash = (hash ^ UInt64(bytes[index])) &* 0x100_0000_01b3
      index += 1
    }
    hash &*= 0x9e37_79b9_7f4a_7c15
    return Int(hash >> 40) & (count - 1)
  }

  /// Eight bytes as they lie; `index + 8` is at most the count.
  @inline(__always)
  static func word(_ bytes: Span<UInt8>, at index: Int) -> UInt64 {
    // Safe: the range is checked by RawSpan, and any bits are a number.
    UInt64(
      littleEndian: unsafe bytes.bytes.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self))
  }
}
