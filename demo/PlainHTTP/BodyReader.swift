/// How a message says where its body ends (RFC 9112 §6).
public enum BodyFraming: Sendable, Equatable {
  /// No body at all.
  case none
  /// Content-Length.
  case length(UInt64)
  /// Transfer-Encoding: chunked.
  case chunked
  /// A response without a length: it ends with the connection.
  case untilClose

  /// The framing of a request.
  public static func ofRequest(_ head: MessageHead) throws(SocketError) -> BodyFraming {
    try declared(head) ?? .none
  }

  /// The framing of a final response to a request with `method`.
  public static func ofResponse(
    _ head: MessageHead, status: Int, method: String
  ) throws(SocketError) -> BodyFraming {
    if method == "HEAD" || status == 204 || status == 304 || status < 200 { return .none }
    return try declared(head) ?? .untilClose
  }

  private static func declared(_ head: MessageHead) throws(SocketError) -> BodyFraming? {
    if head.contains("chunked", in: "transfer-encoding") { return .chunked }
    guard let text = head.value("content-length") else { return nil }
    guard let count = UInt64(text) else { throw .malformed("content-length \(text)") }
    return .length(count)
  }
}

extension ByteReader {
  /// Reads a whole body, hands its content to `each` piece by piece, and returns the trailer fields.
  public mutating func body(
    _ framing: BodyFraming, each: ([UInt8]) -> Void
  ) throws(SocketError) -> [MessageHead.Field] {
    switch framing {
    case .none: return []
    case .length(let count):
      try content(count, each: each)
      return []
    case .untilClose:
      while let piece = try some(atMost: 65_536) { each(piece) }
      return []
    case .chunked: return try chunks(each: each)
    }
  }

  private mutating func content(
    _ count: UInt64, each: ([UInt8]) -> Void
  ) throws(SocketError) {
    var rest = count
    while rest > 0 {
      guard let piece = try some(atMost: Int(min(rest, 65_536))) else {
        throw .endedEarly(expected: "\(rest) more bytes of body")
      }
      rest -= UInt64(piece.count)
      each(piece)
    }
  }

  private mutating func chunks(
    each: ([UInt8]) -> Void
  ) throws(SocketError) -> [MessageHead.Field] {
    while true {
      let digits = try line().prefix { $0 != 0x3B && $0 != 0x20 }
      guard let size = UInt64(String(decoding: digits, as: UTF8.self), radix: 16) else {
        throw .malformed("chunk size")
      }
      if size == 0 { return try trailers() }
      try content(size, each: each)
      guard try line().isEmpty else { throw .malformed("chunk longer than its size") }
    }
  }

  private mutating func trailers() throws(SocketError) -> [MessageHead.Field] {
    var block = Array("T /\r\n".utf8)
    while true {
      let line = try line()
      if line.isEmpty { return try MessageHead(block).fields }
      block += line + [0x0D, 0x0A]
    }
  }
}
