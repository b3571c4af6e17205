import Platform
import Usage

/// An answer that Weir writes itself, with a stable code for people and programs.
struct LocalAnswer: Sendable {
  /// The status, 400 to 599.
  let status: Int
  /// Stable, for example `no_route`; documented in docs/reference/errors.md.
  let code: StaticString
  /// One sentence that says what to do.
  let message: StaticString
  /// Why the exchange ended.
  let end: Quantity

  static let requestTimeout = LocalAnswer(
    status: 408, code: "request_timeout", message: "The request did not arrive in time.",
    end: .endedRejected)
  static let bodyTooLarge = LocalAnswer(
    status: 413, code: "body_too_large",
    message: "The request body is larger than this route takes.",
    end: .endedRejected)
  static let noRoute = LocalAnswer(
    status: 404, code: "no_route", message: "No route matches this host and path.",
    end: .endedRejected)
  static let methodNotAllowed = LocalAnswer(
    status: 405, code: "method_not_allowed", message: "CONNECT and TRACE are not served here.",
    end: .endedRejected)
  static let misdirected = LocalAnswer(
    status: 421, code: "misdirected",
    message: "The TLS handshake of this connection was for another host; connect anew.",
    end: .endedRejected)
  static let pathRefused = LocalAnswer(
    status: 400, code: "path_refused",
    message: "The path has dot segments or encoded slashes, which this route refuses.",
    end: .endedRejected)
  static let tenantBlocked = LocalAnswer(
    status: 403, code: "tenant_blocked", message: "This tenant is blocked.", end: .endedRejected)
  static let tenantRateLimited = LocalAnswer(
    status: 429, code: "tenant_rate_limited",
    message: "This tenant sends more requests per second than its limit; wait, then try again.",
    end: .endedRejected)
  static let tenantConcurrencyLimited = LocalAnswer(
    status: 429, code: "tenant_concurrency_limited",
    message: "This tenant has as many open requests as its limit; try again when one has ended.",
    end: .endedRejected)
  static let tenantStreamsLimited = LocalAnswer(
    status: 429, code: "tenant_streams_limited",
    message: "This tenant has as many open streams as its limit; try again when one has ended.",
    end: .endedRejected)
  static let overloaded = LocalAnswer(
    status: 503, code: "overloaded",
    message: "The proxy is short of memory or descriptors; try again.", end: .endedRejected)
  static let upstreamBusy = LocalAnswer(
    status: 503, code: "upstream_connections_exhausted",
    message: "All connections to the upstream are in use; try again.", end: .endedUpstreamFailure)
  static let connectionResourcesExhausted = LocalAnswer(
    status: 503, code: "connection_resources_exhausted",
    message: "The proxy lacks a descriptor, memory or a port for a connection; try again.",
    end: .endedUpstreamFailure)
  static let upstreamOverloaded = LocalAnswer(
    status: 503, code: "upstream_overloaded",
    message: "The upstream has as many requests as it may have; try again.",
    end: .endedUpstreamFailure)
  static let upstreamPendingTimeout = LocalAnswer(
    status: 503, code: "upstream_pending_timeout",
    message: "No connection to the upstream became free in time; try again.",
    end: .endedUpstreamFailure)
  static let upstreamUnresolved = LocalAnswer(
    status: 503, code: "upstream_unresolved",
    message: "The upstream's name has not been resolved yet; try again.",
    end: .endedUpstreamFailure)
  static let upstreamInterim = LocalAnswer(
    status: 502, code: "upstream_too_many_interim",
    message: "The upstream sent too many interim answers.", end: .endedUpstreamFailure)
  static let upstreamUnreachable = LocalAnswer(
    status: 502, code: "upstream_unreachable", message: "The upstream refused the connection.",
    end: .endedUpstreamFailure)
  static let upstreamTLSFailed = LocalAnswer(
    status: 502, code: "upstream_tls_failed",
    message: "No TLS connection to the upstream could be made.", end: .endedUpstreamFailure)
  static let upstreamClosed = LocalAnswer(
    status: 502, code: "upstream_closed",
    message: "The upstream closed the connection before it answered.", end: .endedUpstreamFailure)
  static let upstreamMalformed = LocalAnswer(
    status: 502, code: "upstream_malformed", message: "The upstream's answer was not valid HTTP.",
    end: .endedUpstreamFailure)
  static let upstreamConnectTimeout = LocalAnswer(
    status: 504, code: "upstream_connect_timeout",
    message: "The upstream did not accept the connection in time.", end: .endedUpstreamFailure)
  static let upstreamTimeout = LocalAnswer(
    status: 504, code: "upstream_timeout", message: "The upstream did not answer in time.",
    end: .endedUpstreamFailure)

  /// All answers with a fixed code, for the reference page's test.
  static let all = [
    requestTimeout, bodyTooLarge, noRoute, methodNotAllowed, pathRefused, tenantBlocked,
    tenantRateLimited, tenantConcurrencyLimited, tenantStreamsLimited, overloaded, upstreamBusy,
    upstreamUnreachable, upstreamClosed, upstreamMalformed, upstreamConnectTimeout, upstreamTimeout,
    upstreamOverloaded, upstreamPendingTimeout, upstreamUnresolved, upstreamInterim,
    connectionResourcesExhausted, misdirected, upstreamTLSFailed,
  ]

  /// The reason phrase of a status that Weir answers with.
  static func reason(_ status: Int) -> StaticString {
    switch status {
    case 400: "Bad Request"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 408: "Request Timeout"
    case 413: "Content Too Large"
    case 414: "URI Too Long"
    case 421: "Misdirected Request"
    case 429: "Too Many Requests"
    case 431: "Request Header Fields Too Large"
    case 501: "Not Implemented"
    case 502: "Bad Gateway"
    case 503: "Service Unavailable"
    case 504: "Gateway Timeout"
    default: "HTTP Version Not Supported"
    }
  }

  /// Writes an answer: head, and a small JSON body unless the request was HEAD.
  ///
  /// Returns the content bytes, or nil when the buffer has no room (it must be nearly empty).
  static func write(
    status: Int, code: [UInt8], message: StaticString, closes: Bool, isHead: Bool,
    date: [UInt8], adding fields: Buffer? = nil, requestID: RequestID = RequestID(),
    requestIDLine: [UInt8] = [], to output: Buffer
  ) -> Int? {
    // {"error":{"code":"","message":""}} is 34 bytes without its two texts, ,"request_id":"" is 16 without the id.
    let hasID = requestID.count > 0
    let body =
      34 + code.count + message.utf8CodeUnitCount + (hasID ? 16 + requestID.count : 0)
    var fits = output.append("HTTP/1.1 ") && output.append(decimal: UInt64(status))
    fits = fits && output.append(byte: 0x20) && output.append(reason(status))
    fits = fits && output.append("\r\nDate: ") && output.append(date)
    fits = fits && output.append("\r\nContent-Type: application/json\r\nCache-Control: no-store")
    if hasID && !requestIDLine.isEmpty {
      fits = fits && output.append(requestIDLine) && requestID.write(to: output)
    }
    if status == 405 {
      fits = fits && output.append("\r\nAllow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
    }
    if let fields { fits = fits && output.append(fields.readable) }
    if status == 503 { fits = fits && output.append("\r\nRetry-After: 1") }
    fits = fits && output.append("\r\nContent-Length: ") && output.append(decimal: UInt64(body))
    fits = fits && output.append(closes ? "\r\nConnection: close\r\n\r\n" : "\r\n\r\n")
    if !isHead {
      fits = fits && output.append("{\"error\":{\"code\":\"") && output.append(code)
      fits = fits && output.append("\",\"message\":\"") && output.append(message)
      if hasID {
        fits = fits && output.append("\",\"request_id\":\"") && requestID.write(to: output)
      }
      fits = fits && output.append("\"}}")
    }
    return fits ? (isHead ? 0 : body) : nil
  }
}
