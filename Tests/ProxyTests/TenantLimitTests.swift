import Metering
import PlainHTTP
import TestSupport
import Testing
import Usage

@testable import Proxy

/// Limits of tenants against a proxy that serves.
@Suite struct TenantLimitTests {
  static func request(_ tenant: String, _ fields: String = "", body: String = "") -> String {
    "\(body.isEmpty ? "GET" : "POST") / HTTP/1.1\r\nHost: h\r\nX-Tenant: \(tenant)\r\n\(fields)"
      + (body.isEmpty ? "\r\n" : "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
  }

  static func limit(_ change: (inout TenantLimit) -> Void) -> PlannedTenantLimit {
    var planned = PlannedTenantLimit()
    change(&planned.own)
    return planned
  }

  /// What the limits saw is what was billed, and nothing is held any more.
  private static func checkCell(_ rig: ProxyRig, _ usage: Measured, _ tenant: String) throws {
    let cell = try #require(rig.server.enforcement.table.cell(of: tenant))
    func billed(_ quantity: Quantity) -> UInt64 {
      usage.rows.reduce(0) { $0 + ($1.key.hasPrefix("\(tenant)/") ? $1.value[quantity] : 0) }
    }
    #expect(cell.requests == billed(.requests), "\(tenant)")
    #expect(cell.bytes == billed(.requestBytes) + billed(.responseBytes), "\(tenant)")
    #expect(cell.openRequests == 0)
    #expect(cell.openStreams == 0)
    #expect(cell.isIdle(at: .max), "\(tenant) is still held")
  }

  @Test func `requests over the rate are answered 429, and those of another tenant are not`()
    throws
  {
    let rig = try ProxyRig(try Origin.answering(ok())) {
      $0.tenantLimits.tenants[TenantID("acme")!] = Self.limit {
        $0.requestsPerSecond = 1
        $0.burst = 3
      }
      $0.tenantLimits.tenants[TenantID("bolt")!] = Self.limit { $0.requestsPerSecond = 1_000_000 }
    }
    let client = try rig.client()
    var statuses: [String: [Int]] = [:]
    var refused: RawClient.Response?

    // However slow the machine is, a burst of 20 requests is over one a second for some of them.
    for _ in 0..<20 {
      for tenant in ["acme", "bolt", "free"] {
        try client.send(Self.request(tenant))
        let response = try client.readResponse()
        statuses[tenant, default: []].append(response.status)
        if response.status == 429 { refused = response }
      }
    }
    client.close()
    let usage = try rig.finish()

    let rejected = UInt64(statuses["acme"]!.count { $0 == 429 })
    #expect(statuses["acme"]!.prefix(3) == [200, 200, 200])
    #expect(rejected > 0)
    #expect(statuses["bolt"]!.allSatisfy { $0 == 200 })
    #expect(statuses["free"]!.allSatisfy { $0 == 200 })
    #expect(usage["acme/api", .requests] == 20)
    #expect(usage["acme/api", .endedRejected] == rejected)
    #expect(usage["acme/api", .attempts] == 20 - rejected)
    #expect(usage["bolt/api", .endedRejected] == 0)
    #expect(rig.counter(.tenantRateLimited) == rejected)
    let head = try #require(refused?.head)
    #expect(head.value("retry-after") == "1")
    #expect(head.value("ratelimit-policy") == "\"requests\";q=3;w=3")
    #expect(head.value("ratelimit") == "\"requests\";r=0;t=1")
    #expect(head.value("connection") == nil)
    #expect(String(decoding: refused!.body, as: UTF8.self).contains("\"tenant_rate_limited\""))
    for tenant in ["acme", "bolt"] { try Self.checkCell(rig, usage, tenant) }
    #expect(
      rig.server.takeLimitNotices().notices
        == [TenantLimitNotice(tenant: "acme", code: "tenant_rate_limited")])
  }

  @Test func `responses tell what is left when the configuration says so`() throws {
    let rig = try ProxyRig(try Origin.answering(ok())) {
      $0.tenantLimits.sendsFields = true
      $0.tenantLimits.tenants[TenantID("acme")!] = Self.limit {
        $0.requestsPerSecond = 1
        $0.burst = 100
        $0.concurrentRequests = 7
      }
    }
    let client = try rig.client()

    try client.send(Self.request("acme"))
    let limited = try client.readResponse()
    try client.send(Self.request("bolt"))
    let free = try client.readResponse()
    client.close()
    _ = try rig.finish()

    #expect(
      limited.head.value("ratelimit-policy")
        == "\"requests\";q=100;w=100, \"concurrency\";q=7;qu=\"concurrent-requests\"")
    #expect(
      limited.head.fields.filter { $0.name == "ratelimit" }.map(\.value)
        == ["\"requests\";r=99;t=1", "\"concurrency\";r=6"])
    #expect(limited.body == Array("ok".utf8))
    #expect(free.head.value("ratelimit-policy") == nil)
    #expect(free.head.value("ratelimit") == nil)
  }

  @Test func `a tenant has only so many open requests, and an aborted one makes room`() throws {
    let rig = try ProxyRig(try TimeoutTests.silent()) {
      $0.tenantLimits.tenants[TenantID("acme")!] = Self.limit { $0.concurrentRequests = 2 }
    }
    let open = [try rig.client(), try rig.client()]
    for client in open { try client.send(Self.request("acme")) }
    try rig.waitFor(.attempts, 2)
    let late = try rig.client()

    try late.send(Self.request("acme"))
    let refused = try late.readResponse()
    open[0].reset()
    try rig.waitFor(.endedClientAbort, 1)
    try late.send(Self.request("acme"))
    try rig.waitFor(.attempts, 3)
    late.close()
    open[1].close()
    let usage = try rig.finish()

    #expect(refused.status == 429)
    #expect(refused.head.value("retry-after") == "1")
    #expect(
      String(decoding: refused.body, as: UTF8.self).contains("\"tenant_concurrency_limited\""))
    #expect(rig.counter(.tenantConcurrencyLimited) == 1)
    #expect(usage["acme/api", .requests] == 4)
    try Self.checkCell(rig, usage, "acme")
  }

  @Test func `a tenant for whom there is no cell is counted`() throws {
    let rig = try ProxyRig(try TimeoutTests.silent()) {
      var limit = TenantLimit()
      limit.concurrentRequests = 5
      $0.tenantLimits.defaultLimit = limit
      $0.tenantLimits.cellsMax = 8
    }
    let clients = try (0..<10).map { _ in try rig.client() }

    for (number, client) in clients.enumerated() {
      try client.send(Self.request("t\(number)"))
      try rig.waitFor(.attempts, UInt64(number + 1))
    }
    let without = rig.counter(.tenantCellsExhausted)
    for client in clients { client.reset() }
    try rig.awaitIdle()
    _ = try rig.finish()

    #expect(without == 2)
  }

  @Test func `a tenant has only so many tunnels`() throws {
    let rig = try ProxyRig(try TunnelTests.echo()) {
      $0.tenantLimits.tenants[TenantID("acme")!] = Self.limit { $0.openStreams = 1 }
    }
    let (first, second) = (try rig.client(), try rig.client())

    try first.send(TunnelTests.request)
    #expect(try #require(try first.readHead()).hasPrefix("HTTP/1.1 101 "))
    try second.send(TunnelTests.request)
    let refused = try second.readResponse()
    first.shutdownSending()
    _ = try first.readToEnd()
    first.close()
    try rig.waitFor(.endedCompleted, 1)
    try second.send(TunnelTests.request)
    let head = try second.readHead()
    second.shutdownSending()
    _ = try second.readToEnd()
    second.close()
    let usage = try rig.finish()

    #expect(refused.status == 429)
    #expect(String(decoding: refused.body, as: UTF8.self).contains("\"tenant_streams_limited\""))
    #expect(head?.hasPrefix("HTTP/1.1 101 ") == true)
    #expect(rig.counter(.tenantStreamsLimited) == 1)
    #expect(usage["acme/api", .attempts] == 2)
    try Self.checkCell(rig, usage, "acme")
  }

  @Test func `an event stream over the limit is answered 429 and its upstream let go`() throws {
    let origin = try Origin { connection in
      guard try connection.head() != nil else { return }
      try connection.send(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
      _ = try connection.drain()
    }
    let rig = try ProxyRig(origin) {
      $0.tenantLimits.defaultLimit = Self.limit { $0.openStreams = 1 }.own
    }
    let (first, second) = (try rig.client(), try rig.client())

    try first.send(Self.request("acme"))
    #expect(try #require(try first.readHead()).hasPrefix("HTTP/1.1 200 "))
    try second.send(Self.request("acme"))
    let refused = try second.readResponse()
    try second.send(Self.request("bolt"))
    let other = try second.readHead()
    first.close()
    second.close()
    let usage = try rig.finish()

    #expect(refused.status == 429)
    #expect(other?.hasPrefix("HTTP/1.1 200 ") == true)
    #expect(usage["acme/api", .endedRejected] == 1)
    #expect(usage["acme/api", .attempts] == 2)
    // Both answers were read whole, and the head of the refused one counts once.
    #expect(usage[.upstreamResponseBytes] == origin.bytesSent)
    for tenant in ["acme", "bolt"] { try Self.checkCell(rig, usage, tenant) }
  }

  @Test func `a blocked tenant is answered 403, also when it is blocked while the proxy serves`()
    throws
  {
    let rig = try ProxyRig(try Origin.answering(ok())) {
      $0.tenantLimits.tenants[TenantID("acme")!] = Self.limit { $0.isBlocked = true }
      $0.tenantLimits.tenants[.unattributed] = Self.limit { $0.isBlocked = true }
    }
    let client = try rig.client()

    try client.send(Self.request("acme"))
    let blocked = try client.readResponse()
    try client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    let nameless = try client.readResponse()
    try client.send(Self.request("bolt"))
    let before = try client.readResponse()
    rig.server.updateTenantLimits(
      registered: [TenantID("bolt")!],
      limits: [TenantID("bolt")!: Self.limit { $0.isBlocked = true }])
    var after = 200
    try awaitCondition("the register's block") {
      try client.send(Self.request("bolt"))
      after = try client.readResponse().status
      return after != 200
    }
    client.close()
    let usage = try rig.finish()

    #expect(blocked.status == 403)
    #expect(blocked.head.value("retry-after") == nil)
    #expect(String(decoding: blocked.body, as: UTF8.self).contains("\"tenant_blocked\""))
    #expect(rig.counter(.tenantBlocked) == 3)
    #expect(nameless.status == 403)
    #expect(before.status == 200)
    #expect(after == 403)
    #expect(usage["acme/api", .attempts] == 0)
    #expect(usage["~unattributed/api", .endedRejected] == 1)
    try Self.checkCell(rig, usage, "acme")
    try Self.checkCell(rig, usage, "~unattributed")
  }

  @Test(arguments: [true, false])
  func `bytes over the bandwidth wait, in both directions`(isUpload: Bool) throws {
    let content = String(repeating: "x", count: 300_000)
    let origin = try Origin.answering { head, body in
      isUpload ? ok("\(body.count)") : ok(content)
    }
    let rig = try ProxyRig(origin) {
      $0.tenantLimits.tenants[TenantID("acme")!] = Self.limit {
        $0.bytesPerSecond = 200_000
        $0.bytesBurst = 10_000
      }
    }
    let client = try rig.client(timeoutMilliseconds: 30_000)
    let before = Clocks.monotonicMilliseconds()

    try client.send(Self.request("acme", body: isUpload ? content : ""))
    let response = try client.readResponse()
    let elapsed = Clocks.monotonicMilliseconds() - before
    client.close()
    let usage = try rig.finish()

    #expect(response.status == 200)
    #expect(response.body == Array((isUpload ? "300000" : content).utf8))
    // 300,000 bytes without the burst and one round of 131,072 bytes that may be overdrawn: 0.79 s at this rate.
    #expect(elapsed >= 700)
    #expect(rig.counter(.tenantPauses) > 0)
    #expect(rig.counter(.pacedConnections) == 0)
    #expect(usage["acme/api", .endedCompleted] == 1)
    try Self.checkCell(rig, usage, "acme")
  }

  @Test func `a client that leaves while it rests is counted, and leaves the list`() throws {
    let rig = try ProxyRig(try Origin.answering(ok(String(repeating: "x", count: 2_000_000)))) {
      $0.tenantLimits.tenants[TenantID("acme")!] = Self.limit { $0.bytesPerSecond = 65_536 }
    }
    let client = try rig.client()

    try client.send(Self.request("acme"))
    try rig.waitFor(.pacedConnections) { $0 == 1 }
    client.reset()
    try rig.waitFor(.endedClientAbort, 1)
    try rig.waitFor(.pacedConnections) { $0 == 0 }
    let usage = try rig.finish()

    try Self.checkCell(rig, usage, "acme")
  }

  @Test func `whatever clients do, the cells hold what was billed`() throws {
    let origin = try Origin.answering { head, body in
      ok(String(repeating: "y", count: 1 + body.count * 3))
    }
    let rig = try ProxyRig(origin) {
      $0.workers = 2
      $0.tenantLimits.defaultLimit =
        Self.limit {
          $0.requestsPerSecond = 200
          $0.concurrentRequests = 3
          $0.bytesPerSecond = 8_000_000
        }.own
    }
    let seed = TestSeed()
    let tenants = ["acme", "bolt", "crux"]
    var threads: [SpawnedThread] = []
    for index in 0..<6 {
      threads.append(
        try SpawnedThread { [port = rig.port()] in
          var random = seed.generator(case: index)
          for _ in 0..<25 {
            guard let client = try? RawClient(port: port) else { continue }
            let tenant = tenants[Int(random.next() % 3)]
            let body = String(repeating: "b", count: Int(random.next() % 60_000))
            try? client.send(Self.request(tenant, body: body))
            switch random.next() % 4 {
            case 0: client.reset()
            case 1:
              _ = try? client.readHead()
              client.reset()
            default:
              _ = try? client.readResponse()
              client.close()
            }
          }
        })
    }
    for thread in threads { thread.join() }
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(usage[.requests] > 100, "\(seed)")
    for tenant in tenants { try Self.checkCell(rig, usage, tenant) }
  }
}
