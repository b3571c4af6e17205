/// Walks over the elements of a comma-separated field value (RFC 9110 §5.6.1) without copying.
///
/// Elements come without the blanks around them; empty ones are passed over; a comma inside of a quoted
/// string does not separate. An element may have parameters: only a bare one is a token.
public struct TokenList: Sendable {
  private var at: Int
  private let end: Int

  /// Starts before the first element of `value`.
  public init(_ value: ByteRange) {
    at = value.start
    end = value.end
  }

  /// The next element, or nil behind the last. `bytes` must be those that the value was made from.
  public mutating func next(_ bytes: RawSpan) -> ByteRange? {
    while at < end {
      let start = at
      let comma = elementEnd(bytes)
      at = comma + 1
      let element = bytes.trimmed(from: start, to: comma)
      if !element.isEmpty { return element }
    }
    return nil
  }

  /// Offset of the comma that ends the element at `at`, or of the end.
  private func elementEnd(_ bytes: RawSpan) -> Int {
    var isQuoted = false
    var index = at
    while index < end {
      switch bytes[index] {
      case UInt8(ascii: "\""): isQuoted.toggle()
      case UInt8(ascii: "\\") where isQuoted: index += 1
      case UInt8(ascii: ",") where !isQuoted: return index
      default: break
      }
      index += 1
    }
    return end
  }
}
