import Glibc
import Metering
import Platform
import Usage

extension Worker {
  /// Gives a new exchange an upstream connection and its request head to send, a place among those that wait for
  /// one, or an answer of our own.
  func connectUpstream(
    _ connection: DownstreamConnection, _ exchange: Exchange, head: consuming Buffer
  ) {
    let pool = pools[exchange.upstream]
    pool.budget.deposit()
    guard pool.inUse + pool.waiting.count < pool.requestsMax else {
      counters.add(.upstreamOverloaded)
      giveUp(connection, head, .upstreamOverloaded)
      return
    }
    // Those that wait already come first.
    guard pool.waiting.isEmpty else {
      wait(connection, head, pool)
      return
    }
    startAttempt(connection, pool, head: head)
  }

  /// Makes an attempt: takes the newest idle connection of an address, else makes one.
  func startAttempt(
    _ connection: DownstreamConnection, _ pool: UpstreamPool, head: consuming Buffer,
    allowsPooled: Bool = true
  ) {
    let exchange = connection.exchange
    guard
      let member = pool.choose(
        key: exchange.balanceKey, avoiding: exchange.triedMembers, now: now)
    else {
      counters.add(.upstreamUnresolved)
      giveUp(connection, head, .upstreamUnresolved)
      return
    }
    if pool.isPanicking { counters.add(.upstreamPanics) }
    if pool.speaksHTTP2 {
      startStream(connection, pool, member, head: head, allowsPooled: allowsPooled)
      return
    }
    let pooled = allowsPooled ? member.takeIdle() : nil
    if pooled == nil && pool.open >= pool.connectionsMax {
      guard let oldest = pool.takeOldestIdle() else {
        wait(connection, head, pool)
        return
      }
      closeUpstream(oldest)
    }
    beginAttempt(exchange)
    do throws(SystemError) {
      let upstream =
        if let pooled { pooled } else { try makeUpstream(exchange.upstream, member) }
      attach(connection, exchange, pool, upstream, head)
    } catch {
      connectionCannotBeMade(connection, head, member, error)
    }
  }

  /// Counts an attempt.
  func beginAttempt(_ exchange: Exchange) {
    exchange.attempts += 1
    exchange.hasResponseBytes = false
    exchange.isRequestSinkOpen = true
    exchange.pending.add(.attempts, 1)
  }

  /// Has an upstream connection serve an exchange.
  func attach(
    _ connection: DownstreamConnection, _ exchange: Exchange, _ pool: UpstreamPool,
    _ upstream: UpstreamConnection, _ head: consuming Buffer
  ) {
    exchange.attemptNanoseconds = now
    exchange.record?.upstream = upstream.member.endpoint
    upstream.downstream = connection
    upstream.channel.output = head
    upstream.scanned = 0
    upstream.member.outstanding += 1
    pool.inUse += 1
    connection.upstream = upstream
    exchange.phase = upstream.isConnected ? .requesting : .connecting
    connection.deadline =
      now + (upstream.isConnected ? progressTimeout(exchange) : timeouts.connect)
  }

  /// Answers a request whose head was on its way to an upstream.
  private func giveUp(
    _ connection: DownstreamConnection, _ head: consuming Buffer, _ failure: LocalAnswer
  ) {
    buffers.give(head)
    connection.exchange.request.leading = 0
    answer(connection, failure)
  }

  /// The kernel refused a connection at once.
  func connectionCannotBeMade(
    _ connection: DownstreamConnection, _ head: consuming Buffer, _ member: UpstreamMember,
    _ error: SystemError
  ) {
    let exchange = connection.exchange
    exchange.pending.add(.failedAttempts, 1)
    // Ours: the address has done nothing wrong, and at another one the same would happen.
    guard !error.isShortage else {
      counters.add(.connectionResourcesExhausted)
      giveUp(connection, head, .connectionResourcesExhausted)
      return
    }
    noteFailure(exchange.upstream, member)
    exchange.triedMembers |= member.bit
    guard mayTryAnotherAddress(exchange), mayRetry(exchange) else {
      giveUp(connection, head, .upstreamUnreachable)
      return
    }
    counters.add(.retriesConnect)
    startAttempt(connection, pools[exchange.upstream], head: head)
  }

  /// A new connection to an address, being made; throws when that fails at once.
  func makeUpstream(
    _ index: Int, _ member: UpstreamMember
  ) throws(SystemError) -> UpstreamConnection {
    let (slot, generation) = upstreams.reserve()
    do throws(SystemError) {
      let descriptor = try syscalls.connect(to: member.endpoint)
      let word = EventWord.connection(.upstream, slot: slot, generation: generation)
      do throws(SystemError) {
        try loop.register(descriptor, word: word)
      } catch {
        syscalls.close(descriptor)
        throw error
      }
      let channel = Channel(descriptor: descriptor, slot: slot, generation: generation)
      if let context = pools[index].board.tls {
        channel.tls = TLSSession(
          client: context, descriptor: descriptor, resuming: member.resumption)
        guard channel.tls != nil else {
          syscalls.close(descriptor)
          throw SystemError(.connect, ENOMEM)
        }
      }
      let upstream = UpstreamConnection(channel: channel, upstream: index, member: member)
      upstream.expires = pools[index].expiry(at: now)
      upstreams.put(upstream, at: slot)
      pools[index].open += 1
      counters.set(.upstreamConnections, to: upstreams.count)
      return upstream
    } catch {
      upstreams.abandon(slot)
      throw error
    }
  }

  /// The one entry for upstream events.
  func upstreamIsReady(_ upstream: UpstreamConnection) {
    if let http2 = upstream.http2 {
      carrierIsReady(upstream, http2)
      return
    }
    guard let connection = upstream.downstream else {
      // Idle: whatever comes, an end or bytes that nobody asked for, makes it useless.
      if upstream.channel.isReadable || upstream.channel.isPeerClosed {
        if isOnlyTLS(upstream) { return }
        upstream.member.forget(upstream)
        closeUpstream(upstream)
      }
      return
    }
    if !upstream.isConnected && (upstream.channel.isWritable || upstream.channel.isBroken) {
      switch completeConnection(upstream) {
      case .wouldBlock: return
      case .done:
        upstream.isConnected = true
        connection.exchange.phase = .requesting
        connection.deadline = now + timeouts.body
      case .ended:
        attemptFailed(connection, .upstreamUnreachable)
      case .failed:
        counters.add(.upstreamTLSFailed)
        attemptFailed(connection, .upstreamTLSFailed)
      }
    }
    progress(connection)
  }

  /// What became of a connection that is being made: `ended` when the kernel could not make it, `failed` when TLS could not.
  func completeConnection(_ upstream: UpstreamConnection) -> TLSSession.Handshake {
    let channel = upstream.channel
    let error = syscalls.socketError(channel.descriptor)
    guard error == 0, !channel.isBroken else { return .ended }
    guard let session = channel.tls else { return .done }
    switch session.handshake(trustsShortReads: !channel.isPeerClosed, syscalls) {
    case .ended: return .failed("the server closed the connection in the handshake")
    case .done:
      counters.add(session.isResumed ? .upstreamTLSResumed : .upstreamTLSFull)
      channel.isReadable = session.mayHaveMore || channel.isPeerClosed
      return .done
    case let other: return other
    }
  }

  /// Whether what an idle connection brought was TLS's own, such as a session ticket; the connection stays then.
  private func isOnlyTLS(_ upstream: UpstreamConnection) -> Bool {
    let channel = upstream.channel
    guard channel.tls != nil, !channel.isPeerClosed, !channel.isBroken else { return false }
    guard case .wouldBlock = channel.receive(syscalls, buffers) else { return false }
    channel.releaseBuffers(to: buffers)
    return true
  }

  /// Lets go of the exchange's upstream connection, or of its place among those that wait for one, because the
  /// exchange goes no further with it.
  func dropUpstream(_ connection: DownstreamConnection) {
    if connection.exchange.isWaiting { stopWaiting(connection) }
    guard let upstream = connection.upstream else { return }
    let exchange = connection.exchange
    if exchange.attemptNanoseconds != nil { exchange.endAttempt(at: now) }
    countUnread(exchange, upstream)
    releaseUpstream(connection, reusable: false)
  }

  /// Counts what was received for this exchange and not relayed: it still came over the wire.
  func countUnread(_ exchange: Exchange, _ upstream: UpstreamConnection) {
    if let stream = upstream.channel.upstreamStream {
      countUpstreamFrames(exchange, stream)
      return
    }
    let unread = upstream.channel.inputCount - exchange.response.countedAhead
    if unread > 0 && !exchange.isResponseSettled {
      exchange.pending.add(.upstreamResponseBytes, UInt64(unread))
    }
  }

  /// Parts the exchange from its upstream connection, which goes to its pool or is closed.
  func releaseUpstream(_ connection: DownstreamConnection, reusable: Bool) {
    guard let upstream = connection.upstream.take() else { return }
    let pool = pools[upstream.upstream]
    upstream.downstream = nil
    upstream.member.outstanding -= 1
    pool.inUse -= 1
    if connection.exchange.isResponseSettled { upstream.member.ejection.completed() }
    let channel = upstream.channel
    if let stream = channel.upstreamStream {
      releaseStream(
        upstream, stream, isResponseComplete: connection.exchange.isResponseSettled)
      return
    }
    if upstream.served == 0, upstream.isConnected, let tls = channel.tls {
      // By now the server has sent its tickets (RFC 8446 §4.6.1), also one that closes after each answer.
      upstream.member.resumption = tls.resumption() ?? upstream.member.resumption
    }
    // Readable: the last read filled the buffer, so more than the response may be waiting. It would be taken
    // for the answer to the next request.
    let isClean =
      channel.inputCount == 0 && !channel.isReadable && !channel.isPeerClosed && !channel.isBroken
    guard reusable, isClean, !isDraining else {
      closeUpstream(upstream)
      return
    }
    guard now < upstream.expires else {
      counters.add(.upstreamConnectionsExpired)
      closeUpstream(upstream)
      return
    }
    channel.releaseBuffers(to: buffers)
    upstream.served += 1
    upstream.deadline = min(now + timeouts.upstreamIdle, upstream.expires)
    if !pool.keep(upstream) { closeUpstream(upstream) }
  }

  /// Closes an upstream connection that no exchange and no pool holds any more.
  func closeUpstream(_ upstream: UpstreamConnection) {
    let channel = upstream.channel
    if let http2 = upstream.http2 {
      // One that is being served may be closed for a request that its own frames have set free: it goes no further.
      http2.isDead = true
      if let tls = channel.tls {
        upstream.member.resumption = tls.resumption() ?? upstream.member.resumption
      }
    }
    upstream.http2?.forgetAll()
    upstream.http2 = nil
    channel.releaseBuffers(to: buffers)
    pools[upstream.upstream].open -= 1
    upstreams.remove(at: channel.slot)
    channel.close(syscalls)
    counters.set(.upstreamConnections, to: upstreams.count)
  }

  /// Takes over the lists of addresses that have changed; connections to those that are gone end when idle.
  func takeNewAddresses() {
    for pool in pools {
      for upstream in pool.takeNewList() { closeUpstream(upstream) }
    }
  }
}
