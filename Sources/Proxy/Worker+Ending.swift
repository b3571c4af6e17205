import Metering
import Platform
import Usage

extension Worker {
  /// Records an exchange's one end, outside of a send.
  func end(_ connection: DownstreamConnection, _ reason: Quantity) {
    let exchange = connection.exchange
    guard let row = exchange.row, exchange.isOpen else {
      preconditionFailure("an exchange ends once")
    }
    exchange.countStream(at: now)
    countLastFrames(connection, exchange)
    if exchange.attemptNanoseconds != nil { exchange.endAttempt(at: now) }
    let elapsed = (now &- exchange.startNanoseconds) / 1_000
    exchange.addEnd(reason, elapsed: elapsed, to: &exchange.pending)
    exchange.allowance.charge(exchange.pending, at: now)
    meter.record(row, listener: connection.listener, exchange.pending, observing: elapsed)
    exchange.record?.add(exchange.pending)
    exchange.pending.clear()
  }

  /// After the recorded end: the upstream goes to its pool, the client's connection on to its next request.
  func exchangeIsOver(_ connection: DownstreamConnection, _ exchange: Exchange) {
    counters.subtract(.openExchanges)
    if exchange.hints.rejected > 0 { counters.add(.hintsRejected, exchange.hints.rejected) }
    releasePipe(exchange)
    let isRequestDone = exchange.request.isSourceDone
    let isSent = isRequestDone && (connection.upstream?.channel.outputCount ?? 0) == 0
    releaseUpstream(connection, reusable: exchange.isUpstreamReusable && isSent)
    if exchange.request.countedAhead > 0 {
      // Counted as the request's, and not wanted by the upstream any more.
      connection.channel.input?.consume(exchange.request.countedAhead)
    }
    finishRecord(connection)
    let staysOpen = exchange.isKeepAlive
    exchange.isOpen = false
    exchange.allowance.end()
    exchanges.end(connection)
    if let stream = connection.channel.stream {
      streamIsOver(connection, stream)
      return
    }
    connection.idleSince = now
    connection.deadline = now + timeouts.keepAlive
    if staysOpen && isRequestDone {
      // The client was told that it may send another request, also if a drain has begun since.
      if isDraining || connection.isRetiring { retire(connection) }
      if connection.channel.isBroken { close(connection) }
      return
    }
    beginLinger(connection)
  }

  /// Ends the exchange because the client went away, in whatever phase.
  func clientIsGone(_ connection: DownstreamConnection) {
    finishEarly(connection, .endedClientAbort, resets: false)
  }

  /// Ends the exchange in the middle of a response: the client sees that it is not complete.
  ///
  /// A length or chunks show that by themselves; a body until close, and a tunnel, need a reset.
  func abort(_ connection: DownstreamConnection, _ reason: Quantity) {
    let exchange = connection.exchange
    let isDelimited =
      switch exchange.response.source {
      case .length: true
      case .none, .chunked, .untilClose, .tunnel: exchange.response.framesChunks
      }
    finishEarly(connection, reason, resets: !isDelimited)
  }

  private func finishEarly(_ connection: DownstreamConnection, _ reason: Quantity, resets: Bool) {
    let exchange = connection.exchange
    guard exchange.isOpen else {
      close(connection)
      return
    }
    countLeftover(connection, exchange)
    if exchange.phase == .tunneling, let upstream = connection.upstream {
      upstream.channel.resetOnClose(syscalls)
    }
    dropUpstream(connection)
    releasePipe(exchange)
    end(connection, reason)
    finishRecord(connection)
    counters.subtract(.openExchanges)
    exchange.isOpen = false
    exchange.allowance.end()
    exchanges.end(connection)
    if resets && connection.channel.stream == nil { connection.channel.resetOnClose(syscalls) }
    close(connection)
  }

  /// Bytes that were received for this request and went no further are counted as received all the same.
  private func countLeftover(_ connection: DownstreamConnection, _ exchange: Exchange) {
    if let stream = connection.channel.stream {
      // Content that came in frames and was not taken.
      if !exchange.request.isSourceDone, let incoming = stream.incoming, !incoming.isEmpty {
        exchange.pending.add(.requestBodyBytes, UInt64(incoming.count))
      }
      if !exchange.request.isDirect, let input = connection.channel.input, !input.isEmpty {
        exchange.pending.add(.requestBodyBytes, UInt64(input.count))
        input.reset()
      }
    }
    guard !exchange.request.isSourceDone, let input = connection.channel.input else { return }
    if exchange.request.isDirect {
      exchange.addReceived(exchange.request.countArrived(input))
      input.consume(exchange.request.countedAhead)
    } else {
      if !exchange.isMultiplexed { exchange.pending.addArrived(input.count, .requestBytes, nil) }
      input.reset()
    }
    exchange.request.countedAhead = 0
  }

  /// Closes a client connection that has no open exchange.
  func close(_ connection: DownstreamConnection) {
    precondition(!connection.exchange.isOpen, "an open exchange must end first")
    let channel = connection.channel
    guard !connection.isClosed else { return }
    if let stream = channel.stream {
      closeStream(connection, stream)
      return
    }
    if let http2 = connection.http2 {
      endHTTP2(connection, http2)
      return
    }
    if channel.inputCount > 0 {
      meter.recordConnection(
        listener: connection.listener, .receivedBytes, UInt64(channel.inputCount))
    }
    if connection.headStart == nil && !connection.isLingering {
      let idle = (now &- connection.idleSince) / 1_000_000
      if idle > 0 {
        meter.recordConnection(listener: connection.listener, .idleMilliseconds, idle)
      }
    }
    endHandshake(connection)
    meter.recordConnection(listener: connection.listener, .closed, 1)
    forgetAddress(connection.addressKey)
    channel.releaseBuffers(to: buffers)
    downstreams.remove(at: channel.slot)
    connection.isClosed = true
    channel.close(syscalls)
    counters.set(.downstreamConnections, to: connectionCount)
  }

  /// Closes our side and reads on for a while, so that unread bytes do not make the kernel send a reset that
  /// would take the answer away from the client (RFC 9112 §9.6).
  func beginLinger(_ connection: DownstreamConnection) {
    connection.isLingering = true
    connection.deadline = now + timeouts.linger
    connection.channel.shutdownWriting(syscalls)
    linger(connection)
  }

  /// Reads and discards until the client's end of stream; these bytes belong to no request.
  func linger(_ connection: DownstreamConnection) {
    let channel = connection.channel
    // Bound: roundsPerTurnMax reads a turn, and the linger timeout.
    for _ in 0..<Self.roundsPerTurnMax {
      discardInput(connection)
      guard channel.isReadable, !channel.hasEnded, !channel.isBroken else { break }
      _ = channel.receive(syscalls, buffers)
    }
    if channel.hasEnded || channel.isBroken {
      close(connection)
    } else {
      channel.releaseEmptyBuffers(to: buffers)
      if channel.isReadable { continueLater(connection) }
    }
  }

  private func discardInput(_ connection: DownstreamConnection) {
    guard let input = connection.channel.input, !input.isEmpty else { return }
    meter.recordConnection(listener: connection.listener, .receivedBytes, UInt64(input.count))
    input.reset()
  }

  /// A tunnel is over when both sides have sent their end and everything has been passed on.
  func endTunnelIfDone(_ connection: DownstreamConnection, _ exchange: Exchange) {
    guard exchange.request.isSourceDone, exchange.response.isSourceDone,
      connection.channel.stream?.isEndSent ?? true
    else { return }
    end(connection, .endedCompleted)
    exchangeIsOver(connection, exchange)
  }
}
