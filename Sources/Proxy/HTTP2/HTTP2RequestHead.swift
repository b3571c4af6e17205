import HTTPCodec
import Platform

/// The head of a request in progress over HTTP/2, written as HTTP/1.1 while its fields come.
///
/// One a connection: heads do not mix (RFC 9113 §4.3). Pseudo-fields come first, and are kept in front of the text until
/// the first line is written; what depends on fields that may come late (Host, cookies) is written at the end.
final class HTTP2RequestHead {
  /// What is kept of it: pseudo-fields, then the first line and the fields. Nil while no head is in progress.
  private var text: Buffer?
  /// Where the pseudo-fields stand in `text`.
  private var method = ByteRange.empty
  private var path = ByteRange.empty
  private var scheme = ByteRange.empty
  private var authority = ByteRange.empty
  private var upgrade: ByteRange?
  private var pseudoBytes = 0
  private var hasFirstLine = false
  private(set) var host: [UInt8]?
  private(set) var cookies: [UInt8] = []
  private var hasContentLength = false
  /// Whether everything found room.
  private var fits = true
  /// Decoded bytes, as RFC 9113 §6.5.2 counts them.
  private var listBytes = 0

  /// What became of a field.
  enum Taken {
    case kept
    /// There is no such pseudo-field.
    case unknown
    /// The list is longer than it may be: the field is left out, and the head will be answered 431.
    case leftOut
    /// It is so much longer that a few bytes on the wire must stand for it.
    case excessive
  }

  /// Begins anew; a head that did not come to its end is forgotten.
  func begin(_ buffers: BufferPool) {
    if let text { text.reset() } else { text = buffers.take() }
    method = .empty
    path = .empty
    scheme = .empty
    authority = .empty
    upgrade = nil
    pseudoBytes = 0
    hasFirstLine = false
    host = nil
    cookies.removeAll(keepingCapacity: true)
    hasContentLength = false
    fits = true
    listBytes = 0
  }

  /// Gives back what a head that did not come to its end has left, and memory that only a large one needs.
  func release(to buffers: BufferPool) {
    if let text = text.take() { buffers.give(text) }
    host = nil
    if cookies.capacity > 4_096 { cookies = [] }
  }

  /// Takes a field of the head, whose list may have `bytesMax`.
  func take(_ name: RawSpan, _ value: RawSpan, bytesMax: Int) -> Taken {
    listBytes += name.byteCount + value.byteCount + 32
    guard listBytes <= bytesMax else {
      return listBytes <= 4 * bytesMax ? .leftOut : .excessive
    }
    guard let text else { return .kept }
    if name.byteCount > 0 && name[0] == UInt8(ascii: ":") {
      return takePseudo(name, value, text) ? .kept : .unknown
    }
    if !hasFirstLine { writeFirstLine(text) }
    switch name.byteCount {
    case 4 where Self.spells(name, "host"):
      host = Self.bytes(value)
      return .kept
    case 6 where Self.spells(name, "cookie"):
      // Crumbs become one field again (RFC 9113 §8.2.3).
      if !cookies.isEmpty { cookies += [0x3B, 0x20] }
      cookies += Self.bytes(value)
      return .kept
    case 17 where upgrade != nil && Self.spells(name, "sec-websocket-key"):
      // The upstream gets one of ours.
      return .kept
    case 14 where Self.spells(name, "content-length"): hasContentLength = true
    default: break
    }
    fits = fits && text.append(field: name, value)
    return .kept
  }

  private func takePseudo(_ name: RawSpan, _ value: RawSpan, _ text: Buffer) -> Bool {
    let range = ByteRange(start: text.count, count: value.byteCount)
    switch name.byteCount {
    case 5 where Self.spells(name, ":path"): path = range
    case 7 where Self.spells(name, ":method"): method = range
    case 7 where Self.spells(name, ":scheme"): scheme = range
    case 9 where Self.spells(name, ":protocol"): upgrade = range
    case 10 where Self.spells(name, ":authority"): authority = range
    default: return false
    }
    fits = fits && text.append(value)
    pseudoBytes = text.count
    return true
  }

  private func writeFirstLine(_ text: Buffer) {
    hasFirstLine = true
    guard fits else { return }
    // CONNECT has no path (RFC 9113 §8.5); it is refused like any other.
    let target = path.isEmpty ? authority : path
    fits =
      (upgrade != nil ? text.append("GET") : copy(method, text)) && text.append(byte: 0x20)
      && copy(target, text) && text.append(" HTTP/1.1\r\n")
  }

  /// Appends some of its own bytes.
  private func copy(_ range: ByteRange, _ text: Buffer) -> Bool {
    text.append(text.readable.extracting(range.start..<range.end))
  }

  /// The head is complete: what a stream needs to begin its exchange. Nil when none was begun.
  func end(headBytesMax: Int, listBytesMax: Int) -> Text? {
    guard let text = text.take() else { return nil }
    if !hasFirstLine { writeFirstLine(text) }
    let result = Text(
      buffer: text, isUpgrade: upgrade != nil,
      isWebSocket: upgrade.map { equals($0, "websocket", text) } ?? false,
      needsFraming: upgrade == nil && !hasContentLength, headBytesMax: headBytesMax,
      isTooLong: listBytes > listBytesMax)
    // What found no room has no place in the text.
    guard fits else { return result.cut }
    guard isHTTP(text) else {
      // An absolute target under another scheme would name a second host: the parser refuses a head without a method.
      text.reset()
      text.append(" / HTTP/1.1\r\n")
      return result
    }
    writeHosts(text)
    if !cookies.isEmpty {
      fits = fits && text.append("cookie: ") && text.append(cookies) && text.append("\r\n")
    }
    if let upgrade {
      fits =
        fits && text.append("connection: upgrade\r\nupgrade: ") && copy(upgrade, text)
        && text.append("\r\n")
    }
    text.consume(pseudoBytes)
    return fits ? result : result.cut
  }

  private func writeHosts(_ text: Buffer) {
    fits = fits && text.append("Host: ")
    if authority.isEmpty {
      fits = fits && text.append(host ?? []) && text.append("\r\n")
      return
    }
    fits = fits && copy(authority, text) && text.append("\r\n")
    guard let host, !equals(authority, host, text) else { return }
    // Two hosts that differ: the parser refuses the second (RFC 9113 §8.3.1).
    fits = fits && text.append("Host: ") && text.append(host) && text.append("\r\n")
  }

  private func equals(_ range: ByteRange, _ bytes: [UInt8], _ text: Buffer) -> Bool {
    // Safe: every bit pattern is a valid byte.
    unsafe text.readable.isEqual(range, to: bytes.span.bytes)
  }

  private func equals(_ range: ByteRange, _ other: StaticString, _ text: Buffer) -> Bool {
    text.readable.isEqual(range, to: other)
  }

  /// Whether the request is for `http` or `https`, or has no scheme because it is a CONNECT.
  private func isHTTP(_ text: Buffer) -> Bool {
    let bytes = text.readable
    switch scheme.count {
    case 4: return bytes.matches(scheme, lowercase: "http")
    case 5: return bytes.matches(scheme, lowercase: "https")
    case 0: return method.count == 7 && equals(method, "CONNECT", text)
    default: return false
    }
  }

  private static func spells(_ name: RawSpan, _ text: StaticString) -> Bool {
    name.byteCount == text.utf8CodeUnitCount && name.spells(text, first: name.byteCount)
  }

  private static func bytes(_ span: RawSpan) -> [UInt8] {
    // Safe: the bytes are copied.
    unsafe span.withUnsafeBytes { unsafe [UInt8]($0) }
  }
}

extension HTTP2RequestHead {
  /// A request's head as HTTP/1.1, but for its last lines.
  struct Text {
    /// In a buffer of the pool.
    let buffer: Buffer
    /// Whether the stream is to become a tunnel of bytes (RFC 8441).
    let isUpgrade: Bool
    fileprivate let isWebSocket: Bool
    /// Whether content, if there is any, is announced by nothing else than the stream.
    fileprivate let needsFraming: Bool
    fileprivate let headBytesMax: Int
    fileprivate var isTooLong: Bool

    fileprivate init(
      buffer: Buffer, isUpgrade: Bool, isWebSocket: Bool, needsFraming: Bool, headBytesMax: Int,
      isTooLong: Bool
    ) {
      self.buffer = buffer
      self.isUpgrade = isUpgrade
      self.isWebSocket = isWebSocket
      self.needsFraming = needsFraming
      self.headBytesMax = headBytesMax
      self.isTooLong = isTooLong
    }

    fileprivate var cut: Text {
      var text = self
      text.isTooLong = true
      return text
    }

    /// Ends the head; one that does not fit becomes a head that the parser finds too large. `hasContent` says whether content
    /// or trailers follow, `key` is what a WebSocket's server gets to answer.
    func complete(hasContent: Bool, key: (UInt64, UInt64)) {
      var fits = !isTooLong
      if isWebSocket {
        fits =
          fits && buffer.append("sec-websocket-key: ")
          && buffer.append(Self.base64(key.0, key.1)) && buffer.append("\r\n")
      } else if needsFraming && hasContent {
        fits = fits && buffer.append("transfer-encoding: chunked\r\n")
      }
      fits = fits && buffer.append("\r\n")
      guard !fits || buffer.count > headBytesMax else { return }
      buffer.reset()
      buffer.append("GET / HTTP/1.1\r\nx: ")
      while buffer.count < headBytesMax + 1, buffer.append(byte: UInt8(ascii: "x")) {}
    }

    /// Sixteen bytes in base64 (RFC 4648 §4), as RFC 6455 §4.1 wants its key.
    private static func base64(_ high: UInt64, _ low: UInt64) -> [UInt8] {
      let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
      let bytes = (0..<16).map { index in
        UInt8(truncatingIfNeeded: (index < 8 ? high : low) >> UInt64(56 - index % 8 * 8))
      }
      var text: [UInt8] = []
      for start in stride(from: 0, to: 16, by: 3) {
        let part = bytes[start..<min(start + 3, 16)]
        let word = part.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - part.count))
        for place in 0...part.count { text.append(digits[word >> (18 - 6 * place) & 63]) }
      }
      return text + [0x3D, 0x3D]
    }
  }
}
