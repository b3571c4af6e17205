import PlainHTTP
import Platform
import TestSupport
import Testing
import Usage

@testable import Proxy

@Suite struct ConfigurationTests {
  static let faulty: [(fault: String, change: @Sendable (inout ProxyConfiguration) -> Void)] = [
    ("workers:", { $0.workers = -1 }), ("workers:", { $0.workers = 1_025 }),
    ("listeners:", { $0.listeners = [] }), ("routes:", { $0.routes = [] }),
    ("listeners[0].name:", { $0.listeners[0].name = "a b" }),
    ("listeners[1].name:", { $0.listeners.append($0.listeners[0]) }),
    ("listeners[0].backlog:", { $0.listeners[0].backlog = 0 }),
    ("tenants.header:", { $0.tenants.header = "a b" }),
    ("tenants.header:", { $0.tenants.header = "" }),
    ("tenants.header:", { $0.tenants.header = "Content-Length" }),
    ("tenants.header:", { $0.tenants.header = "X-Forwarded-Tenant" }),
    ("tenants.header:", { $0.tenants.header = "Proxy-Tenant" }),
    ("tenants.header:", { $0.tenants.header = String(repeating: "a", count: 129) }),
    ("tenants.rules[0].header.name:", { $0.tenants.rules = [TenantRule(.header("Host"))] }),
    ("tenants.rules[0].header.name:", { $0.tenants.rules = [TenantRule(.header("a:b"))] }),
    ("tenants.rules[0].host:", { $0.tenants.rules = [TenantRule(.hostLabel(suffix: "x.y"))] }),
    ("tenants.rules[0].host:", { $0.tenants.rules = [TenantRule(.hostLabel(suffix: "."))] }),
    ("tenants.rules[0].path:", { $0.tenants.rules = [TenantRule(.pathSegment(prefix: "t/"))] }),
    ("tenants.rules[0].path:", { $0.tenants.rules = [TenantRule(.pathSegment(prefix: "/t"))] }),
    ("tenants.rules[0].listeners:", { $0.tenants.rules[0].listeners = ["other"] }),
    ("upstreams[1]:", { $0.upstreams.append($0.upstreams[0]) }),
    ("upstreams.origin.addresses:", { $0.upstreams[0].addresses = [] }),
    ("upstreams.origin.connections_max:", { $0.upstreams[0].connectionsMax = 0 }),
    ("upstreams.origin.idle_connections_max:", { $0.upstreams[0].idleConnectionsMax = -1 }),
    ("upstreams.origin.addresses[0].weight:", { $0.upstreams[0].addresses[0].weight = 0 }),
    ("upstreams.origin.addresses[0].weight:", { $0.upstreams[0].addresses[0].weight = 1_001 }),
    ("upstreams.origin.slow_start_ms:", { $0.upstreams[0].slowStartMilliseconds = -1 }),
    ("upstreams.origin.panic_percent:", { $0.upstreams[0].panicPercent = 101 }),
    ("upstreams.origin.connection_age", { $0.upstreams[0].connectionAgeMaxMilliseconds = -1 }),
    ("upstreams.origin.pending_max:", { $0.upstreams[0].pendingMax = -1 }),
    ("upstreams.origin.pending_ms:", { $0.upstreams[0].pendingMilliseconds = 0 }),
    ("upstreams.origin.requests_max:", { $0.upstreams[0].requestsMax = 0 }),
    ("upstreams.origin.ejection.failures:", { $0.upstreams[0].ejection.failures = -1 }),
    ("upstreams.origin.ejection.base_ms:", { $0.upstreams[0].ejection.baseMilliseconds = 0 }),
    ("upstreams.origin.ejection.max_ms:", { $0.upstreams[0].ejection.maxMilliseconds = 9_999 }),
    ("upstreams.origin.ejection.share", { $0.upstreams[0].ejection.shareMaxPercent = 101 }),
    ("upstreams.origin.retries.budget", { $0.upstreams[0].retries.budgetPercent = 101 }),
    ("upstreams.origin.retries.burst:", { $0.upstreams[0].retries.burst = -1 }),
    ("upstreams.origin.retries.attempts_max:", { $0.upstreams[0].retries.attemptsMax = 0 }),
    ("routes[0].retry_statuses:", { $0.routes[0].retries.statuses = [500] }),
    ("limits.interim_responses_max:", { $0.limits.interimResponsesMax = -1 }),
    (
      "upstreams.origin.hints:", { $0.upstreams[0].hints.unitFields = [.init(field: "x", unit: 4)] }
    ),
    ("upstreams.origin.hints.cores:", { $0.upstreams[0].hints.cores = 0 }),
    ("upstreams.origin.hints.cores:", { $0.upstreams[0].hints.cores = 1_000_001 }),
    ("routes[0].upstream:", { $0.routes[0].upstream = "other" }),
    ("routes[0].path:", { $0.routes[0].path = "x" }),
    ("routes[0].path:", { $0.routes[0].path = "" }),
    ("routes[1].name:", { $0.routes.append($0.routes[0]) }),
    ("routes[1]:", { $0.routes.append($0.routes[0]) }),
    ("routes[0].host:", { $0.routes[0].host = "" }),
    ("routes[0].host:", { $0.routes[0].host = "h:80" }),
    ("routes[0].host:", { $0.routes[0].host = "h/x" }),
    ("routes[0].upgrades:", { $0.routes[0].upgrades = ["a b"] }),
    ("limits.head_bytes_max:", { $0.limits.headBytesMax = 1_023 }),
    ("limits.head_bytes_max:", { $0.limits.headBytesMax = 262_145 }),
    ("limits.field_count_max:", { $0.limits.fieldCountMax = 0 }),
    ("limits.field_count_max:", { $0.limits.fieldCountMax = 1_001 }),
    ("limits.target_bytes_max:", { $0.limits.targetBytesMax = 63 }),
    ("limits.target_bytes_max:", { $0.limits.targetBytesMax = 16_385 }),
    ("limits.connections_max:", { $0.limits.connectionsMax = 0 }),
    ("limits.connections_max:", { $0.limits.connectionsMax = 1_000_001 }),
    ("limits.requests_per_connection_max:", { $0.limits.requestsPerConnectionMax = 0 }),
    ("limits.buffer_bytes:", { $0.limits.bufferBytes = 36_863 }),
    ("limits.buffer_bytes:", { $0.limits.bufferBytes = 16_777_217 }),
    (
      "limits.buffer_bytes:",
      {
        $0.limits.headBytesMax = 1_024
        $0.limits.bufferBytes = 16_648
        $0.listeners[0].http2 = true
      }
    ),
    ("limits.splice_bytes_min:", { $0.limits.spliceBytesMin = 16_383 }),
    ("limits.splice_pipes_max:", { $0.limits.splicePipesMax = -1 }),
    ("limits.splice_pipes_max:", { $0.limits.splicePipesMax = 65_537 }),
    ("timeouts.request_head_ms:", { $0.timeouts.requestHeadMilliseconds = 0 }),
    ("timeouts.body_rate_grace_ms:", { $0.timeouts.bodyRateGraceMilliseconds = 0 }),
    ("timeouts.http2_ping_ms:", { $0.timeouts.pingMilliseconds = -1 }),
    ("timeouts.client_write_ms:", { $0.timeouts.clientWriteMilliseconds = 0 }),
    ("limits.body_bytes_per_second_min:", { $0.limits.bodyRateMin = -1 }),
    ("timeouts.first_head_ms:", { $0.timeouts.firstHeadMilliseconds = 0 }),
    ("timeouts.proxy_header_ms:", { $0.timeouts.proxyHeaderMilliseconds = 0 }),
    ("limits.proxy_header_bytes_max:", { $0.limits.proxyHeaderBytesMax = 231 }),
    (
      "listeners[0].proxy_protocol: needs trusted",
      {
        $0.listeners[0].expectsProxyHeader = true
        $0.listeners[0].trusted = []
      }
    ),
    ("headers.request_id: \"Host\"", { $0.headers.requestID = "Host" }),
    ("headers.request_id: \"X-Weir-Tenant\"", { $0.headers.requestID = "X-Weir-Tenant" }),
    (
      "headers.request_id_to_client: needs",
      {
        $0.headers.requestID = nil
        $0.headers.returnsRequestID = true
      }
    ),
    ("access_log.file:", { $0.accessLog = AccessLogConfiguration(file: "") }),
    (
      "access_log.sample:",
      {
        $0.accessLog = AccessLogConfiguration(file: "-")
        $0.accessLog?.sample = 1.5
      }
    ),
    (
      "access_log.path_bytes_max:",
      {
        $0.accessLog = AccessLogConfiguration(file: "-")
        $0.accessLog?.pathBytesMax = 63
      }
    ),
    (
      "access_log.ring_bytes:",
      {
        $0.accessLog = AccessLogConfiguration(file: "-")
        $0.accessLog?.ringBytes = 1
      }
    ),
    ("listeners[0].v6_only:", { $0.listeners[0].isIPv6Only = true }),
    ("timeouts.keep_alive_ms:", { $0.timeouts.keepAliveMilliseconds = 0 }),
    ("timeouts.body_ms:", { $0.timeouts.bodyMilliseconds = -1 }),
    ("timeouts.stream_ms:", { $0.timeouts.streamMilliseconds = 86_400_001 }),
    ("timeouts.connect_ms:", { $0.timeouts.connectMilliseconds = 0 }),
    ("timeouts.response_head_ms:", { $0.timeouts.responseHeadMilliseconds = 0 }),
    ("timeouts.upstream_idle_ms:", { $0.timeouts.upstreamIdleMilliseconds = 0 }),
    ("timeouts.drain_ms:", { $0.timeouts.drainMilliseconds = 0 }),
    ("timeouts.linger_ms:", { $0.timeouts.lingerMilliseconds = 0 }),
  ]

  @Test(arguments: faulty.indices)
  func `a fault is named with its place`(index: Int) {
    let (place, change) = Self.faulty[index]
    let configuration = ProxyRig.configuration(upstream: [1], change)

    let faults = configuration.validate()

    #expect(faults.contains { $0.hasPrefix(place) }, "\(place): \(faults)")
    #expect(throws: ProxyError.configuration(faults)) {
      try ProxyServer(configuration, processors: 1, syscalls: Syscalls())
    }
  }

  @Test func `all faults are named at once and a good configuration has none`() {
    let broken = ProxyRig.configuration(upstream: [1]) {
      $0.workers = -1
      $0.routes[0].path = ""
      $0.timeouts.drainMilliseconds = 0
    }

    #expect(broken.validate().count == 3)
    #expect(ProxyRig.configuration(upstream: [1]).validate() == [])
  }

  @Test func `the smallest limits that are allowed serve any request`() throws {
    let origin = try Origin.answering { _, body in ok("\(body.count)") }
    let rig = try ProxyRig(origin) {
      $0.limits.headBytesMax = 1_024
      $0.limits.fieldCountMax = 1_000
      $0.limits.targetBytesMax = 64
      $0.limits.bufferBytes = 2 * 1_024 + 4_096
    }
    let client = try rig.client()
    let fields = String(repeating: "a:\r\n", count: 180)
    let body = String(repeating: "x", count: 50_000)

    for framing in [
      "Content-Length: 50000\r\n\r\n\(body)",
      "Transfer-Encoding: chunked\r\n\r\nc350\r\n\(body)\r\n0\r\n\(fields)\r\n",
    ] {
      try client.send("PUT / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n\(fields)\(framing)")
      #expect(try client.readResponse().body == Array("50000".utf8))
    }
    let sent = client.socket.bytesSent
    client.close()
    let usage = try rig.finish()

    #expect(usage["acme/api", .requestBytes] == sent)
    #expect(usage["acme/api", .upstreamRequestBytes] == origin.bytesReceived)
    #expect(usage["acme/api", .requestBodyBytes] == 100_000)
  }
}
