/// What is dangerous about a path before anybody has decoded it.
///
/// A segment counts as a dot segment when what is before its `;` is `.` or `..`, with each dot written
/// plainly or as `%2E`; segments end at `/`, `\`, `%2F` and `%5C`, because some upstream ends them there.
struct PathShape {
  private(set) var hasDotSegments = false
  private(set) var hasEncodedSlash = false

  /// Looks at `path`, which has no query.
  init(_ path: ByteRange, in bytes: RawSpan) {
    var segment = Segment.dots(0)
    var at = path.start
    while at < path.end {
      var byte = bytes[at]
      let isEscape = byte == UInt8(ascii: "%") && at + 2 < path.end
      if isEscape, let high = bytes[at + 1].hexValue, let low = bytes[at + 2].hexValue {
        byte = high << 4 | low
        at += 3
        if byte == UInt8(ascii: "/") { hasEncodedSlash = true }
      } else {
        at += 1
      }
      if byte == UInt8(ascii: "\\") { hasEncodedSlash = true }
      if segment.take(byte) { hasDotSegments = true }
    }
    if segment.isDots { hasDotSegments = true }
  }

  /// How far the current segment could still be a dot segment.
  private enum Segment {
    /// So many dots and nothing else.
    case dots(Int)
    /// One or two dots, and then parameters.
    case dotsWithParameters
    /// Something else.
    case other

    var isDots: Bool {
      switch self {
      case .dots(let count): count == 1 || count == 2
      case .dotsWithParameters: true
      case .other: false
      }
    }

    /// Takes a decoded byte; true when it ended a dot segment.
    mutating func take(_ byte: UInt8) -> Bool {
      switch byte {
      case UInt8(ascii: "/"), UInt8(ascii: "\\"):
        defer { self = .dots(0) }
        return isDots
      case UInt8(ascii: ";"):
        self = isDots ? .dotsWithParameters : .other
      case UInt8(ascii: "."):
        if case .dots(let count) = self { self = .dots(count + 1) }
      default:
        if case .dots = self { self = .other }
      }
      return false
    }
  }
}
