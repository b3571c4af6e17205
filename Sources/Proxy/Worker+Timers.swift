import Metering
import Platform
import Usage

extension Worker {
  /// Looks at every deadline: four times a second, a few nanoseconds a connection.
  func sweep() {
    // A turn that was late is not the clients' fault.
    let elapsed = min(
      Self.sweepNanoseconds &+ now &- min(now, nextSweep), 2 * Self.sweepNanoseconds)
    nextSweep = now + Self.sweepNanoseconds
    resumeAccepting()
    closeKeptConnections()
    let hurriesHandshakes = hasDeferredHandshakes
    hasDeferredHandshakes = false
    for slot in 0..<downstreams.slotCount {
      guard let connection = downstreams[slot] else { continue }
      if connection.exchange.streamNanoseconds != nil && connection.exchange.isOpen {
        connection.exchange.countStream(at: now)
        flush(connection)
      }
      if checkPace(connection, elapsed: elapsed) { continue }
      if now >= connection.deadline || (hurriesHandshakes && isLateHandshake(connection)) {
        timeOut(connection)
      }
    }
    for slot in 0..<upstreams.slotCount {
      guard let upstream = upstreams[slot] else { continue }
      if let http2 = upstream.http2 { checkSilence(upstream, http2) }
      guard upstreams[slot] === upstream, upstream.downstream == nil, now >= upstream.deadline
      else { continue }
      if now >= upstream.expires { counters.add(.upstreamConnectionsExpired) }
      upstream.member.forget(upstream)
      closeUpstream(upstream)
    }
    counters.set(.upstreamIdleConnections, to: pools.reduce(0) { $0 + $1.idleCount })
    pipes.trim()
    giveBackMemory()
  }

  /// Whether a handshake takes longer than a client on a slow path needs. Such ones give way while others wait for
  /// them, so that a few silent connections do not keep everybody out until their own time is over.
  private func isLateHandshake(_ connection: DownstreamConnection) -> Bool {
    connection.isHandshaking && now >= connection.idleSince + Self.hurriedHandshakeNanoseconds
  }

  private func timeOut(_ connection: DownstreamConnection) {
    let exchange = connection.exchange
    if let http2 = connection.http2 {
      timeOutHTTP2(connection, http2)
      return
    }
    if connection.isLingering {
      close(connection)
      return
    }
    switch exchange.phase {
    case .idle: timeOutIdle(connection)
    case .connecting where exchange.isWaiting:
      counters.add(.timeoutsPending)
      answer(connection, .upstreamPendingTimeout)
      progress(connection)
    case .connecting:
      counters.add(.timeoutsConnect)
      // Else it would never be given up while requests keep coming.
      connection.upstream?.channel.upstreamStream?.connection.leave()
      attemptFailed(connection, .upstreamConnectTimeout)
      progress(connection)
    case .requesting: timeOutRequesting(connection)
    case .responding:
      counters.add(exchange.streamNanoseconds == nil ? .timeoutsBody : .timeoutsStream)
      // A client that takes nothing has its own time (`checkPace`).
      noteCutOff(connection)
      abort(connection, .endedUpstreamFailure)
    case .tunneling:
      counters.add(.timeoutsStream)
      abort(connection, .endedDrained)
    case .answering:
      counters.add(.timeoutsBody)
      clientIsGone(connection)
    }
  }

  private func timeOutIdle(_ connection: DownstreamConnection) {
    guard connection.headStart != nil else {
      closeIdle(connection)
      return
    }
    counters.add(.timeoutsRequestHead)
    let received = connection.channel.inputCount
    openUnattributed(connection, requestBytes: received)
    connection.channel.input?.reset()
    answer(connection, .requestTimeout)
    connection.exchange.isKeepAlive = false
    progress(connection)
  }

  /// Closes an idle connection, unless a request has come that no event has told of yet: the last look
  /// before the close, so that only what is on the wire at this moment can be lost. Counted as `cell`, else as
  /// the timeout that it is.
  func closeIdle(_ connection: DownstreamConnection, counting cell: WorkerCounters.Cell? = nil) {
    if let http2 = connection.http2 {
      if http2.hasOpenStreams { return }
      if let cell { counters.add(cell) }
      leaveHTTP2(http2)
      progressHTTP2(connection, http2)
      return
    }
    connection.channel.lookAgain()
    progress(connection)
    guard !connection.isClosed, connection.headStart == nil,
      connection.exchange.phase == .idle, !connection.isLingering
    else { return }
    if let cell {
      counters.add(cell)
    } else if !isDraining && !connection.isRetiring {
      let isNew = connection.requestCount == 0
      counters.add(
        connection.awaitsProxyHeader
          ? .timeoutsProxyHeader
          : connection.isHandshaking
            ? .timeoutsHandshake : isNew ? .timeoutsFirstHead : .timeoutsKeepAlive)
    }
    close(connection)
  }

  private func timeOutRequesting(_ connection: DownstreamConnection) {
    let exchange = connection.exchange
    // Else all that came from the client has gone on, and it is the client that is awaited.
    let upstreamIsAwaited =
      exchange.request.isSourceDone || !exchange.request.isFlushed || !exchange.isRequestSinkOpen
      || exchange.request.directCount(connection.channel.input) > 0
    if upstreamIsAwaited {
      counters.add(.timeoutsResponseHead)
      leaveSilentCarrier(connection)
      attemptFailed(connection, .upstreamTimeout)
    } else {
      counters.add(.timeoutsBody)
      answer(connection, .requestTimeout)
    }
    progress(connection)
  }

  /// The stop signal came: no new connections, open exchanges get their time, and so, less of it, do idle
  /// connections: a client may be about to use one, and gets an answer that says it is the last.
  func beginDrain() {
    isDraining = true
    drainDeadline = control.isCutRequested ? 0 : (stopNanoseconds ?? now) + timeouts.drain
    for position in listeners.indices { closeListener(position) }
    listeners = []
    for slot in 0..<downstreams.slotCount {
      if let connection = downstreams[slot] { retire(connection) }
    }
  }

  /// The drain's deadline has passed: what is open is cut off and counted as drained.
  func cutOffEverything() {
    // Streams before the connections that carry them.
    for slot in 0..<downstreams.slotCount {
      if let connection = downstreams[slot], connection.exchange.isOpen {
        abort(connection, .endedDrained)
      }
    }
    for slot in 0..<downstreams.slotCount {
      if let connection = downstreams[slot] { close(connection) }
    }
  }

  /// Closes every upstream connection; no exchange is open any more.
  func closeAllUpstreams() {
    for slot in 0..<upstreams.slotCount {
      guard let upstream = upstreams[slot] else { continue }
      upstream.member.forget(upstream)
      closeUpstream(upstream)
    }
  }
}
