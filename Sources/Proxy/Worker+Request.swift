import HTTPCodec
import Metering
import Platform
import Usage

extension Worker {
  /// Goes on with a connection as far as its sockets allow. The one entry for downstream events.
  func progress(_ connection: DownstreamConnection) {
    // Bound: roundsPerTurnMax exchanges or relay rounds, then other connections have their turn.
    for _ in 0..<Self.roundsPerTurnMax {
      guard !connection.isClosed else { return }
      if let http2 = connection.http2 {
        progressHTTP2(connection, http2)
        return
      }
      if connection.isLingering {
        linger(connection)
        return
      }
      // Read in place: a local reference would be counted in every round.
      let phase = connection.exchange.phase
      if connection.channel.isBroken && phase != .idle {
        clientIsGone(connection)
        return
      }
      let mayGoOn: Bool
      switch phase {
      case .idle: mayGoOn = receiveHead(connection)
      case .connecting: mayGoOn = false
      case .requesting, .responding, .tunneling, .answering:
        mayGoOn = relay(connection, connection.exchange)
      }
      guard mayGoOn else {
        settle(connection)
        return
      }
    }
    settle(connection)
    if !connection.isClosed { continueLater(connection) }
  }

  /// At the end of a turn for this connection: counts what is pending, gives empty buffers back.
  private func settle(_ connection: DownstreamConnection) {
    guard !connection.isClosed else { return }
    flush(connection)
    connection.channel.releaseEmptyBuffers(to: buffers)
    connection.upstream?.channel.releaseEmptyBuffers(to: buffers)
    if let stream = connection.channel.stream { listHTTP2(stream.connection) }
    if let stream = connection.upstream?.channel.upstreamStream, stream.connection.isDirty {
      list(stream.connection)
    }
  }

  /// Receives and reads a request head; true when an exchange began or the connection changed its state.
  private func receiveHead(_ connection: DownstreamConnection) -> Bool {
    let channel = connection.channel
    if readInput(connection) { return true }
    if connection.isHandshaking { return false }
    guard channel.isReadable, !channel.hasEnded else {
      if channel.hasEnded || channel.isBroken { close(connection) }
      return false
    }
    switch channel.receive(syscalls, buffers) {
    case .moved: return readInput(connection) || channel.isReadable
    case .wouldBlock: return false
    case .end, .failed:
      close(connection)
      return false
    }
  }

  /// Reads what waits in the input of a connection without an exchange; true when something came of it.
  @inline(__always)
  private func readInput(_ connection: DownstreamConnection) -> Bool {
    if connection.awaitsProxyHeader { return readProxyHeader(connection) }
    if connection.isHandshaking { return shakeHands(connection) }
    guard connection.channel.inputCount > 0 else { return false }
    if connection.requestCount == 0, let known = startsHTTP2(connection) { return known }
    headBegins(connection)
    return parseHead(connection)
  }

  /// Notes the first byte of a head: idle time ends and the head's own time limit begins.
  private func headBegins(_ connection: DownstreamConnection) {
    guard connection.headStart == nil else { return }
    connection.headStart = now
    let idle = (now &- connection.idleSince) / 1_000_000
    if idle > 0 {
      meter.recordConnection(listener: connection.listener, .idleMilliseconds, idle)
    }
    let deadline = now + timeouts.requestHead
    // The first head has its time from the connection's beginning on, whenever its first byte came.
    connection.deadline =
      connection.requestCount == 0 ? min(connection.deadline, deadline) : deadline
  }

  /// Reads the head at the front of the input, if it is complete; true when something came of it.
  private func parseHead(_ connection: DownstreamConnection) -> Bool {
    guard let input = connection.channel.input, !input.isEmpty else { return false }
    let outcome = requestParsers[connection.listener].parseRequest(
      input.readable, scanned: &connection.scanned, into: requestHead)
    switch outcome {
    case .needMore: return false
    case .complete(let length):
      beginExchange(connection, headLength: length)
      return true
    case .fault(let fault):
      rejectMalformed(connection, fault)
      return true
    }
  }

  /// Counts a head that cannot be read as one request of `~unattributed`, and answers it.
  private func rejectMalformed(_ connection: DownstreamConnection, _ fault: HTTPFault) {
    counters.add(.malformedRequests)
    let received = connection.channel.inputCount
    openUnattributed(connection, requestBytes: received)
    connection.channel.input?.consume(received)
    answer(
      connection, status: fault.status, code: Array(fault.code.rawValue.utf8),
      message: "The request is malformed or too large; see the code.", end: .endedRejected)
  }

  /// Begins an exchange that has no readable head.
  func openUnattributed(_ connection: DownstreamConnection, requestBytes: Int) {
    let exchange = exchanges.begin(connection, at: connection.headStart ?? now)
    if connection.channel.stream != nil { exchange.takeStream() }
    policy.identify(&exchange.requestID, &random)
    exchange.row = meter.row(reserved: .unattributed, route: noRoute)
    beginAllowance(exchange, .unattributed)
    beginRecord(connection)
    open(connection, requestBytes: requestBytes)
  }

  /// Counts the request: from here on the exchange is open until its one end.
  private func open(_ connection: DownstreamConnection, requestBytes: Int) {
    let exchange = connection.exchange
    exchange.isOpen = true
    // Frames as they came, not the text that was made of them.
    let requestBytes = connection.channel.stream?.takeReceived() ?? requestBytes
    exchange.pending.add(.requests, 1)
    exchange.pending.add(.requestBytes, UInt64(requestBytes))
    connection.requestCount += 1
    connection.scanned = 0
    connection.headStart = nil
    counters.add(.openExchanges)
  }

  /// Deals with a complete head: tenant, route, row; then an upstream or an answer of our own.
  private func beginExchange(_ connection: DownstreamConnection, headLength: Int) {
    guard let input = connection.channel.input else { return }
    let bytes = input.readable
    if let option = policy.forbiddenOption(requestHead, in: bytes) {
      rejectMalformed(connection, HTTPFault(.connectionOptionForbidden, at: option.start))
      return
    }
    let exchange = exchanges.begin(connection, at: connection.headStart ?? now)
    exchange.take(requestHead, limits: http1Limits)
    exchange.isEncrypted = connection.isEncrypted
    if connection.channel.stream != nil { exchange.takeStream() }
    policy.identify(
      requestHead, in: bytes, isTrusted: connection.isTrusted, &exchange.requestID, &random)
    let host = hostRange(of: requestHead.authority, in: bytes)
    let resolution = resolvers[connection.listener].resolve(
      requestHead, host: host, in: bytes, isTrusted: connection.isTrusted,
      certificate: connection.certificate, into: tenant)
    let route = router.route(host: host, path: requestHead.path, in: bytes)
    exchange.row = row(resolution, route: route?.meterIndex ?? noRoute)
    beginAllowance(exchange, resolution)
    beginRecord(connection, resolution, in: bytes, route: route?.meterIndex ?? noRoute)
    open(connection, requestBytes: headLength)
    let isForHTTP2 = route.map { pools[$0.upstream].speaksHTTP2 } ?? false
    if isForHTTP2 { exchange.isCall = isCall(requestHead.field(.contentType), bytes) }
    if !connection.isTrusted && policy.assertsTenant(requestHead, in: bytes) {
      counters.add(.tenantHeadersIgnored)
    }
    if isShed(connection, route, headLength: headLength) { return }
    if isRefusedByLimits(connection, route, headLength: headLength) { return }
    if isMisdirected(connection, host: host, in: bytes) {
      input.consume(headLength)
      answer(connection, .misdirected)
      return
    }
    if let refusal = refusal(route) {
      input.consume(headLength)
      answer(connection, refusal)
      return
    }
    guard let route else { return }
    exchange.route = route.index
    exchange.upstream = route.upstream
    exchange.bodyBytesMax = route.bodyBytesMax
    exchange.retriesIdempotent = route.retriesIdempotent
    exchange.retryStatusBits = route.retryStatusBits
    if pools[route.upstream].hashesTenants && resolution == .resolved {
      let id = tenant
      exchange.balanceKey = StableHash.of(id.readable)
    }
    if isForHTTP2 {
      exchange.takeUpstreamStream()
    } else {
      exchange.wantsUpgrade = allowsUpgrade(route, bytes)
    }
    if wantsTunnel(connection) && !exchange.wantsUpgrade {
      input.consume(headLength)
      answer(connection, .methodNotAllowed)
      return
    }
    let policy = policy
    let trace = TraceContext(requestHead, in: bytes, policy.trace, &random)
    exchange.record?.trace = trace
    let context = HeaderPolicy.RequestContext(
      client: connection.client, isTrusted: connection.isTrusted,
      tenant: resolution == .resolved ? tenant : nil, upgrades: exchange.wantsUpgrade,
      wantsTrailers: exchange.acceptsTrailers || !hintReaders[route.upstream].isEmpty,
      requestID: exchange.requestID,
      trace: trace, isEncrypted: exchange.isEncrypted, isHTTP2: exchange.isMultiplexed)
    let output = buffers.take()
    guard policy.writeRequest(requestHead, in: bytes, context, to: output) else {
      preconditionFailure("a buffer holds two heads and what we add")
    }
    input.consume(headLength)
    exchange.request.leading = output.count
    connectUpstream(connection, exchange, head: output)
  }

  /// Whether a field says that the content is gRPC's (`application/grpc`, perhaps with `+` or `;` behind it).
  func isCall(_ contentType: Field?, _ bytes: RawSpan) -> Bool {
    let length = "application/grpc".utf8.count
    guard let field = contentType, field.value.count >= length,
      bytes.matches(
        ByteRange(start: field.value.start, count: length), lowercase: "application/grpc")
    else { return false }
    guard field.value.count > length else { return true }
    let next = bytes[field.value.start + length]
    return next == UInt8(ascii: "+") || next == UInt8(ascii: ";")
  }

  private func row(_ resolution: TenantResolver.Resolution, route: Int) -> MeterRow {
    switch resolution {
    case .resolved:
      let id = tenant
      return meter.row(tenant: id.readable, route: route)
    case .unattributed: return meter.row(reserved: .unattributed, route: route)
    case .invalid: return meter.row(reserved: .invalid, route: route)
    }
  }

  /// Why the request in `requestHead` gets an answer of our own at once, or nil.
  private func refusal(_ route: Router.Route?) -> LocalAnswer? {
    if requestHead.method == .connect || requestHead.method == .trace { return .methodNotAllowed }
    guard let route else { return .noRoute }
    if !route.allowsOddPaths && (requestHead.hasDotSegments || requestHead.hasEncodedSlash) {
      return .pathRefused
    }
    if case .contentLength(let count) = requestHead.framing, count > route.bodyBytesMax {
      counters.add(.bodiesTooLarge)
      return .bodyTooLarge
    }
    return nil
  }

  /// Whether the request is a CONNECT that asks for a tunnel, whose client takes any 2xx for one (RFC 8441 §5).
  func wantsTunnel(_ connection: DownstreamConnection) -> Bool {
    connection.channel.stream?.isUpgrade ?? false
  }

  /// Whether the route lets the connection switch to what the request asks for. A request with a body does not
  /// switch: its content would have to be told from the tunnel's bytes.
  func allowsUpgrade(_ route: Router.Route, _ bytes: RawSpan) -> Bool {
    guard let upgrade = requestHead.upgrade, requestHead.framing == .none else { return false }
    for token in route.upgrades where bytes.matches(upgrade, lowercase: token) { return true }
    return false
  }
}
