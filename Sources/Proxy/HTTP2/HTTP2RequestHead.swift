import HTTPCodec
import Platform

/// The fields of a request that came over HTTP/2, and the same head as HTTP/1.1.
struct HTTP2RequestHead {
  private var method: [UInt8] = []
  private var path: [UInt8] = []
  private var scheme: [UInt8] = []
  private var authority: [UInt8] = []
  private var host: [UInt8]?
  /// What a CONNECT wants the stream to become (RFC 8441); nil for any other request.
  private var upgrade: [UInt8]?
  /// The field lines.
  private var lines: [UInt8] = []
  private var cookies: [UInt8] = []
  private var hasContentLength = false
  /// Decoded bytes of the head and of the trailers, as RFC 9113 §6.5.2 counts them.
  private var listBytes = 0
  private var trailerListBytes = 0
  /// Lines of the trailers, nil when there were none.
  private(set) var trailers: [UInt8]?

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

  /// Takes a field of the head, or of the trailers, whose list may have `bytesMax`.
  mutating func take(
    _ name: RawSpan, _ value: RawSpan, isTrailer: Bool, bytesMax: Int
  ) -> Taken {
    let size = name.byteCount + value.byteCount + 32
    if isTrailer { trailerListBytes += size } else { listBytes += size }
    let count = isTrailer ? trailerListBytes : listBytes
    guard count <= bytesMax else { return count <= 4 * bytesMax ? .leftOut : .excessive }
    if isTrailer {
      if trailers == nil { trailers = [] }
      trailers!.append(field: name, value)
      return .kept
    }
    if name.byteCount > 0 && name[0] == UInt8(ascii: ":") { return takePseudo(name, value) }
    if Self.spells(name, "host") {
      host = Self.bytes(value)
    } else if Self.spells(name, "cookie") {
      // Crumbs become one field again (RFC 9113 §8.2.3).
      cookies += (cookies.isEmpty ? [] : [0x3B, 0x20]) + Self.bytes(value)
    } else if isUpgrade && Self.spells(name, "sec-websocket-key") {
      // The upstream gets one of ours.
      return .kept
    } else {
      if Self.spells(name, "content-length") { hasContentLength = true }
      lines.append(field: name, value)
    }
    return .kept
  }

  private mutating func takePseudo(_ name: RawSpan, _ value: RawSpan) -> Taken {
    if Self.spells(name, ":method") {
      method = Self.bytes(value)
    } else if Self.spells(name, ":path") {
      path = Self.bytes(value)
    } else if Self.spells(name, ":authority") {
      authority = Self.bytes(value)
    } else if Self.spells(name, ":scheme") {
      scheme = Self.bytes(value)
    } else if Self.spells(name, ":protocol") {
      upgrade = Self.bytes(value)
    } else {
      return .unknown
    }
    return .kept
  }

  /// Whether the trailers' list is longer than `bytesMax`, so that fields were left out.
  func hasLongTrailers(_ bytesMax: Int) -> Bool { trailerListBytes > bytesMax }

  /// Whether the stream is to become a tunnel of bytes.
  var isUpgrade: Bool { upgrade != nil }

  /// Writes the head as HTTP/1.1; what does not fit becomes a head that the parser finds too large. `hasContent` says
  /// whether content or trailers follow, `key` is what a WebSocket's server gets to answer.
  func write(
    to output: Buffer, hasContent: Bool, headBytesMax: Int, listBytesMax: Int,
    key: (UInt64, UInt64)
  ) {
    guard isHTTP else {
      // An absolute target under another scheme would name a second host: the parser refuses a head without a method.
      output.append(" / HTTP/1.1\r\n\r\n")
      return
    }
    let authority = self.authority.isEmpty ? host ?? [] : self.authority
    var fits =
      (isUpgrade ? output.append("GET") : output.append(method)) && output.append(byte: 0x20)
    // CONNECT has no path (RFC 9113 §8.5); it is refused like any other.
    fits = fits && output.append(path.isEmpty ? authority : path)
    fits =
      fits && output.append(" HTTP/1.1\r\nHost: ") && output.append(authority)
      && output.append("\r\n")
    if let host, !self.authority.isEmpty, host != self.authority {
      // Two hosts that differ: the parser refuses the second (RFC 9113 §8.3.1).
      fits = fits && output.append("Host: ") && output.append(host) && output.append("\r\n")
    }
    fits = fits && output.append(lines)
    if !cookies.isEmpty {
      fits =
        fits && output.append("cookie: ") && output.append(cookies) && output.append("\r\n")
    }
    if let upgrade {
      fits =
        fits && output.append("connection: upgrade\r\nupgrade: ") && output.append(upgrade)
        && output.append("\r\n")
      if upgrade == Self.webSocket {
        fits =
          fits && output.append("sec-websocket-key: ")
          && output.append(Self.base64(key.0, key.1)) && output.append("\r\n")
      }
    } else if hasContent && !hasContentLength {
      fits = fits && output.append("transfer-encoding: chunked\r\n")
    }
    fits = fits && output.append("\r\n")
    guard !fits || output.count > headBytesMax || listBytes > listBytesMax else { return }
    output.reset()
    output.append("GET / HTTP/1.1\r\nx: ")
    while output.count < headBytesMax + 1, output.append(byte: UInt8(ascii: "x")) {}
  }

  /// Forgets what was written.
  mutating func forgetHead() {
    lines = []
    cookies = []
  }

  /// Whether the request is for `http` or `https`, or has no scheme because it is a CONNECT.
  private var isHTTP: Bool {
    let lower = scheme.map { $0 | 0x20 }
    return lower == Array("http".utf8) || lower == Array("https".utf8)
      || (scheme.isEmpty && method == Array("CONNECT".utf8))
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

  private static let webSocket = Array("websocket".utf8)

  private static func spells(_ name: RawSpan, _ text: StaticString) -> Bool {
    name.byteCount == text.utf8CodeUnitCount
      && name.matches(ByteRange(start: 0, count: name.byteCount), lowercase: text)
  }

  private static func bytes(_ span: RawSpan) -> [UInt8] {
    // Safe: the bytes are copied.
    unsafe span.withUnsafeBytes { unsafe [UInt8]($0) }
  }
}
