import Platform

/// A worker's connections to one upstream: idle ones by address, newest first, and a bound on all.
struct UpstreamPool {
  let addresses: [SocketAddress]
  let connectionsMax: Int
  private let idleMax: Int
  private var idle: [[UpstreamConnection]]
  private var next: Int
  /// Its upstream was changed or removed: nothing is kept any more.
  var isRetired = false
  /// Connections open to this upstream, idle ones included.
  var open = 0

  /// A pool with this worker's share of the connections.
  init(_ configuration: UpstreamConfiguration, workers: Int, firstAddress: Int) {
    addresses = configuration.addresses
    connectionsMax = max(1, configuration.connectionsMax / workers)
    idleMax = configuration.idleConnectionsMax
    idle = configuration.addresses.map { _ in [] }
    next = firstAddress % configuration.addresses.count
  }

  /// The position of the next address, in turn.
  mutating func nextAddress() -> Int {
    let address = next
    next = next + 1 == addresses.count ? 0 : next + 1
    return address
  }

  /// Takes the newest idle connection to an address.
  mutating func takeIdle(address: Int) -> UpstreamConnection? { idle[address].popLast() }

  /// Keeps a connection for its next use; false when there are enough.
  mutating func keep(_ connection: UpstreamConnection) -> Bool {
    // Bound: idleMax for each address.
    guard !isRetired, idle[connection.address].count < idleMax else { return false }
    idle[connection.address].append(connection)
    return true
  }

  /// Takes a connection out of the idle ones.
  mutating func forget(_ connection: UpstreamConnection) {
    idle[connection.address].removeAll { $0 === connection }
  }

  /// The oldest idle connection of any address, to make room under the bound.
  mutating func takeOldestIdle() -> UpstreamConnection? {
    for address in idle.indices where !idle[address].isEmpty {
      return idle[address].removeFirst()
    }
    return nil
  }

  /// Idle connections now.
  var idleCount: Int { idle.reduce(0) { $0 + $1.count } }
}
