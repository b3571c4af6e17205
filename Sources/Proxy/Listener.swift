import Metering
import Platform
import Usage

/// A worker's own listening socket, on an address that all workers share.
struct Listener: Sendable {
  /// The socket; negative once the worker has closed it.
  private(set) var descriptor: Int32
  /// Position of the listener in the tables, and in the meter.
  let index: Int
  let trusted: [AddressRange]
  /// Peers whose connections are closed at once.
  let denied: [AddressRange]
  /// Whether connections begin with a PROXY header; only trusted peers may connect then.
  let expectsProxyHeader: Bool
  /// Certificates and rules of its handshakes; nil without TLS.
  let tls: TLSServerContext?

  /// A bound socket of the listener at `index`.
  init(
    descriptor: Int32, index: Int, _ configuration: ListenerConfiguration, tls: TLSServerContext?
  ) {
    self.tls = tls
    self.descriptor = descriptor
    self.index = index
    trusted = configuration.trusted
    denied = configuration.denied
    expectsProxyHeader = configuration.expectsProxyHeader
  }

  var isOpen: Bool { descriptor >= 0 }

  /// Forgets the socket, which the caller closes.
  mutating func forgetSocket() { descriptor = -1 }

  /// Whether what this peer says about tenants and forwarding is believed.
  func trusts(_ peer: SocketAddress) -> Bool {
    trusted.contains { $0.contains(peer.bytes) }
  }
}

extension Worker {
  /// Takes new connections from a listener's queue.
  func accept(_ position: Int) {
    // An event of the turn in which the drain began finds no listener any more.
    guard position < listeners.count, listeners[position].isOpen else { return }
    if mustNotAccept {
      pauseAccepting(position)
      return
    }
    let listener = listeners[position]
    // Bound: acceptsPerTurnMax; the listener is level-triggered, so the rest comes next turn.
    for _ in 0..<Self.acceptsPerTurnMax {
      if listener.tls != nil && handshakes >= limits.tlsHandshakesMax {
        // The kernel's queue holds the others until the next sweep.
        counters.add(.tlsHandshakesDeferred)
        hasDeferredHandshakes = true
        pauseAccepting(position)
        return
      }
      switch syscalls.accept(listener.descriptor) {
      case .connection(let descriptor, let peer): add(descriptor, peer, listener)
      case .none: return
      case .failed:
        counters.add(.acceptFailures)
        pauseAccepting(position)
        return
      }
    }
  }

  /// Takes what is left in a listener's queue and closes it: a connection that the kernel has completed is
  /// served, not reset. Bound: 64 rounds of `acceptsPerTurnMax`, 4,096 connections.
  func closeListener(_ position: Int) {
    let listener = listeners[position]
    guard listener.isOpen else { return }
    for _ in 0..<64 * Self.acceptsPerTurnMax {
      guard case .connection(let descriptor, let peer) = syscalls.accept(listener.descriptor)
      else { break }
      add(descriptor, peer, listener)
    }
    loop.remove(listener.descriptor)
    syscalls.close(listener.descriptor)
    listeners[position].forgetSocket()
  }

  /// Listens on these sockets from now on: sockets that are not among them are closed, new ones registered.
  ///
  /// A socket keeps its place, because the word in its events names it.
  func applyListeners(_ wanted: [Listener]) {
    for position in listeners.indices where listeners[position].isOpen {
      let descriptor = listeners[position].descriptor
      if let same = wanted.first(where: { $0.descriptor == descriptor }) {
        listeners[position] = same
      } else {
        closeListener(position)
      }
    }
    for listener in wanted
    where !listeners.contains(where: { $0.descriptor == listener.descriptor }) {
      listeners.append(listener)
      // Tried again with the next sweep when the kernel has no memory for it now.
      pausedListeners.append(listeners.count - 1)
    }
    resumeAccepting()
  }

  /// Leaves a listener alone until the next sweep: out of descriptors, it would be ready in every turn.
  private func pauseAccepting(_ position: Int) {
    loop.remove(listeners[position].descriptor)
    pausedListeners.append(position)
  }

  /// Listens again where accepting failed.
  func resumeAccepting() {
    guard !pausedListeners.isEmpty, !mustNotAccept else { return }
    let positions = pausedListeners
    pausedListeners = []
    for position in positions where position < listeners.count && listeners[position].isOpen {
      do throws(SystemError) {
        try loop.registerForReading(
          listeners[position].descriptor, word: EventWord.listener(position))
      } catch {
        pausedListeners.append(position)
      }
    }
  }

  private func add(_ descriptor: Int32, _ peer: SocketAddress, _ listener: Listener) {
    meter.recordConnection(listener: listener.index, .accepted, 1)
    guard mayStay(peer, descriptor, listener) else { return }
    let isTrusted = listener.trusts(peer)
    guard isTrusted || !listener.expectsProxyHeader else {
      refuse(descriptor, listener, .proxyHeadersUntrusted)
      return
    }
    // Behind a balancer it is the announced client that counts, once its header has come.
    let addressKey = listener.expectsProxyHeader ? 0 : countedAddress(peer.bytes)
    guard let addressKey else {
      refuse(descriptor, listener, .refusedPerAddress)
      return
    }
    let (slot, generation) = downstreams.reserve()
    let word = EventWord.connection(.downstream, slot: slot, generation: generation)
    do throws(SystemError) {
      try loop.register(descriptor, word: word)
    } catch {
      downstreams.abandon(slot)
      counters.add(.acceptFailures)
      forgetAddress(addressKey)
      refuse(descriptor, listener, .refusedConnections)
      return
    }
    let connection = DownstreamConnection(
      channel: Channel(descriptor: descriptor, slot: slot, generation: generation),
      listener: listener.index, client: ClientAddress(peer), isTrusted: isTrusted,
      idle: exchanges.idle, now: now)
    connection.awaitsProxyHeader = listener.expectsProxyHeader
    connection.deadline =
      now + (listener.expectsProxyHeader ? timeouts.proxyHeader : timeouts.firstHead)
    connection.tlsContext = listener.tls
    connection.addressKey = addressKey
    downstreams.put(connection, at: slot)
    counters.set(.downstreamConnections, to: connectionCount)
    if !listener.expectsProxyHeader { beginHandshake(connection) }
  }

  /// Whether a connection of this peer may stay; else it is closed.
  private func mayStay(_ peer: SocketAddress, _ descriptor: Int32, _ listener: Listener) -> Bool {
    if !listener.denied.isEmpty && listener.denied.contains(where: { $0.contains(peer.bytes) }) {
      refuse(descriptor, listener, .refusedDenied)
      return false
    }
    guard connectionCount < limits.connectionsMax else {
      refuse(descriptor, listener, .refusedConnections)
      return false
    }
    return true
  }

  /// Counts a connection of this address: what it is counted under, 0 while there is no bound; nil when the address
  /// has as many as it may.
  func countedAddress(_ bytes: [UInt8]) -> UInt64? {
    guard limits.connectionsPerAddressMax > 0 else { return 0 }
    let key = AddressCounts.key(bytes)
    return enforcement.addresses.add(key, max: limits.connectionsPerAddressMax) ? key : nil
  }

  /// Counts a connection's address off, when it was counted.
  func forgetAddress(_ key: UInt64) {
    if key != 0 { enforcement.addresses.remove(key) }
  }

  private func refuse(
    _ descriptor: Int32, _ listener: Listener, _ cause: WorkerCounters.Cell
  ) {
    counters.add(cause)
    meter.recordConnection(listener: listener.index, .refused, 1)
    meter.recordConnection(listener: listener.index, .closed, 1)
    syscalls.close(descriptor)
  }
}
