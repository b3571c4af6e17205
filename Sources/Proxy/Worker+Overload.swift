import HTTPCodec
import Platform
import Usage

/// Doing without, when memory or descriptors run short: first kept connections, then requests of low priority, then new
/// connections and requests of normal priority. Health, readiness and metrics have a thread and a port of their own.
extension Worker {
  /// Answers a request that the level of overload does not let through; true when it did.
  @inline(__always)
  func isShed(
    _ connection: DownstreamConnection, _ route: Router.Route?, headLength: Int
  ) -> Bool {
    guard enforcement.overload.isOn else { return false }
    return shed(connection, route, headLength: headLength)
  }

  @inline(never)
  private func shed(
    _ connection: DownstreamConnection, _ route: Router.Route?, headLength: Int
  ) -> Bool {
    let exchange = connection.exchange
    let level = enforcement.overload.level
    exchange.isKeepAlive = false
    let priority = exchange.allowance.terms?.priority ?? route?.priority ?? .normal
    let isRefused: Bool
    switch priority {
    case .low: isRefused = level.rawValue >= OverloadLevel.shedding.rawValue
    case .normal: isRefused = level == .stopped
    case .high: isRefused = false
    }
    guard isRefused else { return false }
    counters.add(priority == .low ? .shedLow : .shedNormal)
    connection.channel.input?.consume(headLength)
    answer(connection, .overloaded)
    return true
  }

  /// Closes connections that have had an answer and wait for another request; one whose request has just come is
  /// served.
  func closeKeptConnections() {
    guard enforcement.overload.isOn else { return }
    for slot in 0..<downstreams.slotCount {
      guard let connection = downstreams[slot], !connection.exchange.isOpen,
        connection.headStart == nil, connection.requestCount > 0, !connection.isLingering
      else { continue }
      closeIdle(connection, counting: .overloadClosed)
    }
  }

  /// Whether new connections must wait in the kernel's queue.
  var mustNotAccept: Bool { enforcement.overload.level == .stopped }
}
