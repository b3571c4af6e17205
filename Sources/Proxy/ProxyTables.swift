public import Usage

/// What a running process serves: a configuration whose lists are tables, and which of their entries are in use.
///
/// Inside a process a position never changes its meaning, because open exchanges and meter rows hold positions.
/// So tables only grow: a new name goes behind the others, a removed one stays as an unused entry, and a
/// name that comes back takes its old place. An upstream that is changed gets a new place, so that its old pool
/// can retire while exchanges still use it.
///
/// Two kinds of position: a *table position* indexes `configuration.routes`; the *meter position* of a route is
/// the same for the routes of the start, and one more for those that came later, because `~none` stands between.
/// Listeners have the same position in both.
public struct ProxyTables: Sendable, Equatable {
  /// The configuration in force; `listeners`, `upstreams` and `routes` are the tables, unused entries included.
  public private(set) var configuration: ProxyConfiguration
  /// Which listeners of the table are open.
  public private(set) var usesListener: [Bool]
  /// Which upstreams of the table new exchanges may go to.
  public private(set) var usesUpstream: [Bool]
  /// Which routes of the table requests are matched against.
  public private(set) var usesRoute: [Bool]
  /// Meter position of `~none`: how many routes there were at the start.
  public let noneRoute: Int

  /// Bound on upstreams in the table; each reload that changes one adds one.
  public static let upstreamsMax = 65_536

  /// The tables of a process that starts.
  public init(_ configuration: ProxyConfiguration) {
    self.configuration = configuration
    usesListener = configuration.listeners.map { _ in true }
    usesUpstream = configuration.upstreams.map { _ in true }
    usesRoute = configuration.routes.map { _ in true }
    noneRoute = configuration.routes.count
  }

  /// The meter's position of a route, from its position in the table.
  public func meterRoute(_ position: Int) -> Int { position < noneRoute ? position : position + 1 }

  /// Where requests for an upstream of this name go now.
  func upstreamPosition(_ name: String) -> Int? {
    configuration.upstreams.indices.last {
      usesUpstream[$0] && configuration.upstreams[$0].name == name
    }
  }

  /// What a reload adds to the meter's tables.
  public struct Growth: Sendable, Equatable {
    /// Names of listeners, in the order of their new positions.
    public var listeners: [String] = []
    /// Names of routes, in the order of their new positions.
    public var routes: [RouteName] = []
  }

  /// The tables after a reload of a validated configuration, and the names that are new.
  public func applying(_ next: ProxyConfiguration) -> (tables: ProxyTables, growth: Growth) {
    var tables = self
    var growth = Growth()
    tables.configuration = next
    tables.configuration.listeners = configuration.listeners
    tables.configuration.upstreams = configuration.upstreams
    tables.configuration.routes = configuration.routes
    tables.usesListener = usesListener.map { _ in false }
    tables.usesRoute = usesRoute.map { _ in false }
    for listener in next.listeners {
      let position = configuration.listeners.firstIndex { $0.name == listener.name }
      if position == nil { growth.listeners.append(listener.name) }
      Self.put(listener, at: position, &tables.configuration.listeners, &tables.usesListener)
    }
    for route in next.routes {
      let position = configuration.routes.firstIndex { $0.name == route.name }
      if position == nil { growth.routes.append(route.name) }
      Self.put(route, at: position, &tables.configuration.routes, &tables.usesRoute)
    }
    tables.usesUpstream = usesUpstream.map { _ in false }
    for upstream in next.upstreams {
      let same = upstreamPosition(upstream.name).flatMap {
        configuration.upstreams[$0] == upstream ? $0 : nil
      }
      Self.put(upstream, at: same, &tables.configuration.upstreams, &tables.usesUpstream)
    }
    return (tables, growth)
  }

  private static func put<Entry>(
    _ entry: Entry, at position: Int?, _ table: inout [Entry], _ uses: inout [Bool]
  ) {
    guard let position else {
      table.append(entry)
      uses.append(true)
      return
    }
    table[position] = entry
    uses[position] = true
  }
}
