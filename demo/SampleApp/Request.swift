import PlainHTTP

/// A parsed request head.
struct Request {
  /// The fields.
  let head: MessageHead
  /// The head as it came, for `/echo-headers`.
  let bytes: [UInt8]
  /// The method, in the case it came.
  let method: String
  /// The path without its query.
  let path: String
  /// How the body ends.
  let framing: BodyFraming

  init(_ bytes: [UInt8]) throws(SocketError) {
    self.bytes = bytes
    head = try MessageHead(bytes)
    guard head.start.count == 3, head.start[2].hasPrefix("HTTP/1.") else {
      throw .malformed("request line")
    }
    method = head.start[0]
    path = String(head.start[1].prefix { $0 != "?" })
    framing = try BodyFraming.ofRequest(head)
  }

  /// The path's segments.
  var segments: [Substring] { path.split(separator: "/") }

  /// True when the client can read a trailer.
  var acceptsTrailers: Bool { head.contains("trailers", in: "te") }

  /// True when the connection may serve another request.
  var keepsAlive: Bool {
    if head.contains("close", in: "connection") { return false }
    return head.start[2] == "HTTP/1.1" || head.contains("keep-alive", in: "connection")
  }
}
