import Metering
import Platform
import Usage

extension Worker {
  /// Gives the exchange an upstream connection and its request head to send.
  ///
  /// Takes the newest idle connection of the next address, else makes one. Called again for another attempt.
  func connectUpstream(
    _ connection: DownstreamConnection, head: Buffer, allowsPooled: Bool = true
  ) {
    let exchange = connection.exchange
    let address = pools[exchange.upstream].nextAddress()
    exchange.attempts += 1
    exchange.hasResponseBytes = false
    exchange.isRequestSinkOpen = true
    exchange.pending.add(.attempts, 1)
    let pooled = allowsPooled ? pools[exchange.upstream].takeIdle(address: address) : nil
    guard let upstream = pooled ?? makeUpstream(exchange.upstream, address: address) else {
      exchange.pending.add(.failedAttempts, 1)
      if connectFailure.status == 502 && mayTryAnotherAddress(exchange) {
        counters.add(.retriesConnect)
        connectUpstream(connection, head: head, allowsPooled: allowsPooled)
        return
      }
      buffers.give(head)
      exchange.request.leading = 0
      answer(connection, connectFailure)
      return
    }
    exchange.attemptNanoseconds = now
    exchange.record?.upstream = pools[exchange.upstream].addresses[upstream.address]
    upstream.downstream = connection
    upstream.channel.output = head
    upstream.scanned = 0
    connection.upstream = upstream
    exchange.phase = upstream.isConnected ? .requesting : .connecting
    connection.deadline = now + (upstream.isConnected ? timeouts.body : timeouts.connect)
  }

  /// A new connection to an address, being made; nil when that fails at once (see `connectFailure`).
  private func makeUpstream(_ index: Int, address: Int) -> UpstreamConnection? {
    connectFailure = .upstreamBusy
    if pools[index].open >= pools[index].connectionsMax {
      guard let oldest = pools[index].takeOldestIdle() else {
        counters.add(.upstreamBusy)
        return nil
      }
      closeUpstream(oldest)
    }
    connectFailure = .upstreamUnreachable
    let (slot, generation) = upstreams.reserve()
    do throws(SystemError) {
      let descriptor = try syscalls.connect(to: pools[index].addresses[address])
      let word = EventWord.connection(.upstream, slot: slot, generation: generation)
      do throws(SystemError) {
        try loop.register(descriptor, word: word)
      } catch {
        syscalls.close(descriptor)
        throw error
      }
      let channel = Channel(descriptor: descriptor, slot: slot, generation: generation)
      let upstream = UpstreamConnection(channel: channel, upstream: index, address: address)
      upstreams.put(upstream, at: slot)
      pools[index].open += 1
      counters.set(.upstreamConnections, to: upstreams.count)
      return upstream
    } catch {
      upstreams.abandon(slot)
      return nil
    }
  }

  /// The one entry for upstream events.
  func upstreamIsReady(_ upstream: UpstreamConnection) {
    guard let connection = upstream.downstream else {
      // Idle: whatever comes, an end or bytes that nobody asked for, makes it useless.
      if upstream.channel.isReadable || upstream.channel.isPeerClosed {
        pools[upstream.upstream].forget(upstream)
        closeUpstream(upstream)
      }
      return
    }
    if !upstream.isConnected && (upstream.channel.isWritable || upstream.channel.isBroken) {
      let error = syscalls.socketError(upstream.channel.descriptor)
      guard error == 0, !upstream.channel.isBroken else {
        attemptFailed(connection, .upstreamUnreachable)
        progress(connection)
        return
      }
      upstream.isConnected = true
      connection.exchange.phase = .requesting
      connection.deadline = now + timeouts.body
    }
    progress(connection)
  }

  /// An attempt has failed before any final response head: another one, or an answer of our own.
  func attemptFailed(_ connection: DownstreamConnection, _ failure: LocalAnswer) {
    let exchange = connection.exchange
    guard let upstream = connection.upstream else { preconditionFailure("no attempt to fail") }
    exchange.endAttempt(at: now)
    exchange.pending.add(.failedAttempts, 1)
    let wasConnected = upstream.isConnected
    let isStale =
      wasConnected && upstream.served > 0 && exchange.mayBeSentAgain
      && exchange.attempts == 1
    let mayTryAnother = !wasConnected && mayTryAnotherAddress(exchange)
    guard (isStale || mayTryAnother) && failure.status == 502,
      let head = upstream.channel.output
    else {
      answer(connection, failure)
      return
    }
    // The head was kept for this: nothing of a response came, so it is sent again from its first byte.
    upstream.channel.output = nil
    head.rewind()
    exchange.request.leading = head.count
    releaseUpstream(connection, reusable: false)
    counters.add(isStale ? .retriesStale : .retriesConnect)
    connectUpstream(connection, head: head, allowsPooled: !isStale)
  }

  /// Whether a connection that could not be made leaves another address to try. Bound: three attempts.
  private func mayTryAnotherAddress(_ exchange: Exchange) -> Bool {
    exchange.attempts < min(3, pools[exchange.upstream].addresses.count)
  }

  /// Lets go of the exchange's upstream connection because the exchange goes no further with it.
  func dropUpstream(_ connection: DownstreamConnection) {
    guard let upstream = connection.upstream else { return }
    let exchange = connection.exchange
    if exchange.attemptNanoseconds != nil { exchange.endAttempt(at: now) }
    // What was received for this exchange and not relayed still came over the wire.
    let unread = upstream.channel.inputCount - exchange.response.countedAhead
    if unread > 0 && !exchange.isResponseSettled {
      exchange.pending.add(.upstreamResponseBytes, UInt64(unread))
    }
    releaseUpstream(connection, reusable: false)
  }

  /// Parts the exchange from its upstream connection, which goes to its pool or is closed.
  func releaseUpstream(_ connection: DownstreamConnection, reusable: Bool) {
    guard let upstream = connection.upstream else { return }
    connection.upstream = nil
    upstream.downstream = nil
    let channel = upstream.channel
    // Readable: the last read filled the buffer, so more than the response may be waiting. It would be taken
    // for the answer to the next request.
    let isClean =
      channel.inputCount == 0 && !channel.isReadable && !channel.isPeerClosed && !channel.isBroken
    guard reusable, isClean, !isDraining else {
      closeUpstream(upstream)
      return
    }
    channel.releaseBuffers(to: buffers)
    upstream.served += 1
    upstream.deadline = now + timeouts.upstreamIdle
    if !pools[upstream.upstream].keep(upstream) { closeUpstream(upstream) }
  }

  /// Closes an upstream connection that no exchange and no pool holds any more.
  func closeUpstream(_ upstream: UpstreamConnection) {
    let channel = upstream.channel
    channel.releaseBuffers(to: buffers)
    pools[upstream.upstream].open -= 1
    upstreams.remove(at: channel.slot)
    syscalls.close(channel.descriptor)
    counters.set(.upstreamConnections, to: upstreams.count)
  }
}
