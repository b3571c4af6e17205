import HTTPCodec
import Metering
import Platform
import Usage

/// HTTP/2 with clients (RFC 9113): a connection's frames come in and go out here; each stream is served by an exchange of
/// its own, as if it were a connection.
///
/// Frames of a request or response belong to its tenant, with their headers; what else the connection carries (SETTINGS,
/// PING, WINDOW_UPDATE, GOAWAY, RST_STREAM) belongs to the listener's own totals.
extension Worker {
  /// Has a connection go on with HTTP/2; what was received already stays in its input.
  func beginHTTP2(_ connection: DownstreamConnection) {
    var bounds = HTTP2Limits()
    bounds.streamsMax = limits.streamsMax
    bounds.headerListBytesMax = limits.headerListBytesMax
    bounds.streamWindow = min(65_535, limits.bufferBytes)
    guard
      let http2 = HTTP2Connection(
        connection, bounds, headBytesMax: limits.headBytesMax, buffers, now: now)
    else {
      close(connection)
      return
    }
    connection.http2 = http2
    counters.add(.http2Connections)
    http2.isDirty = true
  }

  /// Looks for the preface of a client that knows that HTTP/2 is spoken (RFC 9113 §3.3): true when it has begun, false
  /// while more must come, nil when something else has.
  func startsHTTP2(_ connection: DownstreamConnection) -> Bool? {
    guard speaksHTTP2[connection.listener], !connection.isEncrypted,
      let input = connection.channel.input
    else { return nil }
    let preface: StaticString = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    let length = preface.utf8CodeUnitCount
    let count = min(input.count, length)
    let bytes = input.readable
    guard bytes[0] == UInt8(ascii: "P"), bytes.spells(preface, first: count) else { return nil }
    guard count == length else { return false }
    beginHTTP2(connection)
    return true
  }

  /// Goes on with a connection as far as its socket allows.
  func progressHTTP2(_ connection: DownstreamConnection, _ http2: HTTP2Connection) {
    let channel = connection.channel
    // Bound: roundsPerTurnMax, then other connections have their turn.
    for _ in 0..<Self.roundsPerTurnMax {
      guard !connection.isClosed else { return }
      guard !channel.isBroken else {
        endHTTP2(connection, http2)
        return
      }
      var moved = takeFrames(connection, http2)
      guard !connection.isClosed else { return }
      serveTouched(connection, http2)
      guard !connection.isClosed else { return }
      if sendFrames(connection, http2) { moved = true }
      guard !connection.isClosed else { return }
      if !moved {
        settleHTTP2(connection, http2)
        return
      }
    }
    settleHTTP2(connection, http2)
    if !connection.isClosed { continueLater(connection) }
  }

  /// Receives and reads frames; true when there were any.
  private func takeFrames(_ connection: DownstreamConnection, _ http2: HTTP2Connection) -> Bool {
    let channel = connection.channel
    if feed(connection, http2) { return true }
    // A client that takes nothing is not listened to: each of its frames may want an answer.
    guard channel.isReadable, !channel.hasEnded, channel.outputCount < limits.bufferBytes / 2 else {
      if channel.hasEnded { endHTTP2(connection, http2) }
      return false
    }
    switch channel.receive(syscalls, buffers) {
    case .moved: return feed(connection, http2)
    case .wouldBlock: return false
    case .end, .failed:
      endHTTP2(connection, http2)
      return true
    }
  }

  private func feed(_ connection: DownstreamConnection, _ http2: HTTP2Connection) -> Bool {
    guard let input = connection.channel.input, !input.isEmpty else { return false }
    guard !http2.isFailed else {
      http2.noteReceived(input.count)
      input.reset()
      return true
    }
    http2.receivedAt = now
    http2.pingedAt = nil
    http2.budget.refill(at: now)
    http2.noteReceived(input.count)
    let fault = http2.session.receive(input.readable) ?? http2.fault
    http2.noteUnread()
    input.reset()
    http2.isDirty = true
    if let fault {
      http2.session.terminate(code: fault)
      http2.isFailed = true
    } else if http2.budget.isExhausted {
      http2.session.terminate(code: HTTP2Code.enhanceYourCalm)
      http2.isFailed = true
    } else if http2.budget.isNearlyExhausted {
      leaveHTTP2(http2, code: HTTP2Code.enhanceYourCalm)
    }
    countControl(connection, http2)
    return true
  }

  /// Has every stream with something new go on.
  private func serveTouched(_ connection: DownstreamConnection, _ http2: HTTP2Connection) {
    // Bound: the streams of the connection; what they lead to comes in the next round.
    for stream in http2.takeTouched() {
      guard !connection.isClosed else { return }
      if !stream.isBegun && !stream.isReset && !http2.isFailed {
        beginStream(connection, http2, stream)
      }
      guard let virtual = stream.downstream else {
        // Given up before it became a request.
        if stream.isReset {
          http2.unbook(stream.takeReceived())
          http2.forget(stream)
        }
        continue
      }
      takeReceived(virtual, stream)
      virtual.channel.isReadable = true
      if stream.isReset && !stream.isResetByClient && virtual.exchange.isOpen {
        // It broke the rules of HTTP/2, and has been told so.
        abort(virtual, .endedRejected)
        continue
      }
      if stream.isReset { virtual.channel.isBroken = true }
      progress(virtual)
    }
  }

  /// Begins the exchange of a stream whose head is complete.
  private func beginStream(
    _ connection: DownstreamConnection, _ http2: HTTP2Connection, _ stream: HTTP2Stream
  ) {
    stream.isBegun = true
    let (slot, generation) = downstreams.reserve()
    let channel = Channel(descriptor: -1, slot: slot, generation: generation)
    channel.stream = stream
    channel.isWritable = true
    channel.input = http2.takeHead(
      stream, key: stream.isUpgrade ? (random.next(), random.next()) : (0, 0))
    let virtual = DownstreamConnection(
      channel: channel, listener: connection.listener, client: connection.client,
      isTrusted: connection.isTrusted, idle: exchanges.idle, now: now)
    virtual.certificate = connection.certificate
    virtual.serverName = connection.serverName
    virtual.isEncrypted = connection.isEncrypted
    virtual.isRetiring = connection.isRetiring
    virtual.deadline = now + timeouts.requestHead
    if !http2.hasOpenStreams {
      let idle = (now &- connection.idleSince) / 1_000_000
      if idle > 0 {
        meter.recordConnection(listener: connection.listener, .idleMilliseconds, idle)
      }
    }
    http2.openStreams += 1
    connection.requestCount += 1
    // The request count of the connection bounds how long it lives; the exchange never is the last of its own.
    if connection.requestCount >= limits.requestsPerConnectionMax { leaveHTTP2(http2) }
    downstreams.put(virtual, at: slot)
    stream.downstream = virtual
    streamCount += 1
    counters.set(.http2Streams, to: streamCount)
  }

  /// Counts frames that came for an open exchange.
  private func takeReceived(_ virtual: DownstreamConnection, _ stream: HTTP2Stream) {
    guard virtual.exchange.isOpen else { return }
    let count = stream.takeReceived()
    if count > 0 { virtual.exchange.pending.add(.requestBytes, UInt64(count)) }
  }

  /// Writes frames and sends them; true when the socket took some.
  private func sendFrames(_ connection: DownstreamConnection, _ http2: HTTP2Connection) -> Bool {
    let channel = connection.channel
    http2.isDirty = false
    var moved = false
    // Bound: roundsPerTurnMax buffers.
    for _ in 0..<Self.roundsPerTurnMax {
      guard http2.pump() else {
        endHTTP2(connection, http2)
        return true
      }
      countWritten(http2)
      guard channel.outputCount > 0, channel.isWritable else { break }
      guard case .moved(let count) = channel.send(nil, directCount: 0, syscalls) else { break }
      channel.output?.consume(count)
      moved = true
    }
    countControl(connection, http2)
    if moved {
      http2.stalledSince = nil
      http2.touchWaiting()
    }
    if channel.isBroken {
      endHTTP2(connection, http2)
      return true
    }
    if channel.outputCount == 0 && (http2.isFailed || http2.session.isOver) {
      endHTTP2(connection, http2, lingers: true)
      return true
    }
    return moved
  }

  /// Counts frames that were written for streams while it was not their turn; one whose end is among them is over.
  private func countWritten(_ http2: HTTP2Connection) {
    for stream in http2.takeWritten() {
      guard let virtual = stream.downstream, virtual.exchange.isOpen else {
        http2.unbookSent(stream.takeSent())
        continue
      }
      countSentFrames(virtual, virtual.exchange, stream)
      if stream.isEndSent { progress(virtual) }
    }
  }

  /// Counts the frames that belong to no stream.
  private func countControl(
    _ connection: DownstreamConnection, _ http2: HTTP2Connection, isOver: Bool = false
  ) {
    let received = http2.takeControlReceived(isOver: isOver)
    if received > 0 {
      meter.recordConnection(listener: connection.listener, .receivedBytes, UInt64(received))
    }
    let sent = http2.takeControlSent()
    if sent > 0 {
      meter.recordConnection(listener: connection.listener, .sentBytes, UInt64(sent))
    }
    if http2.malformedHeads > 0 {
      counters.add(.malformedRequests, http2.malformedHeads)
      http2.malformedHeads = 0
    }
    if http2.resetsSent > 0 {
      counters.add(.http2Resets, http2.resetsSent)
      http2.resetsSent = 0
    }
  }

  /// At the end of a turn for this connection: its time limit, and its buffers.
  private func settleHTTP2(_ connection: DownstreamConnection, _ http2: HTTP2Connection) {
    guard !connection.isClosed else { return }
    let channel = connection.channel
    channel.releaseEmptyBuffers(to: buffers)
    if http2.isGoingAway && !http2.hasOpenStreams && channel.outputCount == 0 {
      endHTTP2(connection, http2, lingers: true)
      return
    }
    if http2.headInProgress == 0 {
      http2.headSince = nil
      http2.releaseHead()
    }
    var deadline = http2.firstDeadline
    if channel.outputCount > 0 {
      let since = http2.stalledSince ?? now
      http2.stalledSince = since
      deadline = since + timeouts.clientWrite
    } else if http2.headInProgress != 0 {
      let since = http2.headSince ?? now
      http2.headSince = since
      let own = since + timeouts.requestHead
      deadline = connection.requestCount == 0 ? min(deadline, own) : own
    } else if http2.hasOpenStreams {
      // Each of its streams has its own.
      deadline = timeouts.ping > 0 ? (http2.pingedAt ?? http2.receivedAt) + timeouts.ping : .max
    } else if connection.requestCount > 0 {
      deadline = connection.idleSince + timeouts.keepAlive
    }
    connection.deadline = min(deadline, http2.leaveDeadline)
  }

  /// Has a connection whose stream was served by an upstream's event send what came of it.
  func listHTTP2(_ http2: HTTP2Connection) {
    guard !http2.isListed, http2.isDirty else { return }
    http2.isListed = true
    listedHTTP2.append(http2.downstream)
  }

  /// At the end of a turn: sends for connections whose streams have moved.
  func flushListedHTTP2() {
    let connections = listedHTTP2
    listedHTTP2.removeAll(keepingCapacity: true)
    for connection in connections {
      guard let http2 = connection.http2 else { continue }
      http2.isListed = false
      progressHTTP2(connection, http2)
    }
  }

  /// After an exchange's end: ends its stream.
  func streamIsOver(_ connection: DownstreamConnection, _ stream: HTTP2Stream) {
    // The rest of the request is of no use any more (RFC 9113 §8.1).
    if !stream.hasEnded && !stream.isReset {
      stream.connection.reset(stream.id, code: HTTP2Code.noError)
    }
    removeStream(connection, stream)
  }

  /// Closes a stream whose response is not complete.
  func closeStream(_ connection: DownstreamConnection, _ stream: HTTP2Stream) {
    if !stream.isReset {
      stream.connection.reset(stream.id, code: HTTP2Code.internalError)
    }
    removeStream(connection, stream)
  }

  private func removeStream(_ connection: DownstreamConnection, _ stream: HTTP2Stream) {
    let http2 = stream.connection
    let channel = connection.channel
    http2.unbook(stream.takeReceived())
    http2.unbookSent(stream.takeSent())
    channel.releaseBuffers(to: buffers)
    channel.stream = nil
    downstreams.remove(at: channel.slot)
    connection.isClosed = true
    streamCount -= 1
    counters.set(.http2Streams, to: streamCount)
    http2.openStreams -= 1
    if !http2.hasOpenStreams { http2.downstream.idleSince = now }
    http2.forget(stream)
    http2.isDirty = true
    listHTTP2(http2)
  }

  /// Ends a connection with all of its streams. One that is through with what it has to say `lingers`: frames that the
  /// client had on its way must not make the kernel take it back.
  func endHTTP2(
    _ connection: DownstreamConnection, _ http2: HTTP2Connection, lingers: Bool = false
  ) {
    guard connection.http2 != nil else { return }
    connection.http2 = nil
    for stream in http2.allStreams {
      stream.isReset = true
      guard let virtual = stream.downstream else { continue }
      virtual.channel.isBroken = true
      if virtual.exchange.isOpen { clientIsGone(virtual) } else { close(virtual) }
    }
    http2.forgetAll()
    sayGoodbye(connection, http2)
    countControl(connection, http2, isOver: true)
    counters.subtract(.http2Connections)
    switch http2.failure {
    case nil: break
    case HTTP2Code.enhanceYourCalm: counters.add(.http2Abusive)
    default: counters.add(.http2ProtocolErrors)
    }
    if lingers && !connection.channel.hasEnded && !connection.channel.isBroken {
      beginLinger(connection)
    } else {
      close(connection)
    }
  }

  /// Offers the socket once what waits: resets of streams that were cut off, and GOAWAY.
  private func sayGoodbye(_ connection: DownstreamConnection, _ http2: HTTP2Connection) {
    let channel = connection.channel
    guard !channel.isBroken, !channel.hasEnded else { return }
    if !http2.isFailed && !http2.isGoingAway { http2.session.goAway(code: HTTP2Code.noError) }
    http2.pump()
    guard channel.outputCount > 0, channel.isWritable,
      case .moved(let count) = channel.send(nil, directCount: 0, syscalls)
    else { return }
    channel.output?.consume(count)
  }

  /// Serves no further streams of a connection; those that are open go on.
  func leaveHTTP2(_ http2: HTTP2Connection, code: UInt32 = HTTP2Code.noError) {
    guard !http2.isGoingAway else { return }
    http2.isGoingAway = true
    http2.leaveDeadline = .max
    http2.session.goAway(code: code)
    http2.isDirty = true
    listHTTP2(http2)
  }

  /// The first step of leaving: the client hears that the connection will end, and may send what is on its way.
  func retireHTTP2(_ connection: DownstreamConnection, _ http2: HTTP2Connection) {
    http2.session.announceShutdown()
    http2.isDirty = true
    http2.leaveDeadline = now + timeouts.drainIdle
    connection.deadline = min(connection.deadline, http2.leaveDeadline)
    listHTTP2(http2)
  }

  /// A client with open streams sends nothing: it is asked whether it is there, and given up when it does not say so.
  private func timeOutSilence(_ connection: DownstreamConnection, _ http2: HTTP2Connection) {
    guard http2.pingedAt == nil else {
      counters.add(.timeoutsPing)
      connection.channel.isBroken = true
      endHTTP2(connection, http2)
      return
    }
    http2.pingedAt = now
    http2.session.ping()
    http2.isDirty = true
    progressHTTP2(connection, http2)
  }

  /// A deadline of the connection itself has passed.
  func timeOutHTTP2(_ connection: DownstreamConnection, _ http2: HTTP2Connection) {
    // Since the deadline was set, one of its streams may have got an answer or have ended, in this very sweep.
    settleHTTP2(connection, http2)
    guard !connection.isClosed, now >= connection.deadline else { return }
    if connection.channel.outputCount > 0 && now < http2.leaveDeadline {
      counters.add(.timeoutsClientWrite)
      connection.channel.isBroken = true
      endHTTP2(connection, http2)
      return
    }
    if http2.hasOpenStreams && http2.headInProgress == 0 && now < http2.leaveDeadline {
      timeOutSilence(connection, http2)
      return
    }
    if http2.headInProgress != 0 && now < http2.leaveDeadline {
      counters.add(.timeoutsRequestHead)
      http2.session.terminate(code: HTTP2Code.protocolError)
      http2.isFailed = true
    } else if !connection.isRetiring && !isDraining && !http2.isGoingAway {
      counters.add(connection.requestCount == 0 ? .timeoutsFirstHead : .timeoutsKeepAlive)
    }
    leaveHTTP2(http2)
    progressHTTP2(connection, http2)
  }
}
