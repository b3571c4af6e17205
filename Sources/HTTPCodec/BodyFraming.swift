/// Where the body of a message ends (RFC 9112 §6.3).
public enum BodyFraming: Sendable, Equatable {
  /// There is no body, whatever the fields say.
  case none
  /// Exactly so many bytes; at most 2^63 - 1. A field that says 0 stays visible as `contentLength(0)`.
  case contentLength(UInt64)
  /// Chunks; read them with `ChunkedDecoder`.
  case chunked
  /// Everything until the connection closes. Responses only.
  case untilClose
}
