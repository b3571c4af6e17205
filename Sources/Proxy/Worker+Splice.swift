import HTTPCodec
import Metering
import Platform
import Usage

/// Large response bodies of known length go from the upstream's socket to the client's through a pipe, so that
/// the kernel moves pages instead of copying them twice: about half the processor time from 1 MB on.
///
/// Once a pipe is taken, the rest of the body goes through it. What is inside counts as received, and is counted
/// as sent before the client's socket gets it; what that does not take stays inside and is taken back, as
/// with buffers. A tenant with a bandwidth limit is served from buffers, whose rounds are small.
extension Worker {
  /// Takes a pipe when the rest of the body is worth it, and nothing of it is held in a buffer.
  func beginSplicing(_ exchange: Exchange, _ channel: Channel) {
    guard exchange.phase == .responding, case .length(let remaining) = exchange.response.source,
      remaining >= UInt64(limits.spliceBytesMin), limits.splicePipesMax > 0,
      !exchange.isEncrypted, !exchange.isMultiplexed, channel.tls == nil,
      channel.upstreamStream == nil,
      exchange.response.isFlushed, channel.inputCount == 0, exchange.response.countedAhead == 0,
      exchange.allowance.terms?.bytesPerSecond ?? 0 == 0
    else { return }
    exchange.pipe = pipes.take()
    if exchange.pipe == nil { counters.add(.pipesExhausted) }
  }

  /// One round from the upstream into the pipe; true when something moved or the exchange ended.
  func fillPipe(
    _ connection: DownstreamConnection, _ exchange: Exchange, _ upstream: UpstreamConnection,
    _ pipe: SplicePipe
  ) -> Bool {
    let channel = upstream.channel
    guard pipe.count == 0, case .length(let remaining) = exchange.response.source else {
      return false
    }
    guard channel.isReadable else {
      guard channel.hasEnded || channel.isBroken else { return false }
      responseEnded(connection, exchange, upstream)
      return true
    }
    // Bound: what the kernel lets a pipe hold.
    let wanted = Int(min(remaining, UInt64(Self.spliceBytesPerRound)))
    switch pipe.fill(from: channel.descriptor, count: wanted) {
    case .moved(let count):
      exchange.response.countedAhead = count
      exchange.pending.add(.upstreamResponseBytes, UInt64(count))
      connection.deadline = now + progressTimeout(exchange)
      if UInt64(count) == remaining { allHasArrived(exchange, channel) }
      return true
    case .wouldBlock:
      channel.isReadable = false
      return false
    case .end:
      channel.isReadable = false
      channel.hasEnded = true
      return true
    case .failed:
      channel.isReadable = false
      channel.isBroken = true
      return true
    }
  }

  /// The last byte has come: the response is settled, and one look tells whether the connection is clean.
  private func allHasArrived(_ exchange: Exchange, _ channel: Channel) {
    exchange.settleResponse(at: now, hintReaders[exchange.upstream])
    // A full read leaves open whether more is waiting; only a clean connection goes back to its pool.
    if !channel.isPeerClosed { _ = channel.receive(syscalls, buffers) }
    if channel.hasEnded { channel.isPeerClosed = true }
  }

  /// Gives the exchange's pipe back.
  func releasePipe(_ exchange: Exchange) {
    guard let pipe = exchange.pipe else { return }
    exchange.pipe = nil
    exchange.response.countedAhead = 0
    pipes.give(pipe)
  }

  /// Bytes asked for in one round: a pipe holds less, the kernel gives what fits.
  static let spliceBytesPerRound = 1 << 20
}
