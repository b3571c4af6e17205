import HTTPCodec
import Metering
import Platform
import Usage

extension Worker {
  /// Upstream to client: receive, read heads, frame. True when something moved. `sendResponse` sends.
  func pumpResponse(
    _ connection: DownstreamConnection, _ exchange: Exchange, _ upstream: UpstreamConnection
  ) -> Bool {
    switch exchange.phase {
    case .requesting: return receiveResponseHead(connection, exchange, upstream)
    case .responding, .tunneling: return receiveResponseBody(connection, exchange, upstream)
    case .idle, .connecting, .answering: return false
    }
  }

  private func receiveResponseHead(
    _ connection: DownstreamConnection, _ exchange: Exchange, _ upstream: UpstreamConnection
  ) -> Bool {
    let channel = upstream.channel
    if readResponseHead(connection, exchange, upstream) { return true }
    guard channel.isReadable else {
      if channel.hasEnded || channel.isBroken {
        attemptFailed(connection, lossOfResponse(channel))
        return true
      }
      return false
    }
    switch channel.receive(syscalls, buffers) {
    case .moved:
      exchange.hasResponseBytes = true
      return readResponseHead(connection, exchange, upstream) || channel.isReadable
    case .wouldBlock: return false
    case .end, .failed:
      attemptFailed(connection, lossOfResponse(channel))
      return true
    }
  }

  /// What it is called when no response comes any more.
  private func lossOfResponse(_ channel: Channel) -> LocalAnswer {
    guard channel.upstreamStream?.isMalformed ?? false else { return .upstreamClosed }
    counters.add(.malformedResponses)
    return .upstreamMalformed
  }

  /// Reads the head at the front of what came, if it is complete and the client's output has room for it; true when
  /// something came of it.
  @inline(__always)
  private func readResponseHead(
    _ connection: DownstreamConnection, _ exchange: Exchange, _ upstream: UpstreamConnection
  ) -> Bool {
    guard let input = upstream.channel.input, !input.isEmpty, hasHeadRoom(connection) else {
      return false
    }
    return parseResponseHead(connection, exchange, upstream, input)
  }

  /// Whether the client's output has room for one more head.
  private func hasHeadRoom(_ connection: DownstreamConnection) -> Bool {
    guard let output = connection.channel.output else { return true }
    output.compact()
    return output.free >= limits.headBytesMax + HeaderPolicy.addedBytesMax
  }

  private func parseResponseHead(
    _ connection: DownstreamConnection, _ exchange: Exchange, _ upstream: UpstreamConnection,
    _ input: Buffer
  ) -> Bool {
    let outcome = responseParser.parseResponse(
      input.readable, scanned: &upstream.scanned, to: exchange.method,
      into: responseHead)
    switch outcome {
    case .needMore: return false
    case .fault:
      counters.add(.malformedResponses)
      attemptFailed(connection, .upstreamMalformed)
      return true
    case .complete(let length):
      upstream.scanned = 0
      exchange.addUpstream(.upstreamResponseBytes, length)
      if responseHead.status == 101 {
        beginTunnel(connection, exchange, upstream, input, length)
      } else if responseHead.status < 200 {
        passInterim(connection, exchange, input, length)
      } else if responseHead.status < 300 && wantsTunnel(connection) {
        // Not a fault of the address: its content is no tunnel's.
        noteAnswer(upstream, status: responseHead.status)
        input.consume(length)
        answer(connection, .upstreamMalformed)
      } else if !retriesStatus(connection, upstream, input, headLength: length) {
        noteAnswer(upstream, status: responseHead.status)
        beginResponse(connection, exchange, upstream, input, length)
      }
      return true
    }
  }

  /// Passes a 1xx on; clients of HTTP/1.0 never see one.
  private func passInterim(
    _ connection: DownstreamConnection, _ exchange: Exchange, _ input: Buffer, _ length: Int
  ) {
    exchange.interimResponses += 1
    guard exchange.interimResponses <= limits.interimResponsesMax else {
      counters.add(.interimResponsesRefused)
      input.consume(length)
      attemptFailed(connection, .upstreamInterim)
      return
    }
    if !exchange.isHTTP10 {
      let output = clientOutput(connection)
      let before = output.count
      let fits = policy.writeResponse(
        responseHead, in: input.readable, framing: .none, closes: false, toHTTP10: false,
        hints: hintReaders[exchange.upstream], to: output)
      precondition(fits, "room for a head was checked")
      exchange.response.leading += output.count - before
    }
    input.consume(length)
    connection.deadline = now + responseTimeout(connection.exchange)
  }

  private func clientOutput(_ connection: DownstreamConnection) -> Buffer {
    let output = connection.channel.output ?? buffers.take()
    connection.channel.output = output
    return output
  }

  /// Writes the final response's head for the client and sets its body's relay up.
  private func beginResponse(
    _ connection: DownstreamConnection, _ exchange: Exchange, _ upstream: UpstreamConnection,
    _ input: Buffer, _ length: Int
  ) {
    let isStream = isEventStream(input.readable)
    let isLong =
      isStream || exchange.isCall && isCall(responseHead.field(.contentType), input.readable)
    guard admitsStream(connection, isStream: isStream, input, length) else { return }
    let reader = hintReaders[exchange.upstream]
    reader.read(responseHead.fields, in: input.readable, into: &exchange.hints)
    exchange.takeCallStatus(responseHead.fields, in: input.readable)
    let (framing, source) = responseFraming(exchange, upstream.channel.upstreamStream)
    // A final answer instead of 100: the client may send its body or not, so nothing can follow it.
    let isBodyInDoubt =
      exchange.expectsContinue && !exchange.hasMovedContent && !exchange.request.isSourceDone
    if framing == .untilClose || isBodyInDoubt || isLastResponse(connection) {
      exchange.isKeepAlive = false
    }
    // Taken out and put back: see `Channel.receive`.
    let output = connection.channel.output.take() ?? buffers.take()
    let before = output.count
    let fits = policy.writeResponse(
      responseHead, in: input.readable, framing: framing, closes: !exchange.isKeepAlive,
      toHTTP10: exchange.isHTTP10, hints: reader, adding: responseFields(exchange), to: output)
    precondition(
      fits && policy.appendRequestID(exchange.requestID, to: output), "room for a head was checked")
    let waiting = exchange.response.leading
    exchange.response = BodyRelay(source, framesChunks: framing == .chunked)
    exchange.response.leading = waiting + output.count - before
    exchange.headRemaining = output.count
    connection.channel.output = output
    exchange.responseStatus = responseHead.status
    exchange.isUpstreamReusable = responseHead.isKeepAlive
    if isLong { exchange.streamNanoseconds = now }
    input.consume(length)
    exchange.phase = .responding
    dropSentHead(upstream.channel)
    if exchange.response.isSourceDone { exchange.settleResponse(at: now, reader) }
    // Content that came with the head may leave with it, in this very round.
    countResponseArrived(exchange, upstream.channel)
    connection.deadline = now + progressTimeout(exchange)
  }

  /// The request head was kept for another attempt, which there cannot be any more.
  private func dropSentHead(_ channel: Channel) {
    if channel.output?.isEmpty ?? false, let output = channel.output.take() { buffers.give(output) }
  }

  /// How the client gets the body, and where it ends at the upstream.
  private func responseFraming(
    _ exchange: Exchange, _ stream: UpstreamStream?
  ) -> (HeaderPolicy.ResponseFraming, BodyRelay.Source) {
    switch responseHead.framing {
    case .none: (.none, .none)
    case .contentLength(let count): (.contentLength(count), .length(count))
    case .chunked:
      (
        exchange.isHTTP10 || exchange.isMultiplexed ? .untilClose : .chunked,
        .chunked(ChunkedDecoder(limits: http1Limits))
      )
    // A head that ends its stream. An HTTP/2 client gets it as that, too.
    case .untilClose where stream?.endsWithHead ?? false: (.contentLength(0), .none)
    case .untilClose:
      (exchange.isHTTP10 || exchange.isMultiplexed ? .untilClose : .chunked, .untilClose)
    }
  }

  private func isEventStream(_ bytes: RawSpan) -> Bool {
    guard let field = responseHead.field(.contentType), field.value.count >= 17 else {
      return false
    }
    return bytes.matches(
      ByteRange(start: field.value.start, count: 17), lowercase: "text/event-stream")
  }

  /// After a 101 that the request asked for, both sides are a tunnel of bytes.
  private func beginTunnel(
    _ connection: DownstreamConnection, _ exchange: Exchange, _ upstream: UpstreamConnection,
    _ input: Buffer, _ length: Int
  ) {
    guard exchange.wantsUpgrade, responseHead.upgrade != nil else {
      counters.add(.malformedResponses)
      input.consume(length)
      attemptFailed(connection, .upstreamMalformed)
      return
    }
    guard admitsStream(connection, isStream: true, input, length) else { return }
    let output = clientOutput(connection)
    let before = output.count
    let fits = policy.writeResponse(
      responseHead, in: input.readable, framing: .upgrade, closes: false, toHTTP10: false,
      hints: hintReaders[exchange.upstream], to: output)
    precondition(fits, "room for a head was checked")
    input.consume(length)
    let waiting = exchange.response.leading
    exchange.response = BodyRelay(.tunnel, framesChunks: false)
    exchange.response.leading = waiting + output.count - before
    exchange.headRemaining = output.count
    // A hasty upstream may answer before it has read the whole head.
    let unsent = exchange.request.leading
    exchange.request = BodyRelay(.tunnel, framesChunks: false)
    exchange.request.leading = unsent
    exchange.responseStatus = 101
    exchange.isKeepAlive = false
    exchange.streamNanoseconds = now
    exchange.phase = .tunneling
    dropSentHead(upstream.channel)
    countResponseArrived(exchange, upstream.channel)
    connection.deadline = now + timeouts.stream
  }

  private func receiveResponseBody(
    _ connection: DownstreamConnection, _ exchange: Exchange, _ upstream: UpstreamConnection
  ) -> Bool {
    let channel = upstream.channel
    if let pipe = exchange.pipe { return fillPipe(connection, exchange, upstream, pipe) }
    var moved = false
    if wantsResponse(exchange, channel), channel.isReadable {
      beginSplicing(exchange, channel)
      if let pipe = exchange.pipe { return fillPipe(connection, exchange, upstream, pipe) }
      switch channel.receive(syscalls, buffers) {
      case .moved:
        connection.deadline = now + progressTimeout(exchange)
        moved = true
      case .wouldBlock: break
      case .end, .failed: moved = true
      }
    }
    countResponseArrived(exchange, channel)
    if !exchange.response.isDirect, fillResponse(connection, exchange, upstream) { return true }
    let isOver = channel.hasEnded || (channel.isBroken && !channel.isReadable)
    if isOver && !exchange.response.isSourceDone
      && exchange.response.directCount(channel.input) == 0
      && exchange.response.isFlushed
    {
      responseEnded(connection, exchange, upstream)
      return true
    }
    return moved
  }

  /// Counts direct content that came from the upstream; with its last byte the response is settled.
  private func countResponseArrived(_ exchange: Exchange, _ channel: Channel) {
    exchange.addUpstream(
      .upstreamResponseBytes, exchange.response.countArrived(channel.input))
    if exchange.response.hasAllArrived(channel.input) {
      exchange.settleResponse(at: now, hintReaders[exchange.upstream])
    }
  }

  /// Whether more content is to come and there is room for it.
  private func wantsResponse(_ exchange: Exchange, _ channel: Channel) -> Bool {
    !exchange.response.isSourceDone && !channel.hasEnded
      && (exchange.response.isFlushed || exchange.response.isDirect)
      && !exchange.response.hasAllArrived(channel.input)
  }

  /// The upstream's stream ended, or broke, while content was still to come; all that came has been sent.
  func responseEnded(
    _ connection: DownstreamConnection, _ exchange: Exchange, _ upstream: UpstreamConnection
  ) {
    let isOrderly = upstream.channel.hasEnded && !upstream.channel.isBroken
    switch exchange.response.source {
    case .untilClose where isOrderly:
      let reader = hintReaders[exchange.upstream]
      var passes = false
      if let lines = upstream.channel.upstreamStream?.head.trailers {
        guard readTrailers(lines, .forward) == nil else {
          counters.add(.malformedResponses)
          noteCutOff(connection)
          abort(connection, .endedUpstreamFailure)
          return
        }
        let kept = trailerBytes
        reader.read(trailerFields, in: kept.readable, into: &exchange.hints)
        exchange.takeCallStatus(trailerFields, in: kept.readable)
        passes = true
      }
      exchange.response.isSourceDone = true
      exchange.settleResponse(at: now, reader)
      if passes, let stream = connection.channel.stream { passTrailers(stream.outlet, reader) }
      if exchange.response.framesChunks {
        finishChunks(
          &exchange.response, clientOutput(connection),
          trailers: passes && exchange.acceptsTrailers, hints: reader)
      }
    case .tunnel where isOrderly:
      exchange.response.isSourceDone = true
      if let stream = connection.channel.stream {
        finishTunnel(connection, exchange, stream)
      } else {
        connection.channel.shutdownWriting(syscalls)
        endTunnelIfDone(connection, exchange)
      }
    case .none, .length, .chunked, .untilClose, .tunnel:
      // Never padded, never passed off as complete.
      noteCutOff(connection)
      abort(connection, .endedUpstreamFailure)
    }
  }

  /// Copies content that is not direct to the client's output, framed as the client needs it.
  private func fillResponse(
    _ connection: DownstreamConnection, _ exchange: Exchange, _ upstream: UpstreamConnection
  )
    -> Bool
  {
    guard !exchange.response.isSourceDone, let input = upstream.channel.input, !input.isEmpty,
      exchange.response.body == 0, exchange.response.trailing == 0
    else { return false }
    let output = clientOutput(connection)
    prepareToAppend(output)
    let filled = exchange.response.fill(from: input, to: output)
    exchange.addUpstream(.upstreamResponseBytes, filled.wireBytes)
    var fault = filled.fault
    if let trailers = filled.trailers {
      fault = readTrailers(trailers, of: input, wireBytes: filled.wireBytes)
    }
    if fault != nil {
      counters.add(.malformedResponses)
      noteCutOff(connection)
      abort(connection, .endedUpstreamFailure)
      return true
    }
    if filled.trailers != nil {
      let kept = trailerBytes
      hintReaders[exchange.upstream].read(
        trailerFields, in: kept.readable, into: &exchange.hints)
      exchange.takeCallStatus(trailerFields, in: kept.readable)
    }
    if exchange.response.isSourceDone {
      exchange.settleResponse(at: now, hintReaders[exchange.upstream])
      if filled.trailers != nil, let stream = connection.channel.stream {
        passTrailers(stream.outlet, hintReaders[exchange.upstream])
      }
      finishChunks(
        &exchange.response, output, trailers: filled.trailers != nil && exchange.acceptsTrailers,
        hints: hintReaders[exchange.upstream])
    }
    return filled.wireBytes > 0
  }

  /// Hands the trailers that `readTrailers` kept to a stream, which ends with them.
  func passTrailers(
    _ outlet: HTTP2Outlet, _ hints: CostHintReader, isFromStranger: Bool = false
  ) {
    let scratch = buffers.take()
    defer { buffers.give(scratch) }
    let kept = trailerBytes
    guard
      policy.writeTrailers(
        trailerFields, in: kept.readable, hints: hints, isFromStranger: isFromStranger,
        to: scratch),
      !scratch.isEmpty, scratch.append("\r\n"),
      parseTrailers(scratch.readable, into: &trailerFields) == nil
    else { return }
    let fields = HTTP2Fields()
    let bytes = scratch.readable
    for field in trailerFields {
      fields.append(bytes.bytes(of: field.name), bytes.bytes(of: field.value))
    }
    outlet.trailers = fields
  }
}
