public import Platform

/// A named group of addresses that serve the same requests.
public struct UpstreamConfiguration: Sendable, Equatable {
  /// The name routes refer to.
  public var name: String
  /// Where the group is reached, 1 to 256.
  public var addresses: [UpstreamAddress]
  /// How a request's address is chosen. Default: least outstanding requests of two at random.
  public var balancing = Balancing.leastOutstanding
  /// How long an address that comes back takes to get its whole share, in ms. Default 0: at once.
  public var slowStartMilliseconds = 0
  /// With fewer usable addresses than this share, in %, all are used again. Default 30.
  public var panicPercent = 30
  /// When an address is left alone after failures.
  public var ejection = EjectionConfiguration()
  /// How its addresses are checked without a client's request; nil for not at all. Default nil.
  public var health: HealthCheckConfiguration?
  /// How much of the traffic may be attempts after the first.
  public var retries = RetryConfiguration()
  /// Open connections to the group at most, over all workers. Default 4,096.
  public var connectionsMax = 4_096
  /// Idle connections that a worker keeps for each address. Default 128.
  public var idleConnectionsMax = 128
  /// Age at which a connection is used no more, in ms; up to a tenth is taken off at random, 0 for no bound.
  /// Default one hour.
  public var connectionAgeMaxMilliseconds = 3_600_000
  /// Requests that may wait while all connections are busy, over all workers; 0 for none. Default 1,024.
  public var pendingMax = 1_024
  /// How long a request may wait, in ms. Default 5 s.
  public var pendingMilliseconds = 5_000
  /// Requests at the group at one time, waiting ones included, over all workers; nil for no bound.
  /// Default nil.
  public var requestsMax: Int?
  /// How the group is spoken to over TLS; nil for plain connections. Default nil.
  public var tls: TLSClientConfiguration?
  /// Whether the addresses are spoken to in HTTP/2, by ALPN with TLS and by prior knowledge without. Default false: HTTP/1.1.
  public var speaksHTTP2 = false
  /// Requests on one HTTP/2 connection at a time; the server may allow less. Default 100.
  public var streamsMax = 100
  /// Without a byte on an HTTP/2 connection that carries requests: it is sent a PING then, and ends when as much time passes
  /// again. 0 for never, which is the default: many servers of gRPC end connections that ask more often than each five minutes.
  public var pingMilliseconds = 0
  /// How a response tells what the request cost; empty means that no hint is read.
  public var hints = HintConfiguration()

  /// Addresses of a group at most, those of its names included.
  static let addressesMax = 256

  /// A group with the default bounds.
  public init(name: String, addresses: [UpstreamAddress]) {
    self.name = name
    self.addresses = addresses
  }

  /// A group of numeric addresses with equal weight.
  public init(name: String, addresses: [SocketAddress]) {
    self.init(name: name, addresses: addresses.map { UpstreamAddress(.endpoint(.internet($0))) })
  }
}

/// How a pool chooses the address of a request.
public enum Balancing: String, Sendable, CaseIterable {
  /// In turn, by weight.
  case roundRobin = "round_robin"
  /// The one with fewer outstanding requests of this worker, of two drawn at random by weight.
  case leastOutstanding = "least_outstanding"
  /// Always the same one for a tenant, as long as it is there; others share the requests of `~unattributed`.
  case hashTenant = "hash_tenant"
}

/// When an address is left alone because it fails, and for how long.
public struct EjectionConfiguration: Sendable, Equatable {
  /// Failures in a row, seen by one worker, after which it leaves the address alone; 0 for never. Default 5.
  public var failures = 5
  /// Whether a 502, 503 or 504 of the upstream is a failure. Default true.
  public var countsGatewayStatuses = true
  /// Whether every other status from 500 is one too. Default false: an application's error is no broken host.
  public var countsServerErrors = false
  /// How long the first time, in ms; twice as long each further time. Default 10 s.
  public var baseMilliseconds = 10_000
  /// How long at most, in ms. Default 5 min.
  public var maxMilliseconds = 300_000
  /// Share of the addresses that may be left alone at one time, in %; one of two or more always may, and
  /// never all. Default 50.
  public var shareMaxPercent = 50

  /// The defaults.
  public init() {}
}

/// How much of an upstream's traffic may be attempts after the first.
public struct RetryConfiguration: Sendable, Equatable {
  /// Further attempts for each hundred requests of a worker. Default 20.
  public var budgetPercent = 20
  /// Further attempts that may be saved up by each worker. Default 100.
  public var burst = 100
  /// Attempts of one request, the first included. Default 3.
  public var attemptsMax = 3

  /// The defaults.
  public init() {}
}

/// Which failed requests of a route are sent a second time, beside those that no upstream has seen.
public struct RouteRetries: Sendable, Equatable {
  /// Requests with an idempotent method (RFC 9110 §9.2.2) of which no content was sent and to which no byte of
  /// an answer came. Default false.
  public var idempotent = false
  /// Of such requests, those answered with one of these statuses, of 502, 503 and 504. Default none.
  public var statuses: [Int] = []

  /// No further attempts.
  public init() {}

  /// The statuses as bits: 1 for 502, 2 for 503, 4 for 504.
  var statusBits: UInt8 { statuses.reduce(0) { $0 | Self.bit(of: $1) } }

  /// The bit of a status, 0 for one that is never retried.
  static func bit(of status: Int) -> UInt8 {
    (502...504).contains(status) ? 1 << UInt8(status - 502) : 0
  }

  func validate(_ place: String) -> [String] {
    statuses.filter { Self.bit(of: $0) == 0 }
      .map { "\(place).retry_statuses: \($0) is not 502, 503 or 504" }
  }
}

extension UpstreamConfiguration {
  /// Every fault, each with its place below `place`.
  func validate(_ place: String) -> [String] {
    var faults: [String] = []
    func check(_ isGood: Bool, _ key: String, _ rule: String) {
      if !isGood { faults.append("\(place).\(key): \(rule)") }
    }
    check((1...Self.addressesMax).contains(addresses.count), "addresses", "1 to 256 are needed")
    for (index, address) in addresses.enumerated() where !(1...1_000).contains(address.weight) {
      faults.append("\(place).addresses[\(index)].weight: must be 1 to 1000")
    }
    check(connectionsMax >= 1, "connections_max", "at least 1")
    check(idleConnectionsMax >= 0, "idle_connections_max", "at least 0")
    let day = 86_400_000
    check(
      (0...day).contains(connectionAgeMaxMilliseconds), "connection_age_max_ms",
      "must be 0 to 86400000")
    check((0...1_000_000).contains(pendingMax), "pending_max", "must be 0 to 1000000")
    check((1...day).contains(pendingMilliseconds), "pending_ms", "must be 1 to 86400000")
    check(requestsMax ?? 1 >= 1, "requests_max", "at least 1")
    check((1...10_000).contains(streamsMax), "http2_streams_max", "must be 1 to 10000")
    check((0...day).contains(pingMilliseconds), "http2_ping_ms", "must be 0 to 86400000")
    check((0...day).contains(slowStartMilliseconds), "slow_start_ms", "must be 0 to 86400000")
    check((0...100).contains(panicPercent), "panic_percent", "must be 0 to 100")
    let (eject, retry) = (ejection, retries)
    check((0...1_000_000).contains(eject.failures), "ejection.failures", "must be 0 to 1000000")
    check((1...day).contains(eject.baseMilliseconds), "ejection.base_ms", "must be 1 to 86400000")
    check(
      (eject.baseMilliseconds...max(day, eject.baseMilliseconds)).contains(eject.maxMilliseconds),
      "ejection.max_ms", "must be base_ms to 86400000")
    check(
      (0...100).contains(eject.shareMaxPercent), "ejection.share_max_percent", "must be 0 to 100")
    check((0...100).contains(retry.budgetPercent), "retries.budget_percent", "must be 0 to 100")
    check((0...1_000_000).contains(retry.burst), "retries.burst", "must be 0 to 1000000")
    check((1...10).contains(retry.attemptsMax), "retries.attempts_max", "must be 1 to 10")
    check(
      speaksHTTP2 || health?.kind != .grpc, "health.kind", "grpc needs http2: true")
    faults += health?.validate("\(place).health") ?? []
    if let tls {
      check(
        !tls.serverName.isEmpty || !tls.verifies, "tls.server_name",
        "needed, because the addresses do not have one name in common")
      check(
        (tls.certificateFile == nil) == (tls.keyFile == nil), "tls.key",
        "certificate and key come together")
      check(
        tls.verifies || tls.caFile == nil, "tls.ca", "of no use without verify")
    }
    return faults
  }
}
