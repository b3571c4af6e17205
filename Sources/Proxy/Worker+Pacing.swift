import Platform
import Usage

/// Bandwidth of tenants: no answer but back pressure. While a tenant's bucket is overdrawn, nothing is read or written for
/// its exchanges; they stand in the worker's list until there is room again.
extension Worker {
  /// Connections wake in steps of this, so that many of them cost one turn.
  static let paceNanoseconds: UInt64 = 4_000_000
  /// The longest time between two looks at a paced connection, so that closed ones do not stay in the list.
  static let paceNanosecondsMax: UInt64 = 500_000_000

  /// Whether the bytes of an exchange must rest now; the connection is woken when they may move.
  @inline(__always)
  func mustRest(_ connection: DownstreamConnection) -> Bool {
    guard let cell = connection.exchange.allowance.cell,
      let terms = connection.exchange.allowance.terms, terms.bytesPerSecond > 0
    else { return false }
    let delay = cell.byteDelay(terms, at: now)
    guard delay > 0 else { return false }
    pace(connection, delay)
    return true
  }

  /// Has a connection rest. Its timeouts wait as long as it does.
  private func pace(_ connection: DownstreamConnection, _ delay: UInt64) {
    let exchange = connection.exchange
    let step = Self.paceNanoseconds
    let wake = (now + min(delay, Self.paceNanosecondsMax)) / step * step + step
    connection.deadline = max(connection.deadline, wake + progressTimeout(exchange))
    nextPace = min(nextPace, wake)
    guard !connection.isPaced else { return }
    connection.isPaced = true
    counters.add(.tenantPauses)
    paced.append(connection)
    counters.set(.pacedConnections, to: paced.count)
  }

  /// Goes on with the connections whose tenants have room again; those that waited longest come first.
  func resumePaced() {
    let waiting = paced
    paced = []
    nextPace = .max
    var resting: [DownstreamConnection] = []
    // Bound: one entry a connection, and closed ones leave within paceNanosecondsMax.
    for connection in waiting {
      // An answer of our own does not rest.
      guard !connection.isClosed, connection.exchange.isOpen,
        connection.exchange.phase != .answering
      else {
        connection.isPaced = false
        continue
      }
      if mustRest(connection) {
        resting.append(connection)
        continue
      }
      connection.isPaced = false
      progress(connection)
    }
    paced = resting + paced
    counters.set(.pacedConnections, to: paced.count)
  }

  /// Milliseconds until a paced connection is to be looked at; -1 when there is none.
  var paceMilliseconds: Int32 {
    guard nextPace != .max else { return -1 }
    return nextPace > now ? Int32((nextPace - now + 999_999) / 1_000_000) : 0
  }
}
