import Metering
import Platform
import Usage

/// A worker's own listening socket, on an address that all workers share.
struct Listener {
  let descriptor: Int32
  /// Position in the configuration.
  let index: Int
  let trusted: [AddressRange]

  /// Whether what this peer says about tenants and forwarding is believed.
  func trusts(_ peer: SocketAddress) -> Bool {
    trusted.contains { $0.contains(peer.bytes) }
  }
}

extension Worker {
  /// Takes new connections from a listener's queue.
  func accept(_ position: Int) {
    // An event of the turn in which the drain began finds no listener any more.
    guard position < listeners.count else { return }
    let listener = listeners[position]
    // Bound: acceptsPerTurnMax; the listener is level-triggered, so the rest comes next turn.
    for _ in 0..<Self.acceptsPerTurnMax {
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

  /// Leaves a listener alone until the next sweep: out of descriptors, it would be ready in every turn.
  private func pauseAccepting(_ position: Int) {
    loop.remove(listeners[position].descriptor)
    pausedListeners.append(position)
  }

  /// Listens again where accepting failed.
  func resumeAccepting() {
    guard !pausedListeners.isEmpty else { return }
    let positions = pausedListeners
    pausedListeners = []
    for position in positions where position < listeners.count {
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
    guard downstreams.count < limits.connectionsMax else {
      refuse(descriptor, listener)
      return
    }
    let (slot, generation) = downstreams.reserve()
    let word = EventWord.connection(.downstream, slot: slot, generation: generation)
    do throws(SystemError) {
      try loop.register(descriptor, word: word)
    } catch {
      downstreams.abandon(slot)
      counters.add(.acceptFailures)
      refuse(descriptor, listener)
      return
    }
    let connection = DownstreamConnection(
      channel: Channel(descriptor: descriptor, slot: slot, generation: generation),
      listener: listener.index, peer: Array(peer.host.utf8), isTrusted: listener.trusts(peer),
      idle: exchanges.idle, now: now)
    connection.deadline = now + timeouts.keepAlive
    downstreams.put(connection, at: slot)
    counters.set(.downstreamConnections, to: downstreams.count)
  }

  private func refuse(_ descriptor: Int32, _ listener: Listener) {
    counters.add(.refusedConnections)
    meter.recordConnection(listener: listener.index, .refused, 1)
    meter.recordConnection(listener: listener.index, .closed, 1)
    syscalls.close(descriptor)
  }
}
