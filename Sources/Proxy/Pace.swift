import HTTPCodec
import Platform
import Usage

/// How fast a client sends its request's body and takes its response: looked at in a sweep only, so that it costs
/// nothing for a request that is over before.
struct Pace {
  /// Content-Length of the request, 0 for chunks.
  var announced: UInt64 = 0
  /// Time for which nothing but the client's body was awaited, in nanoseconds.
  var awaited: UInt64 = 0
  /// Since when the client's transport takes no byte; 0 while it does.
  var stalledSince: UInt64 = 0

  /// Whether `arrived` bytes in the time that was waited are fewer than `rate` bytes a second, beyond `grace`.
  func isSlow(arrived: UInt64, rate: UInt64, grace: UInt64) -> Bool {
    guard awaited >= grace else { return false }
    // A day at 10^9 bytes a second is far below 2^63.
    return arrived < awaited / 1_000_000 * rate / 1_000
  }
}

extension Exchange {
  /// Content of the request that has arrived.
  var requestContentArrived: UInt64 {
    switch request.source {
    case .length(let remaining): pace.announced - remaining + UInt64(max(0, request.countedAhead))
    case .none, .chunked, .untilClose, .tunnel: requestContentBytes
    }
  }
}

extension Worker {
  /// Ends an exchange whose client takes nothing, or sends its body too slowly. `elapsed`: since the last sweep.
  ///
  /// True when it did, or when the client is what the exchange waits for and has time left: the deadline is about
  /// somebody else then.
  func checkPace(_ connection: DownstreamConnection, elapsed: UInt64) -> Bool {
    switch connection.exchange.phase {
    case .idle, .connecting: return false
    case .requesting, .responding, .tunneling, .answering: break
    }
    // Its tenant's bandwidth is used up: the exchange rests, and so do its times.
    if connection.isPaced && connection.exchange.phase != .answering {
      connection.exchange.pace.stalledSince = 0
      return false
    }
    if !connection.channel.isWritable && connection.exchange.phase != .requesting {
      checkWriting(connection)
      return true
    }
    connection.exchange.pace.stalledSince = 0
    return isSendingTooSlowly(connection, elapsed: elapsed)
  }

  private func checkWriting(_ connection: DownstreamConnection) {
    let exchange = connection.exchange
    guard exchange.pace.stalledSince != 0 else {
      exchange.pace.stalledSince = now
      return
    }
    guard now - exchange.pace.stalledSince >= timeouts.clientWrite else { return }
    counters.add(.timeoutsClientWrite)
    if exchange.phase == .answering {
      clientIsGone(connection)
    } else {
      abort(connection, .endedClientAbort)
    }
  }

  private func isSendingTooSlowly(_ connection: DownstreamConnection, elapsed: UInt64) -> Bool {
    let exchange = connection.exchange
    guard limits.bodyRateMin > 0, exchange.phase == .requesting || exchange.phase == .responding,
      !exchange.request.isSourceDone, exchange.isRequestSinkOpen,
      exchange.streamNanoseconds == nil, !exchange.isCall,
      // Else the upstream is slow, not the client.
      exchange.request.isFlushed, exchange.request.directCount(connection.channel.input) == 0
    else { return false }
    let arrived = exchange.requestContentArrived
    // Until the upstream says 100, the client is right to wait.
    if exchange.expectsContinue && arrived == 0 { return false }
    exchange.pace.awaited += elapsed
    guard
      exchange.pace.isSlow(
        arrived: arrived, rate: UInt64(limits.bodyRateMin), grace: timeouts.bodyRateGrace)
    else { return false }
    counters.add(.timeoutsBodyRate)
    if exchange.phase == .responding {
      abort(connection, .endedRejected)
    } else {
      answer(connection, .requestTimeout)
      progress(connection)
    }
    return true
  }
}
