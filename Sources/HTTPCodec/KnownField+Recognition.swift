extension KnownField {
  /// Recognises the token in `name`, whatever its case.
  ///
  /// Length and first byte leave one candidate (in two cases the last byte decides), so that a name is
  /// compared once, eight bytes a step.
  init(_ name: ByteRange, in bytes: RawSpan) {
    let first = bytes[name.start] | 0x20
    let last = bytes[name.end - 1] | 0x20
    let candidate = KnownField.candidate(count: name.count, first: first, last: last)
    if candidate != .other, bytes.isTokenEqual(name, to: candidate.lowercaseName) {
      self = candidate
    } else {
      self = KnownField.family(of: name, first: first, in: bytes)
    }
  }

  /// The family that a name without a case of its own belongs to.
  private static func family(of name: ByteRange, first: UInt8, in bytes: RawSpan) -> KnownField {
    if first == UInt8(ascii: "x"), name.count > 12,
      bytes.isTokenEqual(ByteRange(start: name.start, count: 12), to: "x-forwarded-")
    {
      return .xForwardedOther
    }
    if first == UInt8(ascii: "p"), name.count > 6,
      bytes.isTokenEqual(ByteRange(start: name.start, count: 6), to: "proxy-")
    {
      return .proxyOther
    }
    return .other
  }

  /// The only known field that a name of this length, first and last byte can be.
  @inline(__always)
  private static func candidate(count: Int, first: UInt8, last: UInt8) -> KnownField {
    switch (count, first) {
    case (2, UInt8(ascii: "t")): .te
    case (3, UInt8(ascii: "a")): .age
    case (3, UInt8(ascii: "v")): .via
    case (4, UInt8(ascii: "d")): .date
    case (4, UInt8(ascii: "h")): .host
    case (4, UInt8(ascii: "v")): .vary
    case (5, UInt8(ascii: "r")): .range
    case (6, UInt8(ascii: "c")): .cookie
    case (6, UInt8(ascii: "e")): .expect
    case (6, UInt8(ascii: "p")): .pragma
    case (6, UInt8(ascii: "s")): .server
    case (7, UInt8(ascii: "e")): .expires
    case (7, UInt8(ascii: "t")): .trailer
    case (7, UInt8(ascii: "u")): .upgrade
    case (7, UInt8(ascii: "w")): .warning
    case (8, UInt8(ascii: "i")):
      last == UInt8(ascii: "h") ? .ifMatch : .ifRange
    case (8, UInt8(ascii: "l")): .location
    case (9, UInt8(ascii: "f")): .forwarded
    case (9, UInt8(ascii: "x")): .xRealIP
    case (10, UInt8(ascii: "c")): .connection
    case (10, UInt8(ascii: "k")): .keepAlive
    case (10, UInt8(ascii: "s")): .setCookie
    case (10, UInt8(ascii: "t")): .tracestate
    case (11, UInt8(ascii: "r")): .retryAfter
    case (11, UInt8(ascii: "t")): .traceparent
    case (12, UInt8(ascii: "c")): .contentType
    case (12, UInt8(ascii: "m")): .maxForwards
    case (12, UInt8(ascii: "x")): .xRequestID
    case (13, UInt8(ascii: "a")): .authorization
    case (13, UInt8(ascii: "c")):
      last == UInt8(ascii: "e") ? .contentRange : .cacheControl
    case (13, UInt8(ascii: "i")): .ifNoneMatch
    case (13, UInt8(ascii: "s")): .serverTiming
    case (14, UInt8(ascii: "c")): .contentLength
    case (14, UInt8(ascii: "h")): .http2Settings
    case (15, UInt8(ascii: "x")): .xForwardedFor
    case (16, UInt8(ascii: "c")): .contentEncoding
    case (16, UInt8(ascii: "p")): .proxyConnection
    case (16, UInt8(ascii: "w")): .wwwAuthenticate
    case (16, UInt8(ascii: "x")): .xForwardedHost
    case (17, UInt8(ascii: "i")): .ifModifiedSince
    case (17, UInt8(ascii: "t")): .transferEncoding
    case (17, UInt8(ascii: "x")): .xForwardedProto
    case (18, UInt8(ascii: "p")): .proxyAuthenticate
    case (19, UInt8(ascii: "i")): .ifUnmodifiedSince
    case (19, UInt8(ascii: "p")): .proxyAuthorization
    default: .other
    }
  }
}
