import Metering
import PlainHTTP
import Platform
import Synchronization
import TestSupport
import Testing
import Usage

@testable import Proxy

/// Doing without when memory or descriptors run short, denied peers, and connections by address.
@Suite struct OverloadTests {
  @Test(arguments: [
    (0, 84, 0), (0, 85, 1), (0, 92, 2), (0, 97, 3), (0, 100, 3), (1, 80, 1), (1, 79, 0), (2, 87, 2),
    (2, 86, 1), (3, 92, 3), (3, 91, 2), (3, 10, 2), (1, 99, 3), (2, 84, 1),
  ])
  func `a level is entered at its share and left below it, one at a look`(
    from: Int, percent: Int, to: Int
  ) throws {
    let level = try #require(OverloadLevel(rawValue: from))

    #expect(level.next(percent: percent, OverloadConfiguration()).rawValue == to)
  }

  @Test func `the larger share counts, and what has no bound does not`() {
    var reading = OverloadReading()
    #expect(reading.percent == 0)
    reading.memoryBytes = 50_000
    reading.descriptors = 900
    #expect(reading.percent == 0)
    reading.memoryBytesMax = 100_000
    #expect(reading.percent == 50)
    reading.descriptorsMax = 1_000
    #expect(reading.percent == 90)
  }

  @Test func `a monitor moves the level with what it reads, and hands notices on`() throws {
    let enforcement = Enforcement(TenantLimitConfiguration())
    let descriptors = Atomic<Int>(10)
    let events = Mutex<[EnforcementEvent]>([])
    let monitor = try OverloadMonitor(
      OverloadConfiguration(), enforcement, syscalls: Syscalls(),
      read: { _ in
        var reading = OverloadReading()
        reading.descriptors = descriptors.load(ordering: .relaxed)
        reading.descriptorsMax = 100
        return reading
      }, report: { event in events.withLock { $0.append(event) } })

    monitor.look()
    #expect(!enforcement.overload.isOn)
    descriptors.store(98, ordering: .relaxed)
    for number in 0..<(TenantLimitNotices.keptMax + 2) {
      enforcement.notices.add(TenantLimitNotice(tenant: "t\(number)", code: "tenant_blocked"))
    }
    monitor.look()
    #expect(enforcement.overload.level == .stopped)
    descriptors.store(0, ordering: .relaxed)
    for _ in 0..<3 { monitor.look() }

    #expect(enforcement.overload.level == .none)
    let seen = events.withLock { $0 }
    #expect(seen.count { if case .limited = $0 { true } else { false } } == 32)
    #expect(seen.contains(.limitedNotTold(2)))
    #expect(seen.count { if case .level = $0 { true } else { false } } == 4)
  }

  @Test func `what the kernel tells of descriptors is believed`() {
    let count = DescriptorCount(exactly: { 1_234 }, listing: { 7 })

    #expect(count.look(connections: 5_000) == 1_234)
  }

  @Test func `without its word connections are fresh, and the rest is listed now and then`() {
    let listed = Atomic<Int>(130)
    let listings = Atomic<Int>(0)
    let count = DescriptorCount(
      exactly: { nil },
      listing: {
        listings.wrappingAdd(1, ordering: .relaxed)
        return listed.load(ordering: .relaxed)
      })

    #expect(count.look(connections: 100) == 130)
    listed.store(500, ordering: .relaxed)
    for _ in 1..<DescriptorCount.looksPerListing {
      #expect(count.look(connections: 300) == 330)
    }
    #expect(count.look(connections: 300) == 500)
    #expect(count.look(connections: 10) == 210)

    #expect(listings.load(ordering: .relaxed) == 2)
  }

  @Test func `a listing that fails leaves what was known`() {
    let works = Atomic<Bool>(true)
    let count = DescriptorCount(
      exactly: { nil }, listing: { works.load(ordering: .relaxed) ? 90 : nil })

    #expect(count.look(connections: 50) == 90)
    works.store(false, ordering: .relaxed)
    for _ in 1...DescriptorCount.looksPerListing { #expect(count.look(connections: 60) == 100) }
  }

  /// One route for each priority, and a tenant `vip` of high priority.
  private static func rig() throws -> ProxyRig {
    try ProxyRig(try Origin.answering(ok())) {
      var low = RouteConfiguration(name: RouteName("low")!, upstream: "origin")
      low.path = "/low"
      low.priority = .low
      $0.routes.append(low)
      var vip = PlannedTenantLimit()
      vip.own.priority = .high
      $0.tenantLimits.tenants[TenantID("vip")!] = vip
    }
  }

  private static func status(_ rig: ProxyRig, _ path: String, _ tenant: String) throws -> Int {
    let client = try rig.client()
    try client.send("GET \(path) HTTP/1.1\r\nHost: h\r\nX-Tenant: \(tenant)\r\n\r\n")
    let response = try client.readResponse()
    let closes = response.head.value("connection") == "close"
    #expect(closes == rig.server.enforcement.overload.isOn)
    client.close()
    return response.status
  }

  @Test(arguments: [(0, 200, 200), (1, 200, 200), (2, 503, 200)])
  func `requests are refused by priority, and connections end`(
    level: Int, low: Int, normal: Int
  ) throws {
    let rig = try Self.rig()
    rig.server.enforcement.overload.set(try #require(OverloadLevel(rawValue: level)))

    #expect(try Self.status(rig, "/low", "acme") == low)
    #expect(try Self.status(rig, "/", "acme") == normal)
    #expect(try Self.status(rig, "/low", "vip") == 200)
    rig.server.enforcement.overload.set(.none)
    let usage = try rig.finish()

    let shed: UInt64 = low == 503 ? 1 : 0
    #expect(rig.counter(.shedLow) == shed)
    #expect(usage["acme/low", .endedRejected] == shed)
    #expect(usage["acme/low", .attempts] == 1 - shed)
  }

  @Test func `at the last level nothing is accepted, and high priority is served`() throws {
    let rig = try Self.rig()
    let (normal, vip) = (try rig.client(), try rig.client())
    try rig.waitFor(.downstreamConnections) { $0 == 2 }
    rig.server.enforcement.overload.set(.stopped)
    let waiting = try rig.client()

    try normal.send("GET / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n\r\n")
    let refused = try normal.readResponse()
    try vip.send("GET / HTTP/1.1\r\nHost: h\r\nX-Tenant: vip\r\n\r\n")
    let served = try vip.readResponse()
    try waiting.send("GET / HTTP/1.1\r\nHost: h\r\nX-Tenant: vip\r\n\r\n")
    let isAnswered = waiting.socket.isReadable(withinMilliseconds: 300)
    rig.server.enforcement.overload.set(.none)
    let late = try waiting.readResponse()
    for client in [normal, vip, waiting] { client.close() }
    _ = try rig.finish()

    #expect(refused.status == 503)
    #expect(refused.head.value("retry-after") == "1")
    #expect(String(decoding: refused.body, as: UTF8.self).contains("\"overloaded\""))
    #expect(served.status == 200)
    #expect(!isAnswered)
    #expect(late.status == 200)
    #expect(rig.counter(.shedNormal) == 1)
  }

  @Test func `kept connections are closed, and new ones may ask first`() throws {
    let rig = try Self.rig()
    let (kept, new) = (try rig.client(), try rig.client())
    try kept.send("GET / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n\r\n")
    #expect(try kept.readResponse().status == 200)
    try rig.waitFor(.downstreamConnections) { $0 == 2 }

    rig.server.enforcement.overload.set(.closing)
    #expect(try kept.readToEnd().isEmpty)
    try new.send("GET / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n\r\n")
    let response = try new.readResponse()
    #expect(try new.readToEnd().isEmpty)
    rig.server.enforcement.overload.set(.none)
    kept.close()
    new.close()
    _ = try rig.finish()

    #expect(response.status == 200)
    #expect(rig.counter(.overloadClosed) == 1)
  }

  @Test func `a denied peer is closed before a byte is read`() throws {
    let rig = try ProxyRig(try Origin.answering(ok())) {
      $0.listeners[0].denied = [AddressRange("127.0.0.0/8")!]
    }
    let client = try rig.client()

    let rest = try? client.readToEnd()
    client.close()
    try rig.waitFor(.refusedDenied) { $0 == 1 }
    let usage = try rig.finish()

    #expect(rest == nil || rest == [])
    #expect(usage[.refused] == 1)
    #expect(usage[.requests] == 0)
  }

  @Test func `an address has only so many connections, and a closed one makes room`() throws {
    let rig = try ProxyRig(try Origin.answering(ok())) {
      $0.workers = 2
      $0.limits.connectionsPerAddressMax = 2
    }
    let first = try rig.client()
    let second = try rig.client()
    try rig.waitFor(.downstreamConnections) { $0 == 2 }
    let third = try rig.client()

    let rest = try? third.readToEnd()
    third.close()
    try rig.waitFor(.refusedPerAddress) { $0 == 1 }
    first.close()
    try rig.waitFor(.downstreamConnections) { $0 == 1 }
    let fourth = try rig.client()
    try fourth.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    let response = try fourth.readResponse()
    second.close()
    fourth.close()
    _ = try rig.finish()

    #expect(rest == nil || rest == [])
    #expect(response.status == 200)
    #expect(rig.server.enforcement.addresses.addresses == 0)
  }

  @Test func `denied peers change with a reload, for connections that come after it`() throws {
    let rig = try ProxyRig(try Origin.answering(ok()))
    let request = "GET / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n\r\n"
    let open = try rig.client()
    try open.send(request)
    #expect(try open.readResponse().status == 200)

    try rig.reload { $0.listeners[0].denied = [AddressRange("127.0.0.0/8")!] }
    let refused = try rig.client()
    let rest = try? refused.readToEnd()
    try rig.waitFor(.refusedDenied) { $0 == 1 }
    try open.send(request)
    let served = try open.readResponse()
    try rig.reload { $0.listeners[0].denied = [] }
    let later = try rig.client()
    try later.send(request)
    let allowed = try later.readResponse()
    for client in [open, refused, later] { client.close() }
    let usage = try rig.finish()

    #expect(rest == nil || rest == [])
    #expect([served.status, allowed.status] == [200, 200])
    #expect(usage[.refused] == 1)
  }

  @Test func `connections by address are bounded, and no more, after reloads`() throws {
    let rig = try ProxyRig(try Origin.answering(ok()))
    var clients = [try rig.client()]
    try rig.waitFor(.downstreamConnections) { $0 == 1 }

    try rig.reload { $0.limits.connectionsPerAddressMax = 1 }
    // The first came before the bound and is not counted under it.
    clients.append(try rig.client())
    try rig.waitFor(.downstreamConnections) { $0 == 2 }
    clients.append(try rig.client())
    try rig.waitFor(.refusedPerAddress) { $0 == 1 }
    #expect(rig.server.enforcement.addresses.addresses == 1)
    try rig.reload { $0.limits.connectionsPerAddressMax = 0 }
    clients.append(try rig.client())
    try rig.waitFor(.downstreamConnections) { $0 == 3 }
    for client in clients { client.close() }
    _ = try rig.finish()

    #expect(rig.counter(.refusedPerAddress) == 1)
    #expect(rig.server.enforcement.addresses.addresses == 0)
  }

  @Test func `the shares of overload change with a reload`() throws {
    let rig = try ProxyRig(try Origin.answering(ok())) { $0.overload.memoryBytesMax = 1 << 50 }
    let levels = Mutex<[Int]>([])
    let count = DescriptorCount(exactly: { 64 }, listing: { nil })
    try rig.server.startMonitor(descriptorsMax: 100, count) { event in
      if case .level(let level, _) = event { levels.withLock { $0.append(level) } }
    }

    try rig.reload {
      $0.overload.closePercent = 50
      $0.overload.shedPercent = 60
      $0.overload.stopPercent = 70
    }
    try awaitCondition("a level") { rig.server.overloadLevel == 2 }
    try rig.reload {
      $0.overload = OverloadConfiguration()
      $0.overload.memoryBytesMax = 1 << 50
    }
    try awaitCondition("the end of it") { rig.server.overloadLevel == 0 }
    _ = try rig.finish()

    #expect(levels.withLock { $0 } == [2, 1, 0])
    #expect(rig.server.descriptors == (64, 100))
  }

  @Test func `behind a balancer it is the announced client that is denied and counted`() throws {
    let rig = try ProxyRig(try Origin.answering(ok())) {
      $0.listeners[0].expectsProxyHeader = true
      $0.listeners[0].denied = [AddressRange("198.51.100.0/24")!]
      $0.limits.connectionsPerAddressMax = 1
    }
    func announce(_ address: String) throws -> RawClient {
      let client = try rig.client()
      try client.send(
        "PROXY TCP4 \(address) 127.0.0.1 1 2\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n")
      return client
    }
    let (first, other) = (try announce("203.0.113.1"), try announce("203.0.113.2"))
    let statuses = [try first.readResponse().status, try other.readResponse().status]
    let (second, denied) = (try announce("203.0.113.1"), try announce("198.51.100.7"))

    let rest = [try? second.readToEnd(), try? denied.readToEnd()]
    try rig.waitFor(.refusedPerAddress) { $0 == 1 }
    try rig.waitFor(.refusedDenied) { $0 == 1 }
    for client in [first, other, second, denied] { client.close() }
    let usage = try rig.finish()

    #expect(statuses == [200, 200])
    #expect(rest.allSatisfy { $0 == nil || $0 == [] })
    #expect(usage[.requests] == 2)
    #expect(rig.server.enforcement.addresses.addresses == 0)
  }

  @Test(arguments: [
    ("10.0.0.1:1", "10.0.0.1:2", true), ("10.0.0.1:1", "10.0.0.2:1", false),
    ("10.0.0.1:1", "[::ffff:10.0.0.1]:9", true),
    ("[2001:db8::1]:1", "[2001:db8::ffff:1]:1", true),
    ("[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false), ("[::1]:1", "127.0.0.1:1", false),
  ])
  func `addresses that one host has count together`(one: String, other: String, isSame: Bool)
    throws
  {
    let (left, right) = (try #require(SocketAddress(one)), try #require(SocketAddress(other)))

    #expect((AddressCounts.key(left.bytes) == AddressCounts.key(right.bytes)) == isSame)
    #expect(AddressCounts.key(left.bytes) != 0)
  }
}
