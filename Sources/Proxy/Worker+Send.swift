import HTTPCodec
import Metering
import Platform
import Usage

extension Worker {
  /// Sends what waits for the client, counted first, the exchange's end included if these are its last bytes.
  ///
  /// True when something moved. Afterwards the exchange may have ended and the connection may be closed.
  func sendResponse(_ connection: DownstreamConnection, _ exchange: Exchange) -> Bool {
    let channel = connection.channel
    let pipe = exchange.pipe
    let direct =
      exchange.phase == .answering
      ? 0
      : pipe?.count ?? exchange.response.directCount(connection.upstream?.channel.input)
    let input = direct > 0 && pipe == nil ? connection.upstream?.channel.input : nil
    let queued = channel.outputCount
    let offered = queued + direct
    guard offered > 0 else { return finishIfNothingIsLeft(connection, exchange) }
    guard channel.isWritable else { return false }
    let isLast = isLastSend(exchange, direct)
    let duration = countBeforeSend(
      connection, exchange, queued: queued, direct: direct, isLast: isLast)
    let result: IOResult
    if let stream = channel.stream {
      result = sendOnStream(connection, exchange, stream, input, direct, isLast: isLast)
    } else {
      result = pipe.map { channel.drain($0) } ?? channel.send(input, directCount: direct, syscalls)
    }
    var accepted = 0
    if case .moved(let count) = result { accepted = count }
    // A stream's response has ended when the frame that says so was written.
    let isEndSent = channel.stream?.isEndSent ?? true
    if accepted < offered || (isLast && !isEndSent) {
      takeBackUnsent(
        connection, exchange, accepted: accepted, queued: queued, direct: direct,
        endedWith: duration)
    }
    applySent(exchange, channel, input, accepted: accepted, queued: queued)
    if accepted == offered && isLast && isEndSent {
      exchangeIsOver(connection, exchange)
      return true
    }
    if channel.isBroken {
      clientIsGone(connection)
      return true
    }
    if accepted > 0 {
      connection.deadline = now + progressTimeout(exchange)
      exchange.pace.stalledSince = 0
    }
    return accepted > 0
  }

  /// Hands over to an HTTP/2 stream, and counts the frames that this made before they go to the kernel.
  private func sendOnStream(
    _ connection: DownstreamConnection, _ exchange: Exchange, _ stream: HTTP2Stream,
    _ input: Buffer?, _ direct: Int, isLast: Bool
  ) -> IOResult {
    let channel = connection.channel
    stream.outlet.endsWithNextSend = isLast
    let result = stream.send(channel.output, input, directCount: direct)
    let offered = channel.outputCount + direct
    switch result {
    case .moved(let count):
      if count < offered || (isLast && !stream.isEndSent) { channel.isWritable = false }
    case .wouldBlock: channel.isWritable = false
    case .end, .failed: channel.isBroken = true
    }
    countSentFrames(connection, exchange, stream)
    listHTTP2(stream.connection)
    return result
  }

  /// Counts a stream's frames that were written, before they go to the socket.
  func countSentFrames(
    _ connection: DownstreamConnection, _ exchange: Exchange, _ stream: HTTP2Stream
  ) {
    let frames = stream.takeSent()
    guard frames > 0 else { return }
    exchange.pending.add(.responseBytes, UInt64(frames))
    flush(connection)
  }

  /// Whether nothing is left to send once `direct` bytes and the queue are gone.
  private func isLastSend(_ exchange: Exchange, _ direct: Int) -> Bool {
    switch exchange.phase {
    case .answering: return true
    case .responding:
      if exchange.response.isSourceDone { return true }
      if case .length(let remaining) = exchange.response.source {
        return remaining == UInt64(direct)
      }
      return false
    case .idle, .connecting, .requesting, .tunneling: return false
    }
  }

  /// Counts what is about to be handed over; returns the duration when the end was counted too.
  private func countBeforeSend(
    _ connection: DownstreamConnection, _ exchange: Exchange, queued: Int, direct: Int, isLast: Bool
  ) -> UInt64? {
    guard let row = exchange.row else { preconditionFailure("an open exchange has a row") }
    if !exchange.isMultiplexed { exchange.pending.add(.responseBytes, UInt64(queued + direct)) }
    let content = exchange.response.body + direct
    if content > 0 { exchange.pending.add(.responseBodyBytes, UInt64(content)) }
    if exchange.headRemaining > 0 { exchange.pending.add(exchange.responseClass, 1) }
    var duration: UInt64?
    if isLast {
      countLastFrames(connection, exchange)
      exchange.countStream(at: now)
      let elapsed = (now &- exchange.startNanoseconds) / 1_000
      duration = elapsed
      exchange.addEnd(exchange.endReason, elapsed: elapsed, to: &exchange.pending)
    }
    exchange.allowance.charge(exchange.pending, at: now)
    meter.record(row, listener: connection.listener, exchange.pending, observing: duration)
    exchange.record?.add(exchange.pending)
    exchange.pending.clear()
    return duration
  }

  /// Takes back what the kernel did not accept; the end too, which comes once the last byte is accepted.
  private func takeBackUnsent(
    _ connection: DownstreamConnection, _ exchange: Exchange, accepted: Int, queued: Int,
    direct: Int,
    endedWith duration: UInt64?
  ) {
    guard let row = exchange.row else { return }
    returned.clear()
    if !exchange.isMultiplexed {
      returned.add(.responseBytes, UInt64(queued + direct - accepted))
    }
    let content = exchange.response.body + direct
    let sent =
      accepted <= queued
      ? exchange.response.contentCount(inFirst: accepted)
      : exchange.response.body + accepted - queued
    if content > sent { returned.add(.responseBodyBytes, UInt64(content - sent)) }
    if exchange.headRemaining > accepted { returned.add(exchange.responseClass, 1) }
    if let duration { exchange.addEnd(exchange.endReason, elapsed: duration, to: &returned) }
    exchange.allowance.takeBack(returned)
    meter.takeBack(row, listener: connection.listener, returned, observing: duration)
    exchange.record?.takeBack(returned)
  }

  private func applySent(
    _ exchange: Exchange, _ channel: Channel, _ input: Buffer?, accepted: Int, queued: Int
  ) {
    let fromQueue = min(accepted, queued)
    if fromQueue > 0 { channel.output?.consume(fromQueue) }
    _ = exchange.response.accept(fromQueue)
    exchange.headRemaining = max(0, exchange.headRemaining - accepted)
    if accepted > queued { exchange.response.acceptDirect(accepted - queued, input) }
  }

  /// A response whose last bytes went earlier, or that has none left, ends here. True when it did.
  private func finishIfNothingIsLeft(_ connection: DownstreamConnection, _ exchange: Exchange)
    -> Bool
  {
    if let stream = connection.channel.stream {
      return finishStream(connection, exchange, stream)
    }
    guard exchange.phase == .responding, exchange.response.isSourceDone else { return false }
    end(connection, .endedCompleted)
    exchangeIsOver(connection, exchange)
    return true
  }

  /// The same for a stream: its end is a frame of its own then, for which there must be room and, if it is an empty DATA
  /// frame, a window.
  private func finishStream(
    _ connection: DownstreamConnection, _ exchange: Exchange, _ stream: HTTP2Stream
  ) -> Bool {
    if exchange.phase == .tunneling && exchange.response.isSourceDone {
      if stream.isEndSent {
        endTunnelIfDone(connection, exchange)
      } else {
        finishTunnel(connection, exchange, stream)
      }
      return !exchange.isOpen
    }
    let isComplete =
      exchange.phase == .answering
      || exchange.phase == .responding && exchange.response.isSourceDone
    guard isComplete, connection.channel.isWritable || stream.isEndSent else { return false }
    stream.finish()
    countSentFrames(connection, exchange, stream)
    listHTTP2(stream.connection)
    guard stream.isEndSent else {
      connection.channel.isWritable = false
      return false
    }
    end(connection, exchange.endReason)
    exchangeIsOver(connection, exchange)
    return true
  }

  /// Ends the upstream's direction of a tunnel on a stream, now or as soon as there is a window and room.
  func finishTunnel(
    _ connection: DownstreamConnection, _ exchange: Exchange, _ stream: HTTP2Stream
  ) {
    guard connection.channel.isWritable else { return }
    stream.finish()
    countSentFrames(connection, exchange, stream)
    listHTTP2(stream.connection)
    if stream.isEndSent {
      endTunnelIfDone(connection, exchange)
    } else {
      connection.channel.isWritable = false
    }
  }
}
