import HTTPCodec
import Metering
import Platform
import Usage

/// Further attempts: only where the upstream cannot have acted twice, and only within the budget.
///
/// No pause is made between attempts: they go to another address or a fresh connection, and the budget bounds what
/// they can cost. A pause would need a timer of its own for each request.
extension Worker {
  /// An attempt has failed before any final response head: another one, or an answer of our own.
  func attemptFailed(_ connection: DownstreamConnection, _ failure: LocalAnswer) {
    let exchange = connection.exchange
    guard let upstream = connection.upstream else { preconditionFailure("no attempt to fail") }
    exchange.endAttempt(at: now)
    exchange.pending.add(.failedAttempts, 1)
    let cause = retryCause(exchange, upstream, failure)
    // A server may close a kept connection at any time: that says nothing about its health.
    if cause != .retriesStale && cause != .retriesRefused {
      noteFailure(of: upstream, isCutOff: false)
      exchange.triedMembers |= upstream.member.bit
    }
    guard let cause, let head = upstream.channel.output, mayRetry(exchange) else {
      answer(connection, failure)
      return
    }
    retry(connection, upstream, head, cause)
  }

  /// Under which name a further attempt is counted; nil when there may be none.
  private func retryCause(
    _ exchange: Exchange, _ upstream: UpstreamConnection, _ failure: LocalAnswer
  ) -> WorkerCounters.Cell? {
    if !upstream.isConnected { return mayTryAnotherAddress(exchange) ? .retriesConnect : nil }
    if let stream = upstream.channel.upstreamStream, stream.isRefused, !exchange.hasMovedContent {
      // The upstream has done nothing with it, whatever the method (RFC 9113 §8.7).
      return exchange.attempts < pools[exchange.upstream].attemptsMax ? .retriesRefused : nil
    }
    guard failure.status == 502, !exchange.hasResponseBytes,
      exchange.attempts < pools[exchange.upstream].attemptsMax
    else { return nil }
    // Not a byte of the request has left, so that any method may be sent on another connection.
    let isUnsent = upstream.channel.output?.consumed == 0 && !exchange.hasMovedContent
    if upstream.served > 0 && (isUnsent || exchange.isRepeatable) { return .retriesStale }
    return exchange.retriesIdempotent && exchange.isRepeatable ? .retriesIdempotent : nil
  }

  /// Whether a connection that could not be made leaves another address to try.
  func mayTryAnotherAddress(_ exchange: Exchange) -> Bool {
    let pool = pools[exchange.upstream]
    return exchange.attempts < min(pool.attemptsMax, pool.members.count)
  }

  /// Takes a further attempt out of the budget; false, and counted, when there is none left.
  func mayRetry(_ exchange: Exchange) -> Bool {
    if pools[exchange.upstream].budget.withdraw() { return true }
    counters.add(.retryBudgetExhausted)
    return false
  }

  /// Sends the request again from its first byte: nothing of a response has gone to the client.
  private func retry(
    _ connection: DownstreamConnection, _ upstream: UpstreamConnection, _ head: Buffer,
    _ cause: WorkerCounters.Cell
  ) {
    let exchange = connection.exchange
    countUnread(exchange, upstream)
    upstream.channel.output = nil
    head.rewind()
    exchange.request.leading = head.count
    releaseUpstream(connection, reusable: false)
    counters.add(cause)
    startAttempt(
      connection, pools[connection.exchange.upstream], head: head,
      allowsPooled: cause != .retriesStale && cause != .retriesRefused)
  }

  /// Repeats a request whose route says so for this status; false when the answer goes to the client as it is.
  func retriesStatus(
    _ connection: DownstreamConnection, _ upstream: UpstreamConnection, _ input: Buffer,
    headLength: Int
  ) -> Bool {
    let exchange = connection.exchange
    guard RouteRetries.bit(of: responseHead.status) & exchange.retryStatusBits != 0,
      exchange.isRepeatable, exchange.interimResponses == 0,
      exchange.attempts < pools[exchange.upstream].attemptsMax,
      let head = upstream.channel.output, mayRetry(exchange)
    else { return false }
    input.consume(headLength)
    exchange.endAttempt(at: now)
    exchange.pending.add(.failedAttempts, 1)
    noteAnswer(upstream, status: responseHead.status)
    exchange.triedMembers |= upstream.member.bit
    retry(connection, upstream, head, .retriesStatus)
    return true
  }

  // MARK: - Health of addresses

  /// Notes what a final head says about its address.
  func noteAnswer(_ upstream: UpstreamConnection, status: Int) {
    let pool = pools[upstream.upstream]
    guard pool.watchesFailures else { return }
    if pool.isFailure(status: status) {
      noteFailure(upstream.upstream, upstream.member)
    } else {
      upstream.member.ejection.answered()
    }
  }

  /// Notes a failed attempt, or a response that broke off, against its address.
  func noteFailure(_ index: Int, _ member: UpstreamMember, isCutOff: Bool = false) {
    switch pools[index].failed(member, isCutOff: isCutOff, now: now) {
    case .none: break
    case .ejected: counters.add(.upstreamEjections)
    case .withheld: counters.add(.upstreamEjectionsWithheld)
    }
  }

  /// Counts a response that broke off, against the attempt and its address.
  func noteCutOff(_ connection: DownstreamConnection) {
    connection.exchange.pending.add(.failedAttempts, 1)
    guard let upstream = connection.upstream else { return }
    noteFailure(of: upstream, isCutOff: true)
  }

  /// Notes a failure against an address: one for a connection, however many streams it took with it.
  private func noteFailure(of upstream: UpstreamConnection, isCutOff: Bool) {
    if let http2 = upstream.channel.upstreamStream?.connection, http2.isDead {
      if http2.isFailureNoted { return }
      http2.isFailureNoted = true
    }
    noteFailure(upstream.upstream, upstream.member, isCutOff: isCutOff)
  }

  // MARK: - Waiting

  /// Has a request wait for a connection, or answers it when too many wait already.
  func wait(_ connection: DownstreamConnection, _ head: consuming Buffer, _ pool: UpstreamPool) {
    let exchange = connection.exchange
    guard pool.waiting.count < pool.pendingMax else {
      buffers.give(head)
      exchange.request.leading = 0
      let waits = pool.pendingMax > 0
      counters.add(waits ? .upstreamOverloaded : .upstreamBusy)
      answer(connection, waits ? .upstreamOverloaded : .upstreamBusy)
      return
    }
    pool.waiting.append(.init(connection: connection, head: head))
    exchange.isWaiting = true
    exchange.phase = .connecting
    connection.deadline = now + pool.pendingNanoseconds
    waitingRequests += 1
    counters.set(.upstreamPending, to: waitingRequests)
  }

  /// Takes a request out of those that wait.
  func stopWaiting(_ connection: DownstreamConnection) {
    let exchange = connection.exchange
    exchange.isWaiting = false
    waitingRequests -= 1
    counters.set(.upstreamPending, to: waitingRequests)
    exchange.request.leading = 0
    if let head = pools[exchange.upstream].waiting.remove(connection) { buffers.give(head) }
  }

  /// At the end of a turn: gives connections that became free to those that wait for them.
  func serveWaiting() {
    for pool in pools where !pool.waiting.isEmpty {
      // Bound: those that wait now; what they lead to waits for the next turn.
      for _ in 0..<pool.waiting.count {
        guard pool.hasRoom(at: now), let entry = pool.waiting.popFirst() else { break }
        entry.connection.exchange.isWaiting = false
        waitingRequests -= 1
        counters.set(.upstreamPending, to: waitingRequests)
        startAttempt(
          entry.connection, pools[entry.connection.exchange.upstream], head: entry.head)
        progress(entry.connection)
      }
    }
  }
}
