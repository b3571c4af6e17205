import Glibc
import HTTPCodec
import Metering
import Platform
import Usage

/// Upstreams that are spoken to in HTTP/2: many exchanges on one connection, which is the carrier; each has a connection of
/// its own to look at, whose channel has a stream instead of a socket.
extension Worker {
  /// Makes an attempt on a stream of a connection that has room, else of a new one.
  func startStream(
    _ connection: DownstreamConnection, _ pool: UpstreamPool, _ member: UpstreamMember,
    head: consuming Buffer, allowsPooled: Bool
  ) {
    let exchange = connection.exchange
    var carrier = member.carrier(at: now, isNew: !allowsPooled)
    if carrier == nil && pool.open >= pool.connectionsMax {
      if let idle = pool.takeIdleCarrier() {
        closeUpstream(idle)
      } else if allowsPooled, let other = pool.carrier(at: now) {
        carrier = other
      } else {
        wait(connection, head, pool)
        return
      }
    }
    let member = carrier?.member ?? member
    beginAttempt(exchange)
    do throws(SystemError) {
      if carrier == nil { carrier = try makeCarrier(exchange.upstream, pool, member) }
    } catch {
      connectionCannotBeMade(connection, head, member, error)
      return
    }
    guard let carrier, let http2 = carrier.http2 else { preconditionFailure("just made") }
    if http2.isIdle { http2.usedSince = now }
    let stream = http2.attach()
    let channel = Channel(descriptor: -1, slot: -1, generation: 0)
    channel.upstreamStream = stream
    channel.isWritable = carrier.isConnected
    let virtual = UpstreamConnection(channel: channel, upstream: exchange.upstream, member: member)
    virtual.isConnected = carrier.isConnected
    virtual.served = carrier.served
    stream.upstream = virtual
    carrier.deadline = .max
    attach(connection, exchange, pool, virtual, head)
  }

  private func makeCarrier(
    _ index: Int, _ pool: UpstreamPool, _ member: UpstreamMember
  ) throws(SystemError) -> UpstreamConnection {
    let carrier = try makeUpstream(index, member)
    guard
      let http2 = UpstreamHTTP2(
        carrier, streamsMax: pool.streamsMax, limits: limits, buffers, now: now)
    else {
      closeUpstream(carrier)
      throw SystemError(.connect, ENOMEM)
    }
    carrier.http2 = http2
    member.add(carrier)
    return carrier
  }

  /// The one entry for events of a carrier.
  func carrierIsReady(_ carrier: UpstreamConnection, _ http2: UpstreamHTTP2) {
    guard !http2.isDead else { return }
    if !carrier.isConnected {
      guard carrier.channel.isWritable || carrier.channel.isBroken else { return }
      guard completeCarrier(carrier, http2) else { return }
    }
    progressCarrier(carrier, http2)
  }

  /// Goes on with a connection that is being made; true when it is up.
  private func completeCarrier(_ carrier: UpstreamConnection, _ http2: UpstreamHTTP2) -> Bool {
    switch completeConnection(carrier) {
    case .wouldBlock: return false
    case .ended:
      endCarrier(carrier, http2, .upstreamUnreachable)
      return false
    case .done where carrier.channel.tls.map { $0.protocolName == "h2" } ?? true:
      carrier.isConnected = true
      for stream in http2.attached {
        guard let virtual = stream.upstream, let connection = virtual.downstream else { continue }
        virtual.isConnected = true
        virtual.channel.isWritable = true
        connection.exchange.phase = .requesting
        connection.deadline = now + progressTimeout(connection.exchange)
        progress(connection)
      }
      return true
    case .done, .failed:
      counters.add(.upstreamTLSFailed)
      endCarrier(carrier, http2, .upstreamTLSFailed)
      return false
    }
  }

  /// Reads, serves and sends as far as the socket allows.
  private func progressCarrier(_ carrier: UpstreamConnection, _ http2: UpstreamHTTP2) {
    // Bound: roundsPerTurnMax, then other connections have their turn.
    for _ in 0..<Self.roundsPerTurnMax {
      guard !http2.isDead else { return }
      let hasRead = takeFrames(carrier, http2)
      guard !http2.isDead else { return }
      serveTouched(http2)
      guard !http2.isDead else { return }
      let hasSent = sendFrames(carrier, http2)
      guard !http2.isDead else { return }
      if !hasRead && !hasSent && !http2.hasTouched {
        settleCarrier(carrier, http2)
        return
      }
    }
    settleCarrier(carrier, http2)
    list(http2)
  }

  /// Receives and reads frames; true when there were any.
  private func takeFrames(_ carrier: UpstreamConnection, _ http2: UpstreamHTTP2) -> Bool {
    let channel = carrier.channel
    guard channel.isReadable, !channel.hasEnded else {
      if channel.hasEnded || channel.isBroken { endCarrier(carrier, http2, .upstreamClosed) }
      return false
    }
    switch channel.receive(syscalls, buffers) {
    case .moved: break
    case .wouldBlock: return false
    case .end, .failed:
      endCarrier(carrier, http2, .upstreamClosed)
      return true
    }
    guard let input = channel.input, !input.isEmpty else { return true }
    http2.receivedAt = now
    let fault = http2.session.receive(input.readable)
    input.reset()
    http2.isDirty = true
    if let fault {
      http2.leave()
      http2.session.terminate(code: fault)
      serveTouched(http2)
      guard !http2.isDead else { return true }
      http2.pump()
      _ = sendOnce(carrier)
      endCarrier(carrier, http2, .upstreamMalformed, isMalformed: true)
    }
    return true
  }

  /// Has every exchange with something new go on.
  private func serveTouched(_ http2: UpstreamHTTP2) {
    // Bound: the streams of the connection; what they lead to comes in the next round.
    for stream in http2.takeTouched() {
      guard let virtual = stream.upstream, let connection = virtual.downstream else { continue }
      countUpstreamFrames(connection.exchange, stream)
      virtual.channel.isReadable = true
      progress(connection)
    }
  }

  /// Writes frames and sends them; true when the socket took some.
  private func sendFrames(_ carrier: UpstreamConnection, _ http2: UpstreamHTTP2) -> Bool {
    http2.isDirty = false
    // It takes nothing more, but what it sent before may still be there to read; that ends with its end.
    guard !carrier.channel.isBroken else { return stopSending(carrier, http2) }
    var moved = false
    // Bound: roundsPerTurnMax buffers.
    for _ in 0..<Self.roundsPerTurnMax {
      guard http2.pump() else {
        endCarrier(carrier, http2, .upstreamClosed)
        return true
      }
      countWritten(http2)
      guard sendOnce(carrier) else { break }
      moved = true
    }
    if moved { http2.touchWaiting() }
    guard !carrier.channel.isBroken else { return stopSending(carrier, http2) }
    if carrier.channel.outputCount == 0 && http2.session.isOver {
      endCarrier(carrier, http2, .upstreamClosed)
      return true
    }
    return moved
  }

  /// Has the rest be read of a connection that takes nothing more; true while there may be some.
  private func stopSending(_ carrier: UpstreamConnection, _ http2: UpstreamHTTP2) -> Bool {
    http2.leave()
    let channel = carrier.channel
    if !channel.isPeerClosed {
      channel.isPeerClosed = true
      channel.lookAgain()
    }
    if channel.isReadable && !channel.hasEnded { return true }
    endCarrier(carrier, http2, .upstreamClosed)
    return true
  }

  private func sendOnce(_ carrier: UpstreamConnection) -> Bool {
    let channel = carrier.channel
    guard carrier.isConnected, channel.outputCount > 0, channel.isWritable,
      case .moved(let count) = channel.send(nil, directCount: 0, syscalls)
    else { return false }
    channel.output?.consume(count)
    return true
  }

  /// Counts frames that were written for exchanges while it was not their turn.
  private func countWritten(_ http2: UpstreamHTTP2) {
    for stream in http2.takeWritten() {
      guard let connection = stream.upstream?.downstream else { continue }
      countUpstreamFrames(connection.exchange, stream)
      flush(connection)
    }
  }

  /// The same at the end of an exchange: another stream's turn may have written some of its frames.
  func countLastFrames(_ connection: DownstreamConnection, _ exchange: Exchange) {
    guard exchange.isUpstreamMultiplexed, let stream = connection.upstream?.channel.upstreamStream
    else { return }
    countUpstreamFrames(exchange, stream)
  }

  /// Counts a stream's frames that came or were written.
  func countUpstreamFrames(_ exchange: Exchange, _ stream: UpstreamStream) {
    let received = stream.takeReceived()
    if received > 0 {
      exchange.hasResponseBytes = true
      exchange.pending.add(.upstreamResponseBytes, UInt64(received))
    }
    let sent = stream.takeSent()
    if sent > 0 { exchange.pending.add(.upstreamRequestBytes, UInt64(sent)) }
  }

  /// At the end of a turn for this connection: its buffers, and whether it stays.
  private func settleCarrier(_ carrier: UpstreamConnection, _ http2: UpstreamHTTP2) {
    guard !http2.isDead else { return }
    carrier.channel.releaseEmptyBuffers(to: buffers)
    guard http2.isIdle else { return }
    let isUsed = carrier.isConnected && !http2.isLeaving && !isDraining
    guard isUsed, !pools[carrier.upstream].isRetired, !carrier.member.isRetired else {
      retireCarrier(carrier)
      return
    }
    if carrier.deadline == .max {
      carrier.deadline = min(now + timeouts.upstreamIdle, carrier.expires)
    }
  }

  private func retireCarrier(_ carrier: UpstreamConnection) {
    carrier.member.forget(carrier)
    closeUpstream(carrier)
  }

  /// Ends a connection: its exchanges make another attempt where they may.
  func endCarrier(
    _ carrier: UpstreamConnection, _ http2: UpstreamHTTP2, _ failure: LocalAnswer,
    isMalformed: Bool = false
  ) {
    http2.leave()
    http2.isDead = true
    carrier.member.forget(carrier)
    for stream in http2.attached {
      guard let virtual = stream.upstream, let connection = virtual.downstream else { continue }
      countUpstreamFrames(connection.exchange, stream)
      guard carrier.isConnected else {
        attemptFailed(connection, failure)
        progress(connection)
        continue
      }
      if stream.resetCode == nil && !stream.hasEnded {
        // What was never written, nobody can have acted upon.
        stream.isRefused = !stream.isBegun
        stream.resetCode =
          isMalformed ? HTTP2Code.protocolError : HTTP2Code.internalError
      }
      virtual.channel.isReadable = true
      progress(connection)
    }
    // Else the last exchange whose response has come closes it.
    if http2.isIdle && carrier.http2 != nil { closeUpstream(carrier) }
  }

  /// Has a connection whose streams were served send what came of it.
  func list(_ http2: UpstreamHTTP2) {
    guard !http2.isListed, !http2.isDead, http2.carrier.isConnected else { return }
    http2.isListed = true
    listedCarriers.append(http2.carrier)
  }

  /// At the end of a turn: sends for connections whose streams have moved.
  func flushListedCarriers() {
    let carriers = listedCarriers
    listedCarriers.removeAll(keepingCapacity: true)
    for carrier in carriers {
      guard let http2 = carrier.http2 else { continue }
      http2.isListed = false
      progressCarrier(carrier, http2)
    }
  }

  /// An exchange has waited in vain: when its connection has brought nothing at all in the second half of that time, the
  /// next exchanges get another one.
  func leaveSilentCarrier(_ connection: DownstreamConnection) {
    guard let stream = connection.upstream?.channel.upstreamStream,
      now - stream.connection.receivedAt > responseTimeout(connection.exchange) / 2
    else { return }
    stream.connection.leave()
  }

  /// Asks an upstream that is silent while it has requests whether it is there, and gives it up when it does not say so.
  func checkSilence(_ carrier: UpstreamConnection, _ http2: UpstreamHTTP2) {
    let ping = pools[carrier.upstream].pingNanoseconds
    guard ping > 0, carrier.isConnected, !http2.isDead, !http2.isIdle,
      now >= max(http2.receivedAt, http2.pingedAt, http2.usedSince) + ping
    else { return }
    guard http2.pingedAt <= http2.receivedAt else {
      counters.add(.timeoutsPing)
      endCarrier(carrier, http2, .upstreamClosed)
      return
    }
    http2.pingedAt = now
    http2.session.ping()
    http2.isDirty = true
    list(http2)
  }

  // MARK: - For the relay

  /// Hands the request's bytes over to a stream, and counts the frames that this made before they go to the kernel.
  func sendOnStream(
    _ connection: DownstreamConnection, _ exchange: Exchange, _ upstream: UpstreamConnection,
    _ stream: UpstreamStream
  ) -> Bool {
    let channel = upstream.channel
    let direct = exchange.request.directCount(connection.channel.input)
    let queued = channel.outputCount
    guard channel.isWritable, !stream.isEndSent else { return false }
    guard queued + direct > 0 else {
      guard exchange.request.isSourceDone else { return false }
      stream.finish()
      noteWritten(connection, exchange, stream)
      if !stream.isEndSent { channel.isWritable = false }
      if stream.isEndSent { connection.deadline = now + responseTimeout(exchange) }
      return stream.isEndSent
    }
    var isLast = exchange.request.isSourceDone
    if case .length(let remaining) = exchange.request.source {
      isLast = remaining == UInt64(direct)
    }
    stream.outlet.endsWithNextSend = isLast
    let result = stream.send(
      channel.output, direct > 0 ? connection.channel.input : nil, directCount: direct)
    var accepted = 0
    switch result {
    case .moved(let count): accepted = count
    case .wouldBlock: break
    case .end, .failed: channel.isBroken = true
    }
    if accepted < queued + direct || (isLast && !stream.isEndSent) { channel.isWritable = false }
    noteWritten(connection, exchange, stream)
    return applySent(connection, exchange, upstream, accepted: accepted, queued: queued)
  }

  private func noteWritten(
    _ connection: DownstreamConnection, _ exchange: Exchange, _ stream: UpstreamStream
  ) {
    countUpstreamFrames(exchange, stream)
    flush(connection)
    if stream.connection.isDirty { list(stream.connection) }
  }

  /// Parts an exchange from its stream.
  func releaseStream(
    _ upstream: UpstreamConnection, _ stream: UpstreamStream, isResponseComplete: Bool
  ) {
    let http2 = stream.connection
    let carrier = http2.carrier
    upstream.channel.releaseBuffers(to: buffers)
    upstream.channel.upstreamStream = nil
    let isWhole = isResponseComplete && stream.isEndSent
    http2.detach(stream, isGivenUp: !isWhole)
    if isWhole { carrier.served += 1 }
    guard http2.isIdle else {
      if http2.isDirty { list(http2) }
      return
    }
    if carrier.isConnected && !http2.isDead {
      // It is looked at when this turn ends: whether it stays, and for how long.
      list(http2)
    } else {
      retireCarrier(carrier)
    }
  }
}
