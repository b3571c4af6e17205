import HTTPCodec
import Platform

/// Host and path to route, longest prefix first.
///
/// Built from the tables at the start and at each reload. A path matches a prefix at a segment border only: `/api` matches
/// `/api`, `/api/x` and `/api?q`, not `/apix`.
struct Router: Sendable {
  /// What a worker needs of a route. An object: handing it on costs one count, whatever it holds.
  final class Route: Sendable {
    /// Position in the table of routes.
    let index: Int
    /// Position in the meter's table of routes, where `~none` stands too.
    let meterIndex: Int
    /// Position of its upstream in the table of upstreams.
    let upstream: Int
    let upgrades: [[UInt8]]
    let bodyBytesMax: UInt64
    let allowsOddPaths: Bool
    let priority: RequestPriority
    let retriesIdempotent: Bool
    /// As `RouteRetries.bit` has them.
    let retryStatusBits: UInt8
    fileprivate let host: HostPattern
    fileprivate let prefix: [UInt8]

    fileprivate init(_ route: RouteConfiguration, index: Int, meterIndex: Int, upstream: Int) {
      self.index = index
      self.meterIndex = meterIndex
      self.upstream = upstream
      upgrades = route.upgrades.map { Array($0.lowercased().utf8) }
      bodyBytesMax = route.bodyBytesMax ?? .max
      allowsOddPaths = route.allowsOddPaths ?? (route.path == "/")
      priority = route.priority
      retriesIdempotent = route.retries.idempotent
      retryStatusBits = route.retries.statusBits
      host = Router.pattern(route.host)
      prefix = Array(route.path.utf8)
    }
  }

  fileprivate enum HostPattern: Sendable {
    case any
    case exact([UInt8])
    case oneLabelBefore([UInt8])

    /// Exact hosts are tried before wildcards, and those before routes for any host.
    var rank: Int {
      switch self {
      case .exact: 0
      case .oneLabelBefore: 1
      case .any: 2
      }
    }
  }

  private let routes: [Route]

  /// The routes in use of tables that were made of validated configurations.
  init(_ tables: ProxyTables) {
    let configuration = tables.configuration
    let inUse = configuration.routes.enumerated().filter { tables.usesRoute[$0.offset] }
    let table = inUse.map { index, route in
      Route(
        route, index: index, meterIndex: tables.meterRoute(index),
        upstream: tables.upstreamPosition(route.upstream) ?? 0)
    }
    routes = table.sorted {
      ($0.host.rank, -$0.prefix.count, $0.index) < ($1.host.rank, -$1.prefix.count, $1.index)
    }
  }

  fileprivate static func pattern(_ host: String?) -> HostPattern {
    guard let host = host?.lowercased() else { return .any }
    if host.hasPrefix("*.") { return .oneLabelBefore(Array(host.dropFirst().utf8)) }
    return .exact(Array(host.utf8))
  }

  /// The route for a host (without port) and a raw path, or nil.
  @inline(__always)
  func route(host: ByteRange, path: ByteRange, in bytes: RawSpan) -> Route? {
    for index in routes.indices
    where Self.matches(routes[index].host, host, bytes)
      && Self.matches(routes[index].prefix, path, bytes)
    {
      return routes[index]
    }
    return nil
  }

  private static func matches(_ pattern: HostPattern, _ host: ByteRange, _ bytes: RawSpan) -> Bool {
    switch pattern {
    case .any: return true
    case .exact(let name): return bytes.matches(host, lowercase: name)
    case .oneLabelBefore(let suffix):
      guard host.count > suffix.count else { return false }
      let label = host.count - suffix.count
      for offset in host.start..<(host.start + label)
      where bytes[offset] == UInt8(ascii: ".") { return false }
      return bytes.matches(
        ByteRange(start: host.start + label, count: suffix.count), lowercase: suffix)
    }
  }

  private static func matches(_ prefix: [UInt8], _ path: ByteRange, _ bytes: RawSpan) -> Bool {
    let count = prefix.count
    // The commonest prefix, `/`, matches every path, also `*` and an absolute target without one.
    if count == 1 { return true }
    guard path.count >= count else {
      return false
    }
    for offset in 0..<count where bytes[path.start + offset] != prefix[offset] { return false }
    if path.count == count || prefix[count - 1] == UInt8(ascii: "/") { return true }
    let next = bytes[path.start + count]
    return next == UInt8(ascii: "/") || next == UInt8(ascii: "?")
  }
}

/// The host of an authority, without its port: what routes and host rules look at.
func hostRange(of authority: ByteRange, in bytes: RawSpan) -> ByteRange {
  var end = authority.end
  while end > authority.start {
    let byte = bytes[end - 1]
    if byte == UInt8(ascii: ":") {
      return ByteRange(start: authority.start, end: end - 1)
    }
    // A port is digits only; anything else, `]` of an IPv6 address too, means there is none.
    guard byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") else { break }
    end -= 1
  }
  return authority
}
