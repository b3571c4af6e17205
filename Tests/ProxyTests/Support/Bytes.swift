import HTTPCodec
import Platform

@testable import Proxy

extension Buffer {
  /// A buffer that holds this text.
  convenience init(_ text: String, room: Int = 0) {
    let bytes = Array(text.utf8)
    self.init(capacity: max(1, bytes.count + room))
    append(bytes)
  }

  /// Everything that can be read, as text.
  var text: String { String(decoding: bytes, as: UTF8.self) }

  /// Everything that can be read.
  var bytes: [UInt8] {
    let span = readable
    return (0..<span.byteCount).map { span[$0] }
  }
}

/// A parsed request head with its bytes.
struct ParsedRequest {
  let buffer: Buffer
  let head: RequestHead

  /// Nil when the text is no complete and valid head.
  init?(_ text: String, limits: HTTP1Limits = HTTP1Limits()) {
    let buffer = Buffer(text)
    var parser = HTTP1Parser(limits: limits)
    let head = RequestHead()
    var scanned = 0
    guard case .complete = parser.parseRequest(buffer.readable, scanned: &scanned, into: head)
    else { return nil }
    self.buffer = buffer
    self.head = head
  }
}

/// A parsed response head with its bytes.
struct ParsedResponse {
  let buffer: Buffer
  let head: ResponseHead

  /// Nil when the text is no complete and valid head.
  init?(_ text: String, to method: HTTPMethod = .get) {
    let buffer = Buffer(text)
    var parser = HTTP1Parser(limits: HTTP1Limits())
    let head = ResponseHead()
    var scanned = 0
    guard
      case .complete = parser.parseResponse(
        buffer.readable, scanned: &scanned, to: method, into: head)
    else { return nil }
    self.buffer = buffer
    self.head = head
  }
}
