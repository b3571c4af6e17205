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
    let other = text.utf8.span
    guard other.count == bytes.count else { return false }
    for index in bytes.indices where other[index] != bytes[index] { return false }
    return true
  }

  /// Whether two runs of bytes are equal.
  static func equal(_ left: [UInt8], _ right: Span<UInt8>) -> Bool {
    let other = left.span
    guard other.count == right.count else { return false }
    for index in right.indices where other[index] != right[index] { return false }
    return true
  }

  /// A fast hash for caches that compare in full before they trust it (FNV-1a, folded).
  static func slot(_ bytes: Span<UInt8>, of count: Int) -> Int {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for index in bytes.indices { hash = (hash ^ UInt64(bytes[index])) &* 0x100_0000_01b3 }
    return Int((hash ^ (hash >> 29)) & UInt64(count - 1))
  }
}
