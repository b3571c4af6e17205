import HTTPCodec
import Metering
import Platform
import Usage

/// The loop that moves an exchange's bytes both ways: bounded, with back pressure by not reading.
///
/// Each direction reads only while its sink has taken what was read before, so an exchange holds at most one
/// buffer of input and one of output each way. Bytes are counted before they are handed to the kernel; what it
/// does not take is taken back in the same turn.
extension Worker {
  /// One round; true when another may achieve something.
  func relay(_ connection: DownstreamConnection, _ exchange: Exchange) -> Bool {
    if exchange.phase != .answering && mustRest(connection) { return false }
    var moved = false
    if exchange.phase != .answering, let upstream = connection.upstream {
      if pumpRequest(connection, exchange, upstream) { moved = true }
      guard exchange.isOpen, exchange.phase != .answering else { return true }
      if connection.upstream === upstream, pumpResponse(connection, exchange, upstream) {
        moved = true
      }
      guard exchange.isOpen else { return true }
    }
    if sendResponse(connection, exchange) { moved = true }
    return moved
  }

  /// Client to upstream: receive, frame, send. True when something moved.
  private func pumpRequest(
    _ connection: DownstreamConnection, _ exchange: Exchange, _ upstream: UpstreamConnection
  ) -> Bool {
    guard exchange.isRequestSinkOpen else { return false }
    var moved = receiveRequest(connection, exchange)
    guard exchange.isOpen else { return true }
    let arrived = exchange.request.countArrived(connection.channel.input)
    exchange.addReceived(arrived)
    if exchange.isUpstreamMultiplexed, case .untilClose = exchange.request.source {
      exchange.requestContentBytes += UInt64(max(0, arrived))
      if exchange.requestContentBytes > exchange.bodyBytesMax {
        refuseBody(connection, nil)
        return true
      }
    }
    if !exchange.request.isDirect, !exchange.request.isSourceDone {
      if fillRequest(connection, exchange, upstream) {
        moved = true
      } else if connection.channel.hasEnded && exchange.request.isFlushed {
        requestEnded(connection, exchange)
      }
      guard exchange.isOpen, exchange.phase != .answering else { return true }
    }
    if sendRequest(connection, exchange, upstream) { moved = true }
    // With its last byte gone there is nothing that another round could add; the response is looked at in this one.
    return moved && !(exchange.request.isSourceDone && upstream.channel.outputCount == 0)
  }

  /// Reads from the client when its body is not complete and the last bytes have gone on.
  private func receiveRequest(_ connection: DownstreamConnection, _ exchange: Exchange) -> Bool {
    let channel = connection.channel
    guard !exchange.request.isSourceDone, channel.isReadable, !channel.hasEnded,
      exchange.request.isFlushed || exchange.request.isDirect,
      !exchange.request.hasAllArrived(channel.input)
    else {
      if channel.hasEnded && !exchange.request.isSourceDone && exchange.request.isDirect {
        requestEnded(connection, exchange)
      }
      return false
    }
    switch channel.receive(syscalls, buffers) {
    case .moved:
      connection.deadline = now + progressTimeout(exchange)
      return true
    case .wouldBlock: return false
    case .end:
      // Chunks may wait in the buffer, the last one among them.
      if exchange.request.isDirect { requestEnded(connection, exchange) }
      return true
    case .failed:
      clientIsGone(connection)
      return true
    }
  }

  /// The client's end of stream came before the request was complete; for a tunnel that is its half-close.
  private func requestEnded(_ connection: DownstreamConnection, _ exchange: Exchange) {
    if let stream = connection.channel.stream, case .untilClose = exchange.request.source,
      let upstream = connection.upstream
    {
      streamEnded(connection, exchange, stream, upstream)
      return
    }
    guard exchange.phase == .tunneling else {
      clientIsGone(connection)
      return
    }
    guard !exchange.request.isSourceDone, connection.channel.inputCount == 0,
      let upstream = connection.upstream, upstream.channel.outputCount == 0
    else { return }
    exchange.request.isSourceDone = true
    upstream.channel.shutdownWriting(syscalls)
    endTunnelIfDone(connection, exchange)
  }

  /// The client ended its stream in good order: the last chunk goes to the upstream, with the trailers.
  private func streamEnded(
    _ connection: DownstreamConnection, _ exchange: Exchange, _ stream: HTTP2Stream,
    _ upstream: UpstreamConnection
  ) {
    guard !exchange.request.isSourceDone, connection.channel.inputCount == 0 else { return }
    var passes = false
    trailerFields.removeAll(keepingCapacity: true)
    if let lines = stream.trailers {
      let rule = requestParsers[connection.listener].underscoreNames
      if let fault = readTrailers(lines, rule) {
        refuseBody(connection, fault)
        return
      }
      passes = true
    }
    if let sink = upstream.channel.upstreamStream {
      exchange.request.isSourceDone = true
      if passes {
        // They are with this attempt: another one would lack them.
        exchange.hasMovedContent = true
        passTrailers(sink.outlet, .none, isFromStranger: !connection.isTrusted)
      }
      return
    }
    let output = upstream.channel.output ?? buffers.take()
    upstream.channel.output = output
    exchange.hasMovedContent = true
    prepareToAppend(output)
    exchange.request.isSourceDone = true
    finishChunks(
      &exchange.request, output, trailers: passes, hints: .none,
      isFromStranger: !connection.isTrusted)
  }

  /// Takes chunked content apart and frames it anew for the upstream.
  private func fillRequest(
    _ connection: DownstreamConnection, _ exchange: Exchange, _ upstream: UpstreamConnection
  )
    -> Bool
  {
    guard let input = connection.channel.input, !input.isEmpty, exchange.request.body == 0,
      exchange.request.trailing == 0
    else { return false }
    let output = upstream.channel.output ?? buffers.take()
    upstream.channel.output = output
    // From here on the head may be gone from the buffer: the request is not sent again.
    exchange.hasMovedContent = true
    prepareToAppend(output)
    let filled = exchange.request.fill(from: input, to: output)
    if !exchange.isMultiplexed { exchange.pending.addArrived(filled.wireBytes, .requestBytes, nil) }
    exchange.pending.add(.requestBodyBytes, UInt64(filled.contentBytes))
    exchange.requestContentBytes += UInt64(filled.contentBytes)
    var fault = filled.fault
    if let trailers = filled.trailers {
      fault = readTrailers(
        trailers, of: input, wireBytes: filled.wireBytes,
        underscoreNames: requestParsers[connection.listener].underscoreNames)
    }
    if fault != nil || exchange.requestContentBytes > exchange.bodyBytesMax {
      refuseBody(connection, fault)
      return true
    }
    if exchange.request.isSourceDone {
      if filled.trailers != nil, let sink = upstream.channel.upstreamStream {
        passTrailers(sink.outlet, .none, isFromStranger: !connection.isTrusted)
      }
      finishChunks(
        &exchange.request, output, trailers: filled.trailers != nil, hints: .none,
        isFromStranger: !connection.isTrusted)
    }
    return filled.wireBytes > 0
  }

  /// A request body that breaks the framing rules or its route's bound: answered if that is still possible.
  private func refuseBody(_ connection: DownstreamConnection, _ fault: HTTPFault?) {
    if let fault {
      counters.add(.malformedRequests)
      refuse(connection, status: fault.status, code: Array(fault.code.rawValue.utf8))
    } else {
      counters.add(.bodiesTooLarge)
      refuse(connection, status: 413, code: Array("body_too_large".utf8))
    }
  }

  private func refuse(_ connection: DownstreamConnection, status: Int, code: [UInt8]) {
    if connection.exchange.phase == .responding {
      abort(connection, .endedRejected)
    } else {
      answer(
        connection, status: status, code: code,
        message: "The request body is refused; see the code.",
        end: .endedRejected)
    }
  }

  /// Keeps a copy of the trailers that end the input's body, and takes the body's bytes off the input.
  ///
  /// Returns the rule that the trailers break, if they do.
  func readTrailers(
    _ range: ByteRange, of input: Buffer, wireBytes: Int,
    underscoreNames: UnderscoreNames = .forward
  ) -> HTTPFault? {
    let copy = trailerBytes
    copy.reset()
    copy.append(input.readable.extracting(range.start..<range.end))
    input.consume(wireBytes)
    return parseTrailers(
      copy.readable, into: &trailerFields, underscoreNames: underscoreNames)
  }

  /// Keeps trailers that came as lines; returns the rule that they break, if they do. Their bounds are those of chunked
  /// trailers.
  func readTrailers(_ lines: [UInt8], _ underscoreNames: UnderscoreNames) -> HTTPFault? {
    let kept = trailerBytes
    kept.reset()
    guard kept.append(lines), kept.append("\r\n") else {
      return HTTPFault(.trailersTooLarge, at: lines.count)
    }
    let fault = parseTrailers(
      kept.readable, into: &trailerFields, underscoreNames: underscoreNames)
    if trailerFields.count > http1Limits.trailerFieldCountMax {
      return HTTPFault(.tooManyTrailers, at: 0)
    }
    return fault
  }

  /// Ends a chunked sink, with the trailers that `readTrailers` kept if they are to be passed on.
  func finishChunks(
    _ relay: inout BodyRelay, _ output: Buffer, trailers passes: Bool, hints: CostHintReader,
    isFromStranger: Bool = false
  ) {
    let kept = trailerBytes
    let fits = relay.finishChunks(output) { output in
      !passes
        || policy.writeTrailers(
          trailerFields, in: kept.readable, hints: hints, isFromStranger: isFromStranger,
          to: output)
    }
    precondition(fits, "room for trailers was kept")
  }

  /// Makes all of an output buffer free again once nothing of it may be sent twice.
  func prepareToAppend(_ output: Buffer) {
    if output.isEmpty { output.reset() } else { output.compact() }
  }

  /// Sends what waits for the upstream, counted first.
  private func sendRequest(
    _ connection: DownstreamConnection, _ exchange: Exchange, _ upstream: UpstreamConnection
  )
    -> Bool
  {
    let channel = upstream.channel
    if let stream = channel.upstreamStream {
      return sendOnStream(connection, exchange, upstream, stream)
    }
    let direct = exchange.request.directCount(connection.channel.input)
    let queued = channel.outputCount
    guard queued + direct > 0, channel.isWritable else { return false }
    let offered = queued + direct
    exchange.pending.add(.upstreamRequestBytes, UInt64(offered))
    flush(connection)
    let result = channel.send(
      direct > 0 ? connection.channel.input : nil, directCount: direct, syscalls)
    var accepted = 0
    if case .moved(let count) = result { accepted = count }
    if accepted < offered {
      takeBack(connection, .upstreamRequestBytes, UInt64(offered - accepted))
    }
    return applySent(connection, exchange, upstream, accepted: accepted, queued: queued)
  }

  /// Takes what an upstream accepted off the request; true when that was anything.
  func applySent(
    _ connection: DownstreamConnection, _ exchange: Exchange, _ upstream: UpstreamConnection,
    accepted: Int, queued: Int
  ) -> Bool {
    let channel = upstream.channel
    let fromQueue = min(accepted, queued)
    // Advanced, not consumed: a request head may have to be sent again on another connection.
    channel.output?.advance(fromQueue)
    _ = exchange.request.accept(fromQueue)
    if accepted > queued {
      exchange.hasMovedContent = true
      exchange.request.acceptDirect(accepted - queued, connection.channel.input)
    }
    if channel.isBroken { upstreamSinkBroke(connection, exchange, upstream) }
    if accepted > 0 {
      let isSent =
        exchange.request.isSourceDone && channel.outputCount == 0
        && channel.upstreamStream?.isEndSent ?? true
      let isWaiting = isSent && exchange.phase == .requesting
      connection.deadline =
        now + (isWaiting ? responseTimeout(exchange) : progressTimeout(exchange))
    }
    return accepted > 0
  }

  /// The upstream takes no more request bytes; an answer that it sent before may still be readable.
  func upstreamSinkBroke(
    _ connection: DownstreamConnection, _ exchange: Exchange, _ upstream: UpstreamConnection
  ) {
    exchange.isRequestSinkOpen = false
    upstream.channel.lookAgain()
    upstream.channel.isPeerClosed = true
    if exchange.phase == .tunneling && exchange.response.isSourceDone {
      // It had ended its own direction in order before: there is nothing more to come or to go.
      exchange.request.isSourceDone = true
      endTunnelIfDone(connection, exchange)
    }
  }

  /// The time that may pass from the request's last byte to a response head.
  func responseTimeout(_ exchange: Exchange) -> UInt64 {
    exchange.isCall ? timeouts.stream : timeouts.responseHead
  }

  /// The time that may pass without a byte moving in this exchange.
  func progressTimeout(_ exchange: Exchange) -> UInt64 {
    exchange.streamNanoseconds == nil && !exchange.isCall ? timeouts.body : timeouts.stream
  }

  /// Takes back what was counted before a send that the kernel did not take in full.
  func takeBack(_ connection: DownstreamConnection, _ quantity: Quantity, _ amount: UInt64) {
    guard let row = connection.exchange.row else { return }
    returned.clear()
    returned.add(quantity, amount)
    connection.exchange.allowance.takeBack(returned)
    meter.takeBack(row, listener: connection.listener, returned, observing: nil)
    connection.exchange.record?.takeBack(returned)
  }
}

extension Exchange {
  /// Adds content of the request that arrived as it is; a stream's frames are counted on their own.
  func addReceived(_ count: Int) {
    guard count > 0 else { return }
    if !isMultiplexed { pending.add(.requestBytes, UInt64(count)) }
    pending.add(.requestBodyBytes, UInt64(count))
  }
}

extension Deltas {
  /// Adds bytes that arrived, and the same number as content when `content` is given.
  mutating func addArrived(_ count: Int, _ wire: Quantity, _ content: Quantity?) {
    guard count > 0 else { return }
    add(wire, UInt64(count))
    if let content { add(content, UInt64(count)) }
  }
}
