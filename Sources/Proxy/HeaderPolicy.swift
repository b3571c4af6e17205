import HTTPCodec
import Platform
import Usage

/// Which fields pass, which are removed, which Weir adds: on the way to the upstream and back.
///
/// Heads are always written anew from their parsed form, never passed through. One object a worker and configuration,
/// not a value: a value's lists would be retained one by one for each head. The buffers it writes to were given room for
/// a whole head before (see `headRoom`).
final class HeaderPolicy: Sendable {
  private let tenantHeader: [UInt8]
  private let tenantLine: [UInt8]
  /// Request fields in which tenants are asserted: never passed on from peers that are not trusted.
  private let assertedHeaders: [[UInt8]]
  /// Those, and the fields in which upstreams report costs.
  private let strangersMayNotSend: [[UInt8]]
  private let stripsServerTiming: Bool
  /// The field of the request's id in lower case, empty when there is none.
  private let requestIDHeader: [UInt8]
  /// The line that begins the field of the request's id.
  let requestIDLine: [UInt8]
  /// Whether clients get the id too.
  let returnsRequestID: Bool
  /// What becomes of a request's trace.
  let trace: HeaderConfiguration.Trace
  let writesXForwarded: Bool
  let writesForwarded: Bool

  /// Bytes that the fields of our own add to a head at most, tenant id and addresses included.
  static let addedBytesMax = 2_048

  /// Bounds for reading a head again that was written here: whatever a buffer holds. What it was made of was read within
  /// bounds that a reload may have changed since, and has grown.
  static func ownLimits(bufferBytes: Int) -> HTTP1Limits {
    var limits = HTTP1Limits()
    limits.headBytesMax = bufferBytes
    limits.targetBytesMax = bufferBytes
    limits.fieldCountMax = bufferBytes
    return limits
  }

  /// The policy of a validated configuration.
  init(
    _ configuration: TenantConfiguration, headers: HeaderConfiguration = HeaderConfiguration(),
    hints: [HintConfiguration] = []
  ) {
    requestIDHeader = Array((headers.requestID ?? "").lowercased().utf8)
    requestIDLine = Array("\r\n\(headers.requestID ?? ""): ".utf8)
    returnsRequestID = headers.returnsRequestID && headers.requestID != nil
    trace = headers.trace
    writesXForwarded = headers.forwarding != .rfc7239
    writesForwarded = headers.forwarding != .xForwarded
    stripsServerTiming = hints.contains { !$0.cpuMetrics.isEmpty }
    tenantHeader = Array(configuration.header.lowercased().utf8)
    tenantLine = Array("\(configuration.header): ".utf8)
    let asserted: [[UInt8]] = configuration.rules.compactMap { rule in
      if case .header(let name) = rule.source { Array(name.lowercased().utf8) } else { nil }
    }
    assertedHeaders = asserted
    let reports = hints.contains(where: \.readsORCA) ? OrcaReport.fields : []
    strangersMayNotSend =
      asserted
      + (hints.flatMap(\.unitFields).map(\.field) + reports).map {
        Array($0.lowercased().utf8)
      }
  }

  /// What the request's connection and resolution contribute to the upstream's head.
  struct RequestContext {
    /// The client's address.
    let client: ClientAddress
    /// Whether the peer's own forwarding fields are believed and kept.
    let isTrusted: Bool
    /// The resolved id, empty when there is none.
    let tenant: Buffer?
    /// Whether the Upgrade field is passed on.
    let upgrades: Bool
    /// Whether trailers are asked for: the client takes them, or hints may stand there.
    let wantsTrailers: Bool
    /// The request's id, empty when there is none.
    var requestID = RequestID()
    /// What becomes of its trace.
    var trace = TraceContext()
    /// Whether the client's connection has TLS.
    var isEncrypted = false
    /// Whether the request came over HTTP/2.
    var isHTTP2 = false
  }

  /// Writes the request head for the upstream; false when it does not fit.
  func writeRequest(
    _ head: RequestHead, in bytes: RawSpan, _ context: RequestContext, to output: Buffer
  ) -> Bool {
    var fits = writeRequestLine(head, bytes, output)
    fits = fits && output.append("Host: ") && output.append(bytes.bytes(of: head.authority))
    for field in head.fields where passes(field, bytes, context) {
      fits = fits && output.append("\r\n") && Self.append(field, bytes, to: output)
    }
    fits = fits && appendForwarding(head, bytes, context, output)
    fits = fits && context.trace.write(to: output)
    if context.requestID.count > 0 {
      fits = fits && output.append(requestIDLine) && context.requestID.write(to: output)
    }
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
  private func passes(_ field: Field, _ bytes: RawSpan, _ context: RequestContext) -> Bool {
    if field.isConnectionOption || isOwn(field, bytes) { return false }
    switch field.known {
    case .other:
      // An odd spelling is nobody's to send: the rules read the plain one only.
      return (context.isTrusted && !field.isOddlySpelled) || !isForStrangers(field, bytes)
    case .traceparent, .tracestate: return context.trace.keepsFields
    case .serverTiming: return context.isTrusted || !stripsServerTiming
    case .host, .connection, .keepAlive, .te, .trailer, .upgrade, .http2Settings, .contentLength,
      .transferEncoding, .proxyConnection, .proxyAuthenticate, .proxyAuthorization, .proxyOther:
      return false
    case .xForwardedFor: return context.isTrusted && !writesXForwarded
    case .forwarded: return context.isTrusted && !writesForwarded
    case .xForwardedProto, .xForwardedHost, .xForwardedOther, .xRealIP: return context.isTrusted
    default: return true
    }
  }

  /// Whether a field is one that only Weir writes, in whatever spelling.
  @inline(__always)
  private func isOwn(_ field: Field, _ bytes: RawSpan) -> Bool {
    let count = field.name.count
    return
      (count == tenantHeader.count && bytes.aliases(field.name, lowercase: tenantHeader))
      || (count == requestIDHeader.count && bytes.aliases(field.name, lowercase: requestIDHeader))
  }

  /// Whether a trailer says what only trusted peers may say: ids, traces and costs of the request.
  private func isOnlyForTheTrusted(_ field: Field, _ bytes: RawSpan) -> Bool {
    switch field.known {
    case .serverTiming, .xRequestID, .traceparent, .tracestate: true
    default: isOwn(field, bytes) || isForStrangers(field, bytes)
    }
  }

  /// Whether a field is one that strangers may not send: about tenants or costs, in whatever spelling.
  private func isForStrangers(_ field: Field, _ bytes: RawSpan) -> Bool {
    for name in strangersMayNotSend
    where field.name.count == name.count && bytes.aliases(field.name, lowercase: name) {
      return true
    }
    return false
  }

  /// The first Connection option that names a field about the tenant or the request's id: what the next hop relies on
  /// would be removed by it. The codec refuses the fields that it knows itself.
  func forbiddenOption(_ head: RequestHead, in bytes: RawSpan) -> ByteRange? {
    for option in head.connectionOptions {
      for name in assertedHeaders where bytes.aliases(option, lowercase: name) { return option }
      if bytes.aliases(option, lowercase: tenantHeader)
        || bytes.aliases(option, lowercase: requestIDHeader)
      {
        return option
      }
    }
    return nil
  }

  /// Keeps the id that a trusted peer sent, or makes one; none when there is no field for it.
  func identify(
    _ head: RequestHead, in bytes: RawSpan, isTrusted: Bool, _ id: inout RequestID,
    _ random: inout RandomSource
  ) {
    guard !requestIDHeader.isEmpty else { return }
    if isTrusted {
      var value: ByteRange?
      var isDouble = false
      for field in head.fields
      where field.name.count == requestIDHeader.count
        && bytes.matches(field.name, lowercase: requestIDHeader)
      {
        isDouble = value != nil
        value = field.value
      }
      if let value, !isDouble, id.keep(value, in: bytes) { return }
    }
    id.make(&random)
  }

  /// Makes an id for a request without a readable head.
  func identify(_ id: inout RequestID, _ random: inout RandomSource) {
    if !requestIDHeader.isEmpty { id.make(&random) }
  }

  /// Puts the id into a head that was written for the client, if clients get it.
  func appendRequestID(_ id: RequestID, to output: Buffer) -> Bool {
    guard returnsRequestID, id.count > 0 else { return true }
    // Before the empty line.
    output.dropLast(4)
    return output.append(requestIDLine) && id.write(to: output) && output.append("\r\n\r\n")
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
    if returnsRequestID && bytes.aliases(field.name, lowercase: requestIDHeader) { return false }
    switch field.known {
    case .connection, .keepAlive, .te, .trailer, .upgrade, .http2Settings, .transferEncoding,
      .proxyConnection, .proxyAuthenticate, .proxyAuthorization, .proxyOther:
      return false
    // An answer to HEAD and a 304 keep the length they announce; elsewhere it is written anew.
    case .contentLength: return keepsLength
    default: return hints.passesOn(field, bytes)
    }
  }

  /// Writes trailers to a client that takes them, or to an upstream, after the last chunk's size line.
  ///
  /// What a stranger may not send in a head it may not send in trailers either.
  func writeTrailers(
    _ fields: ContiguousArray<Field>, in bytes: RawSpan, hints: CostHintReader,
    isFromStranger: Bool = false, to output: Buffer
  ) -> Bool {
    var fits = true
    for field in fields
    where !field.isForbiddenInTrailers && hints.passesOn(field, bytes)
      && !bytes.aliases(field.name, lowercase: tenantHeader) && !isAsserted(field, bytes)
      && !(isFromStranger && isOnlyForTheTrusted(field, bytes))
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
