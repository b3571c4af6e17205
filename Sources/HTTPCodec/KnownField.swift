/// A field that the codec or the proxy treats in its own way, or `other`.
///
/// At most 64 cases, so that a head can say in one word which of them it holds.
public enum KnownField: UInt8, Sendable, CaseIterable {
  /// Any field that is not listed here; its name is what the field's `name` range spells.
  case other
  /// A field whose name begins with `x-forwarded-` and that has no case of its own.
  case xForwardedOther
  /// A field whose name begins with `proxy-` and that has no case of its own.
  case proxyOther

  // Framing, routing and connection: `FieldFacts` has a rule for each from `host` to `expect`.
  case host, contentLength, transferEncoding, connection, te, upgrade, expect
  case keepAlive, trailer, http2Settings

  // Proxies and identity
  case proxyConnection, proxyAuthenticate, proxyAuthorization, via, forwarded, xForwardedFor
  case xForwardedProto, xForwardedHost, xRealIP, authorization, wwwAuthenticate, cookie, setCookie

  // Tracing and hints
  case traceparent, tracestate, xRequestID, serverTiming

  // About the content and the answer
  case contentType, contentEncoding, contentRange, date, server, age, vary, expires, location
  case retryAfter, warning, cacheControl, pragma, range, maxForwards, ifMatch, ifNoneMatch
  case ifModifiedSince, ifUnmodifiedSince, ifRange

  /// The name in lower case; empty for `other` and the two families.
  public var lowercaseName: StaticString {
    switch self {
    case .other, .xForwardedOther, .proxyOther: ""
    case .host: "host"
    case .connection: "connection"
    case .keepAlive: "keep-alive"
    case .te: "te"
    case .trailer: "trailer"
    case .upgrade: "upgrade"
    case .expect: "expect"
    case .http2Settings: "http2-settings"
    case .contentLength: "content-length"
    case .transferEncoding: "transfer-encoding"
    case .proxyConnection: "proxy-connection"
    case .proxyAuthenticate: "proxy-authenticate"
    case .proxyAuthorization: "proxy-authorization"
    case .via: "via"
    case .forwarded: "forwarded"
    case .xForwardedFor: "x-forwarded-for"
    case .xForwardedProto: "x-forwarded-proto"
    case .xForwardedHost: "x-forwarded-host"
    case .xRealIP: "x-real-ip"
    case .authorization: "authorization"
    case .wwwAuthenticate: "www-authenticate"
    case .cookie: "cookie"
    case .setCookie: "set-cookie"
    case .traceparent: "traceparent"
    case .tracestate: "tracestate"
    case .xRequestID: "x-request-id"
    case .serverTiming: "server-timing"
    case .contentType: "content-type"
    case .contentEncoding: "content-encoding"
    case .contentRange: "content-range"
    case .date: "date"
    case .server: "server"
    case .age: "age"
    case .vary: "vary"
    case .expires: "expires"
    case .location: "location"
    case .retryAfter: "retry-after"
    case .warning: "warning"
    case .cacheControl: "cache-control"
    case .pragma: "pragma"
    case .range: "range"
    case .maxForwards: "max-forwards"
    case .ifMatch: "if-match"
    case .ifNoneMatch: "if-none-match"
    case .ifModifiedSince: "if-modified-since"
    case .ifUnmodifiedSince: "if-unmodified-since"
    case .ifRange: "if-range"
    }
  }
}
