import Platform
import Proxy

extension ProgramConfiguration {
  /// The keys of an upstream that `upstream(_:_:)` reads.
  static let upstreamKeys: Set<String> = [
    "addresses", "balancing", "slow_start_ms", "panic_percent", "ejection", "retries",
    "connections_max", "idle_connections_max", "connection_age_max_ms", "pending_max",
    "pending_ms", "requests_max", "health", "tls", "http2", "http2_streams_max", "http2_ping_ms",
  ]

  /// An upstream without its hints.
  static func upstream(_ name: String, _ node: ConfigurationNode) -> UpstreamConfiguration {
    let addresses = node["addresses"].elements.compactMap(address)
    var upstream = UpstreamConfiguration(name: name, addresses: addresses)
    func read(_ key: String, _ value: inout Int) { value = node[key].integer(value) }
    read("slow_start_ms", &upstream.slowStartMilliseconds)
    read("panic_percent", &upstream.panicPercent)
    read("connections_max", &upstream.connectionsMax)
    read("idle_connections_max", &upstream.idleConnectionsMax)
    read("connection_age_max_ms", &upstream.connectionAgeMaxMilliseconds)
    upstream.speaksHTTP2 = node["http2"].boolean(false)
    read("http2_streams_max", &upstream.streamsMax)
    read("http2_ping_ms", &upstream.pingMilliseconds)
    read("pending_max", &upstream.pendingMax)
    read("pending_ms", &upstream.pendingMilliseconds)
    if node["requests_max"].exists { upstream.requestsMax = node["requests_max"].integer(1) }
    upstream.balancing = balancing(node["balancing"], upstream.balancing)
    upstream.ejection = ejection(node["ejection"])
    upstream.retries = budget(node["retries"])
    if node["tls"].exists { upstream.tls = tls(node["tls"], addresses) }
    if node["health"].exists { upstream.health = health(node["health"]) }
    return upstream
  }

  /// An entry of the list: text, or a mapping with a weight.
  private static func address(_ node: ConfigurationNode) -> UpstreamAddress? {
    let place = node.isMapping ? node["address"] : node
    if node.isMapping { node.allow(["address", "weight"]) }
    let text = place.requiredString()
    guard var address = UpstreamAddress(text) else {
      place.fault("\"\(text)\" is not ADDRESS:PORT, NAME:PORT or unix:/PATH")
      return nil
    }
    if node.isMapping { address.weight = node["weight"].integer(1) }
    return address
  }

  /// How the upstream is spoken to over TLS; the name is that of its addresses, if they have one in common.
  private static func tls(
    _ node: ConfigurationNode, _ addresses: [UpstreamAddress]
  ) -> TLSClientConfiguration {
    node.allow(["server_name", "verify", "ca", "certificate", "key", "min_version"])
    let names = Set(
      addresses.map { address in
        if case .name(let name, _) = address.place { name } else { "" }
      })
    var tls = TLSClientConfiguration(
      serverName: node["server_name"].string(names.count == 1 ? names.first ?? "" : ""))
    tls.verifies = node["verify"].boolean(true)
    tls.caFile = node["ca"].optionalString()
    tls.certificateFile = node["certificate"].optionalString()
    tls.keyFile = node["key"].optionalString()
    tls.versionMin = node["min_version"].word(tls.versionMin)
    return tls
  }

  private static func balancing(_ node: ConfigurationNode, _ fallback: Balancing) -> Balancing {
    guard let text = node.optionalString() else { return fallback }
    guard let balancing = Balancing(rawValue: text) else {
      let known = Balancing.allCases.map(\.rawValue).joined(separator: ", ")
      node.fault("\"\(text)\" is not \(known)")
      return fallback
    }
    return balancing
  }

  private static func ejection(_ node: ConfigurationNode) -> EjectionConfiguration {
    node.allow([
      "failures", "gateway_statuses", "server_errors", "base_ms", "max_ms", "share_max_percent",
    ])
    var ejection = EjectionConfiguration()
    func read(_ key: String, _ value: inout Int) { value = node[key].integer(value) }
    read("failures", &ejection.failures)
    read("base_ms", &ejection.baseMilliseconds)
    read("max_ms", &ejection.maxMilliseconds)
    read("share_max_percent", &ejection.shareMaxPercent)
    ejection.countsGatewayStatuses =
      node["gateway_statuses"].boolean(ejection.countsGatewayStatuses)
    ejection.countsServerErrors = node["server_errors"].boolean(ejection.countsServerErrors)
    return ejection
  }

  private static func health(_ node: ConfigurationNode) -> HealthCheckConfiguration {
    node.allow([
      "kind", "path", "method", "host", "status_min", "status_max", "interval_ms", "timeout_ms",
      "rise", "fall", "service",
    ])
    var health = HealthCheckConfiguration()
    func read(_ key: String, _ value: inout Int) { value = node[key].integer(value) }
    if let text = node["kind"].optionalString() {
      if let kind = HealthCheckConfiguration.Kind(rawValue: text) {
        health.kind = kind
      } else {
        node["kind"].fault("\"\(text)\" is not http, tcp or grpc")
      }
    }
    health.path = node["path"].string(health.path)
    health.method = node["method"].string(health.method)
    health.host = node["host"].optionalString()
    health.service = node["service"].string(health.service)
    read("status_min", &health.statusMin)
    read("status_max", &health.statusMax)
    read("interval_ms", &health.intervalMilliseconds)
    read("timeout_ms", &health.timeoutMilliseconds)
    read("rise", &health.rise)
    read("fall", &health.fall)
    return health
  }

  /// How names are resolved.
  static func resolver(_ node: ConfigurationNode) -> ResolverConfiguration {
    node.allow(["servers", "keep_min_ms", "keep_max_ms", "timeout_ms", "tries"])
    var resolver = ResolverConfiguration()
    func read(_ key: String, _ value: inout Int) { value = node[key].integer(value) }
    resolver.servers = node["servers"].elements.compactMap { element in
      let text = element.requiredString()
      let address = SocketAddress(text)
      if address == nil { element.fault("\"\(text)\" is not ADDRESS:PORT with a numeric address") }
      return address
    }
    read("keep_min_ms", &resolver.keepMinMilliseconds)
    read("keep_max_ms", &resolver.keepMaxMilliseconds)
    read("timeout_ms", &resolver.timeoutMilliseconds)
    read("tries", &resolver.tries)
    return resolver
  }

  private static func budget(_ node: ConfigurationNode) -> RetryConfiguration {
    node.allow(["budget_percent", "burst", "attempts_max"])
    var retries = RetryConfiguration()
    retries.budgetPercent = node["budget_percent"].integer(retries.budgetPercent)
    retries.burst = node["burst"].integer(retries.burst)
    retries.attemptsMax = node["attempts_max"].integer(retries.attemptsMax)
    return retries
  }

  /// Which failed requests of a route are sent a second time.
  static func retries(_ node: ConfigurationNode) -> RouteRetries {
    var retries = RouteRetries()
    retries.idempotent = node["retry_idempotent"].boolean(false)
    retries.statuses = node["retry_statuses"].elements.map { $0.integer(0) }
    return retries
  }
}
