/// A request method that Weir treats in its own way, or `other`.
///
/// The spelling of `other` is kept by the head's `methodRange`; methods are case-sensitive (RFC 9110 §9.1).
public enum HTTPMethod: UInt8, Sendable, CaseIterable {
  case get, head, post, put, delete, patch, options, connect, trace, other

  /// The name as it is sent; empty for `other`.
  public var name: StaticString {
    switch self {
    case .get: "GET"
    case .head: "HEAD"
    case .post: "POST"
    case .put: "PUT"
    case .delete: "DELETE"
    case .patch: "PATCH"
    case .options: "OPTIONS"
    case .connect: "CONNECT"
    case .trace: "TRACE"
    case .other: ""
    }
  }

  /// Recognises the token in `range`.
  init(_ range: ByteRange, in bytes: RawSpan) {
    let candidate: HTTPMethod =
      switch (range.count, bytes[range.start]) {
      case (3, UInt8(ascii: "G")): .get
      case (3, _): .put
      case (4, UInt8(ascii: "H")): .head
      case (4, _): .post
      case (5, UInt8(ascii: "P")): .patch
      case (5, _): .trace
      case (6, _): .delete
      case (7, UInt8(ascii: "O")): .options
      case (7, _): .connect
      default: .other
      }
    self = bytes.isEqual(range, to: candidate.name) ? candidate : .other
  }
}
