import Platform
import Proxy
import Testing

@testable import WeirProxy

@Suite struct UpstreamConfigurationTests {
  private static func read(
    _ upstream: String, route: String = "", more: String = ""
  ) -> (configuration: ProgramConfiguration, faults: [String]) {
    ProgramConfiguration.read(
      """
      listeners: [{ name: main, address: "127.0.0.1:0" }]
      upstreams: { app: { \(upstream) } }
      routes: [{ name: all, upstream: app\(route) }]
      metering: { directory: /tmp/x }
      \(more)
      """)
  }

  @Test func `every key of an upstream is read`() throws {
    let (configuration, faults) = Self.read(
      """
      addresses: ["127.0.0.1:1", { address: "unix:/run/a.sock", weight: 7 }, "app.internal:80"],
      balancing: hash_tenant, slow_start_ms: 1, panic_percent: 2, connections_max: 3,
      idle_connections_max: 4, connection_age_max_ms: 5, pending_max: 6, pending_ms: 7,
      requests_max: 8,
      ejection: { failures: 9, gateway_statuses: false, server_errors: true, base_ms: 10,
      max_ms: 11, share_max_percent: 12 },
      retries: { budget_percent: 13, burst: 14, attempts_max: 5 },
      health: { kind: tcp, path: /h, method: HEAD, host: a.b, status_min: 201, status_max: 202,
      interval_ms: 16, timeout_ms: 17, rise: 18, fall: 19 }
      """,
      route: ", retry_idempotent: true, retry_statuses: [502, 504]",
      more: """
        resolver: { servers: ["127.0.0.1:53", "[::1]:53"], keep_min_ms: 20, keep_max_ms: 21,
          timeout_ms: 22, tries: 3 }
        """)
    let upstream = try #require(configuration.proxy.upstreams.first)
    let health = try #require(upstream.health)
    let resolver = configuration.proxy.resolver

    #expect(faults == [])
    #expect(upstream.addresses.map(\.weight) == [1, 7, 1])
    #expect(
      upstream.addresses.map(\.place.description)
        == ["127.0.0.1:1", "unix:/run/a.sock", "app.internal:80"])
    #expect(upstream.balancing == .hashTenant)
    #expect(
      [
        upstream.slowStartMilliseconds, upstream.panicPercent, upstream.connectionsMax,
        upstream.idleConnectionsMax, upstream.connectionAgeMaxMilliseconds, upstream.pendingMax,
        upstream.pendingMilliseconds, upstream.requestsMax ?? 0, upstream.ejection.failures,
        upstream.ejection.baseMilliseconds, upstream.ejection.maxMilliseconds,
        upstream.ejection.shareMaxPercent, upstream.retries.budgetPercent, upstream.retries.burst,
      ] == Array(1...14))
    #expect(!upstream.ejection.countsGatewayStatuses && upstream.ejection.countsServerErrors)
    #expect(upstream.retries.attemptsMax == 5)
    #expect(health.kind == .tcp && health.path == "/h" && health.method == "HEAD")
    #expect(health.host == "a.b" && health.statusMin == 201 && health.statusMax == 202)
    #expect(
      [health.intervalMilliseconds, health.timeoutMilliseconds, health.rise, health.fall]
        == [16, 17, 18, 19])
    #expect(resolver.servers.map(\.description) == ["127.0.0.1:53", "[::1]:53"])
    #expect(
      [
        resolver.keepMinMilliseconds, resolver.keepMaxMilliseconds, resolver.timeoutMilliseconds,
        resolver.tries,
      ] == [20, 21, 22, 3])
    #expect(configuration.proxy.routes[0].retries.idempotent)
    #expect(configuration.proxy.routes[0].retries.statuses == [502, 504])
  }

  @Test func `keys of HTTP 2, gRPC and ORCA are read`() throws {
    let (configuration, faults) = Self.read(
      "addresses: [\"a:1\"], http2: true, http2_streams_max: 7, http2_ping_ms: 9, "
        + "health: { kind: grpc, service: s }, hints: { orca_cpu: [cpu_ms, gpu_seconds] }")
    let upstream = try #require(configuration.proxy.upstreams.first)

    #expect(faults == [])
    #expect(upstream.speaksHTTP2 && upstream.streamsMax == 7 && upstream.pingMilliseconds == 9)
    #expect(upstream.health?.kind == .grpc && upstream.health?.service == "s")
    #expect(upstream.hints.orcaCPU == ["cpu_ms", "gpu_seconds"])
  }

  @Test(arguments: [
    ("addresses: [nowhere]", "upstreams.app.addresses[0]: \"nowhere\" is not ADDRESS:PORT"),
    ("addresses: [{ address: \"a:1\", weigth: 1 }]", "unknown key \"weigth\""),
    ("addresses: [{ weight: 1 }]", "upstreams.app.addresses[0].address: is missing"),
    ("addresses: [\"a:1\"], balancing: fair", "\"fair\" is not round_robin"),
    ("addresses: [\"a:1\"], health: { kind: icmp }", "\"icmp\" is not http, tcp or grpc"),
    ("addresses: [\"a:1\"], health: { path: x }", "upstreams.app.health.path: must begin with /"),
    ("addresses: [\"a:1\"], health: { method: POST }", "upstreams.app.health.method:"),
    ("addresses: [\"a:1\"], health: { host: \"a b\" }", "upstreams.app.health.host:"),
    ("addresses: [\"a:1\"], health: { status_min: 600 }", "upstreams.app.health.status_min:"),
    ("addresses: [\"a:1\"], health: { interval_ms: 9 }", "upstreams.app.health.interval_ms:"),
    ("addresses: [\"a:1\"], health: { timeout_ms: 0 }", "upstreams.app.health.timeout_ms:"),
    ("addresses: [\"a:1\"], health: { rise: 0 }", "upstreams.app.health.rise:"),
    ("addresses: [\"a:1\"], health: { fall: 0 }", "upstreams.app.health.fall:"),
    ("addresses: [\"a:1\"], ejection: { faults: 1 }", "unknown key \"faults\""),
    ("addresses: [\"a:1\"], http2_ping_ms: -1", "upstreams.app.http2_ping_ms: must be 0 to"),
    ("addresses: [\"a:1\"], http2_streams_max: 0", "upstreams.app.http2_streams_max: must be 1 to"),
    ("addresses: [\"a:1\"], health: { kind: grpc }", "upstreams.app.health.kind: grpc needs http2"),
    (
      "addresses: [\"a:1\"], http2: true, health: { service: \"\(String(repeating: "s", count: 101))\" }",
      "upstreams.app.health.service: at most 100 bytes"
    ),
    ("addresses: [\"a:1\"], hints: { orca_cpu: [cpu] }", "hints.orca_cpu: \"cpu\" must end in _us"),
    ("addresses: [\"a:1\"], hints: { orca_units: { x: y } }", "\"y\" is not declared"),
  ])
  func `a fault of an upstream is named with its place`(upstream: String, fault: String) {
    let faults = Self.read(upstream).faults

    #expect(faults.contains { $0.contains(fault) }, "\(faults)")
  }

  @Test(arguments: [
    ("servers: [localhost]", "resolver.servers[0]: \"localhost\" is not ADDRESS:PORT"),
    ("keep_min_ms: 0", "resolver.keep_min_ms:"), ("keep_max_ms: 1", "resolver.keep_max_ms:"),
    ("timeout_ms: 0", "resolver.timeout_ms:"), ("tries: 11", "resolver.tries:"),
  ])
  func `a fault of the resolver is named with its place`(key: String, fault: String) {
    let faults = Self.read("addresses: [\"a:1\"]", more: "resolver: { \(key) }").faults

    #expect(faults.contains { $0.contains(fault) }, "\(faults)")
  }
}
