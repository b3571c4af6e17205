extension KnownField {
  /// The bit of this kind in the word that says which kinds a head holds.
  @inline(__always)
  var bit: UInt64 { 1 &<< UInt64(rawValue) }

  /// Whether `FieldFacts` has a rule for it.
  @inline(__always)
  var isFact: Bool {
    rawValue >= KnownField.host.rawValue && rawValue <= KnownField.expect.rawValue
  }

  /// Whether a field of this kind may not be in a trailer block: framing, routing, request modifiers,
  /// authentication, response control and payload description (RFC 9110 §6.5.1), and what a proxy asserts.
  public var isForbiddenInTrailers: Bool {
    switch self {
    case .other, .server, .serverTiming, .traceparent, .tracestate, .xRequestID: false
    default: true
    }
  }

  /// Whether Connection may not name it: Host, framing, identity, trace and authorization fields.
  ///
  /// A peer that names them would have the proxy remove what the next hop relies on.
  public var isForbiddenAsConnectionOption: Bool {
    switch self {
    case .host, .contentLength, .transferEncoding, .authorization, .cookie, .setCookie,
      .forwarded, .xForwardedFor, .xForwardedProto, .xForwardedHost, .xForwardedOther, .xRealIP,
      .via, .traceparent, .tracestate, .xRequestID:
      true
    default: false
    }
  }

  /// Whether a name that a gateway could take for this one, such as `content_length`, is refused.
  var isProtectedFromAliases: Bool {
    switch self {
    case .host, .connection, .keepAlive, .te, .trailer, .upgrade, .expect, .http2Settings,
      .contentLength, .transferEncoding, .proxyConnection, .proxyAuthenticate,
      .proxyAuthorization, .via, .forwarded, .xForwardedFor, .xForwardedProto, .xForwardedHost,
      .xRealIP, .authorization, .cookie, .setCookie, .traceparent, .tracestate, .xRequestID,
      .serverTiming:
      true
    default: false
    }
  }

  /// Whether the oddly spelled token in `name` could be taken for a protected name or family.
  static func isAlias(_ name: ByteRange, in bytes: RawSpan) -> Bool {
    var number: UInt8 = 0
    // Bound: the number of cases; `allCases` would allocate.
    while let known = KnownField(rawValue: number) {
      if known.isProtectedFromAliases && bytes.aliases(name, lowercase: known.lowercaseName) {
        return true
      }
      number += 1
    }
    return isAlias(name, ofPrefix: "x-forwarded-", in: bytes)
      || isAlias(name, ofPrefix: "proxy-", in: bytes)
  }

  private static func isAlias(
    _ name: ByteRange, ofPrefix prefix: StaticString, in bytes: RawSpan
  ) -> Bool {
    let count = prefix.utf8CodeUnitCount
    guard name.count > count else { return false }
    return bytes.aliases(ByteRange(start: name.start, count: count), lowercase: prefix)
  }
}
