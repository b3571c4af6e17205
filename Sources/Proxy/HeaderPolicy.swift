import HTTPCodec
import Platform
import Usage

/// Which fields pass, which are removed, which Weir adds: on the way to the upstream and back.
///
/// Heads are always written anew from their parsed form, never passed through. One value a worker; the
/// buffers it writes to were given room for a whole head before (see `headRoom`).
struct HeaderPolicy: Sendable {
  private let tenantHeader: [UInt8]
  private let tenantLine: [UInt8]
  /// Request fields in which tenants are asserted: never passed on from peers that are not trusted.
  private let assertedHeaders: [[UInt8]]

  /// Bytes that the fields of our own add to a head at most, tenant id and addresses included.
  static let addedBytesMax = 2_048

  /// The policy of a validated configuration.
  init(_ configuration: TenantConfiguration) {
    tenantHeader = Array(configuration.header.lowercased().utf8)
    tenantLine = Array("\(configuration.header): ".utf8)
    assertedHeaders = configuration.rules.compactMap { rule in
      if case .header(let name) = rule.source { Array(name.lowercased().utf8) } else { nil }
    }
  }

  /// What the request's connection and resolution contribute to the upstream's head.
  struct RequestContext {
    /// The client's address as text.
    let peer: [UInt8]
    /// Whether the peer's own forwarding fields are believed and kept.
    let isTrusted: Bool
    /// The resolved id, empty when there is none.
    let tenant: Buffer?
    /// Whether the Upgrade field is passed on.
    let upgrades: Bool
    /// Whether trailers are asked for: the client takes them, or hints may stand there.
    let wantsTrailers: Bool
  }

  /// Writes the request head for the upstream; false when it does not fit.
  func writeRequest(
    _ head: RequestHead, in bytes: RawSpan, _ context: RequestContext, to output: Buffer
  ) -> Bool {
    var fits = writeRequestLine(head, bytes, output)
    fits = fits && output.append("Host: ") && output.append(bytes.bytes(of: head.authority))
    for field in head.fields where passes(field, bytes, isTrusted: context.isTrusted) {
      fits = fits && output.append("\r\n") && Self.append(field, bytes, to: output)
    }
    fits = fits && appendForwarding(head, bytes, context, output)
    if let tenant = context.tenant {
      fits =
        fits && output.append("\r\n") && output.append(tenantLine)
        && output.append(tenant.readable)
    }
    switch head.framing {
    case .contentLength(let count):
      fits = fits && output.append("\r\nContent-Length: ") && output.append(decimal: count)
    case .chunked: fits = fits && output.append("\r\nTransfer-Encoding: chunked")
    case .none, .untilClose: break
    }
    if context.upgrades, let upgrade = head.upgrade {
      fits =
        fits && output.append("\r\nConnection: Upgrade\r\nUpgrade: ")
        && output.append(bytes.bytes(of: upgrade))
    } else if context.wantsTrailers {
      fits = fits && output.append("\r\nConnection: TE\r\nTE: trailers")
    }
    return fits && output.append("\r\n\r\n")
  }

  private func writeRequestLine(
    _ head: RequestHead, _ bytes: RawSpan, _ output: Buffer
  ) -> Bool {
    var fits = output.append(bytes.bytes(of: head.methodRange)) && output.append(byte: 0x20)
    if head.targetForm == .asterisk {
      fits = fits && output.append(byte: UInt8(ascii: "*"))
    } else {
      // An absolute target may have no path; the upstream always gets the origin form.
      if head.path.isEmpty || bytes[head.path.start] != UInt8(ascii: "/") {
        fits = fits && output.append(byte: UInt8(ascii: "/"))
      }
      fits = fits && output.append(bytes.bytes(of: head.path))
    }
    return fits && output.append(" HTTP/1.1\r\n")
  }

  /// Whether a request field goes on to the upstream.
  @inline(__always)
  private func passes(_ field: Field, _ bytes: RawSpan, isTrusted: Bool) -> Bool {
    if field.isConnectionOption { return false }
    if field.name.count == tenantHeader.count
      && bytes.aliases(field.name, lowercase: tenantHeader)
    {
      return false
    }
    switch field.known {
    case .other: return isTrusted || !isAsserted(field, bytes)
    case .host, .connection, .keepAlive, .te, .trailer, .upgrade, .http2Settings, .contentLength,
      .transferEncoding, .proxyConnection, .proxyAuthenticate, .proxyAuthorization, .proxyOther:
      return false
    case .xForwardedFor, .xForwardedProto, .xForwardedHost, .xForwardedOther, .forwarded,
      .xRealIP:
      return isTrusted && field.known != .xForwardedFor
    default: return true
    }
  }

  /// Whether a head holds a field in which tenants are asserted.
  func assertsTenant(_ head: RequestHead, in bytes: RawSpan) -> Bool {
    for field in head.fields where field.known == .other && isAsserted(field, bytes) { return true }
    return false
  }

  private func isAsserted(_ field: Field, _ bytes: RawSpan) -> Bool {
    for name in assertedHeaders
    where field.name.count == name.count && bytes.aliases(field.name, lowercase: name) {
      return true
    }
    return false
  }

  private func appendForwarding(
    _ head: RequestHead, _ bytes: RawSpan, _ context: RequestContext, _ output: Buffer
  ) -> Bool {
    var fits = output.append("\r\nX-Forwarded-For: ")
    if context.isTrusted && head.contains(.xForwardedFor) {
      for field in head.fields
      where field.known == .xForwardedFor && !field.value.isEmpty && !field.isConnectionOption {
        fits = fits && output.append(bytes.bytes(of: field.value)) && output.append(", ")
      }
    }
    fits = fits && output.append(context.peer)
    if !(context.isTrusted && head.contains(.xForwardedProto)) {
      fits = fits && output.append("\r\nX-Forwarded-Proto: http")
    }
    if !(context.isTrusted && head.contains(.xForwardedHost)) {
      fits =
        fits && output.append("\r\nX-Forwarded-Host: ")
        && output.append(bytes.bytes(of: head.authority))
    }
    return fits && output.append("\r\nVia: 1.1 weir")
  }

  /// How the response's body is delimited for the client.
  enum ResponseFraming: Equatable {
    case none
    case contentLength(UInt64)
    case chunked, untilClose
    /// After a 101: the connection becomes a tunnel.
    case upgrade
  }

  /// Writes a response head for the client; false when it does not fit.
  func writeResponse(
    _ head: ResponseHead, in bytes: RawSpan, framing: ResponseFraming,
    closes: Bool, toHTTP10: Bool, hints: CostHintReader, adding fields: Buffer? = nil,
    to output: Buffer
  ) -> Bool {
    var fits = output.append("HTTP/1.1 ") && output.append(decimal: UInt64(head.status))
    fits = fits && output.append(byte: 0x20) && output.append(bytes.bytes(of: head.reason))
    // A 1xx and a 204 must not announce a length (RFC 9110 §8.6): a lax client might wait for it.
    let keepsLength = framing == .none && head.status >= 200 && head.status != 204
    for field in head.fields where passesBack(field, bytes, keepsLength, hints) {
      fits = fits && output.append("\r\n") && Self.append(field, bytes, to: output)
    }
    switch framing {
    case .chunked: fits = fits && output.append("\r\nTransfer-Encoding: chunked")
    case .contentLength(let count):
      fits = fits && output.append("\r\nContent-Length: ") && output.append(decimal: count)
    case .upgrade:
      fits = fits && output.append("\r\nConnection: Upgrade")
      if let upgrade = head.upgrade {
        fits = fits && output.append("\r\nUpgrade: ") && output.append(bytes.bytes(of: upgrade))
      }
    case .none, .untilClose: break
    }
    if let fields { fits = fits && output.append(fields.readable) }
    if closes {
      fits = fits && output.append("\r\nConnection: close")
    } else if toHTTP10 {
      fits = fits && output.append("\r\nConnection: keep-alive")
    }
    return fits && output.append("\r\n\r\n")
  }

  @inline(__always)
  private func passesBack(
    _ field: Field, _ bytes: RawSpan, _ keepsLength: Bool, _ hints: CostHintReader
  ) -> Bool {
    if field.isConnectionOption { return false }
    switch field.known {
    case .connection, .keepAlive, .te, .trailer, .upgrade, .http2Settings, .transferEncoding,
      .proxyConnection, .proxyAuthenticate, .proxyAuthorization, .proxyOther:
      return false
    // An answer to HEAD and a 304 keep the length they announce; elsewhere it is written anew.
    case .contentLength: return keepsLength
    default: return hints.passesOn(field, bytes)
    }
  }

  /// Writes trailers to a client that takes them, after the last chunk's size line.
  func writeTrailers(
    _ fields: ContiguousArray<Field>, in bytes: RawSpan, hints: CostHintReader, to output: Buffer
  ) -> Bool {
    var fits = true
    for field in fields
    where !field.isForbiddenInTrailers && hints.passesOn(field, bytes)
      && !bytes.aliases(field.name, lowercase: tenantHeader) && !isAsserted(field, bytes)
    {
      fits = fits && Self.append(field, bytes, to: output) && output.append("\r\n")
    }
    return fits
  }

  @inline(__always)
  private static func append(_ field: Field, _ bytes: RawSpan, to output: Buffer) -> Bool {
    output.append(bytes.bytes(of: field.name)) && output.append(": ")
      && output.append(bytes.bytes(of: field.value))
  }
}
