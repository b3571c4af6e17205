import Glibc
import PlainHTTP
import Platform
import TestSupport
import Testing
import Usage

@testable import Proxy

@Suite struct HostileTests {
  static let request = "GET / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n\r\n"

  @Test func `a flood of pipelined requests is served in order with bounded memory`() throws {
    let origin = try Origin.answering(ok())
    let rig = try ProxyRig(origin)
    let client = try rig.client()
    let count = 3_000

    let sender = try SpawnedThread { [socket = client.socket] in
      let block = Array(String(repeating: Self.request, count: 100).utf8)
      for _ in 0..<(count / 100) { try? socket.send(block) }
    }
    for _ in 0..<count {
      #expect(try client.readResponse().status == 200)
    }
    #expect(rig.counter(.lentBuffers) <= 4)
    sender.join()
    let (sent, received) = (client.socket.bytesSent, client.socket.bytesReceived)
    client.close()
    let usage = try rig.finish()

    #expect(usage["acme/api", .requests] == UInt64(count))
    #expect(usage["acme/api", .requestBytes] == sent)
    #expect(usage["acme/api", .responseBytes] == received)
  }

  @Test func `a storm of resets at every moment loses no count and no buffer`() throws {
    let origin = try Origin { connection in
      while let head = try connection.head() {
        _ = try connection.body(head)
        try connection.send(ok(String(repeating: "x", count: 20_000)))
      }
    }
    let rig = try ProxyRig(origin)
    let seed = TestSeed()
    var generator = seed.generator
    let message =
      "PUT / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\nTransfer-Encoding: chunked\r\n\r\n"
      + "5\r\nabcde\r\n0\r\n\r\n"

    for _ in 0..<300 {
      let client = try rig.client()
      let count = Int.random(in: 0...message.utf8.count, using: &generator)
      try client.send(Array(message.utf8.prefix(count)))
      if Bool.random(using: &generator) {
        _ = client.socket.isReadable(withinMilliseconds: 1)
        if client.socket.isReadable(withinMilliseconds: 0) { _ = try? client.readBytes(100) }
      }
      if Bool.random(using: &generator) { client.reset() } else { client.close() }
    }
    try rig.awaitIdle()
    // What is left is one buffer at most for each answer that an upstream still sends to nobody: none.
    try rig.waitFor(.lentBuffers) { $0 == 0 }
    let usage = try rig.finish()

    #expect(
      usage[.endedCompleted] + usage[.endedClientAbort] == usage[.requests], "\(seed)")
    #expect(usage[.accepted] == 300, "\(seed)")
  }

  @Test func `many connections that say nothing hold no buffers and end by themselves`() throws {
    let rig = try ProxyRig(try Origin.answering(ok())) { $0.timeouts.firstHeadMilliseconds = 1_000 }
    let clients = try (0..<200).map { _ in try rig.client() }

    try rig.waitFor(.downstreamConnections) { $0 == 200 }
    #expect(rig.counter(.lentBuffers) == 0)
    for client in clients { #expect(try client.readToEnd().isEmpty) }
    for client in clients { client.close() }
    let usage = try rig.finish()

    #expect(usage[.accepted] == 200)
    #expect(usage[.requests] == 0)
    #expect(usage[.receivedBytes] == 0)
  }

  @Test func `half-open connections with half a head each hold one buffer and end by themselves`()
    throws
  {
    let rig = try ProxyRig(try Origin.answering(ok())) {
      $0.timeouts.requestHeadMilliseconds = 1_000
    }
    let clients = try (0..<100).map { _ in try rig.client() }

    for client in clients { try client.send("GET / HTTP/1.1\r\nX: ") }
    try rig.waitFor(.lentBuffers) { $0 == 100 }
    for client in clients { #expect(try client.readResponse().status == 408) }
    for client in clients { client.close() }
    try rig.awaitIdle()
    #expect(rig.counter(.lentBuffers) == 0)
    let usage = try rig.finish()

    #expect(usage["~unattributed/~none", .requests] == 100)
    #expect(usage["~unattributed/~none", .endedRejected] == 100)
  }

  @Test(arguments: [
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly",
    "220 smtp.example.com ESMTP\r\n\r\n",
  ])
  func `an upstream that speaks before it is asked breaks nothing`(greeting: String) throws {
    let origin = try Origin { connection in
      try connection.send(greeting)
      _ = try connection.drain()
    }
    // A greeting is used up by the first request on its connection; a second one there gets no answer.
    let rig = try ProxyRig(origin) { $0.timeouts.responseHeadMilliseconds = 300 }

    for request in [Self.request, TunnelTests.request] {
      let client = try rig.client()
      try client.send(request)
      let head = try #require(try client.readHead())
      #expect(head.hasPrefix("HTTP/1.1 "))
      client.shutdownSending()
      _ = try? client.readToEnd()
      client.close()
    }
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(usage[.requests] == 2)
    #expect(
      usage[.endedCompleted] + usage[.endedUpstreamFailure] + usage[.endedClientAbort] == 2)
  }

  @Test func `an upstream that answers before a large head is sent keeps the plan whole`() throws {
    let origin = try Origin { connection in
      connection.socket.setOption(1, 8, 32_768)
      try connection.send(TunnelTests.switching + "early")
      _ = try connection.drain()
    }
    let rig = try ProxyRig(origin) {
      $0.limits.headBytesMax = 262_144
      $0.limits.bufferBytes = 1 << 20
    }

    for _ in 0..<2 {
      let client = try rig.client()
      let padding = String(repeating: "p", count: 200_000)
      try client.send(
        TunnelTests.request.dropLast(1) + "X-Padding: \(padding)\r\n\r\n" + "after the head")
      #expect(try client.readHead()?.hasPrefix("HTTP/1.1 101 ") == true)
      #expect(try client.readBytes(5) == Array("early".utf8))
      client.shutdownSending()
      _ = try? client.readToEnd()
      client.close()
    }
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(usage["acme/api", .endedCompleted] == 2)
    #expect(usage["acme/api", .upstreamRequestBytes] == origin.bytesReceived)
  }

  @Test func `a tenant cannot be claimed by any spelling from a stranger`() throws {
    let origin = try Origin.answering(ok())
    let rig = try ProxyRig(origin) {
      $0.listeners[0].trusted = []
      $0.tenants.rules.append(TenantRule(.hostLabel(suffix: ".example.com")))
    }
    let client = try rig.client()

    for name in ["X-Tenant", "x-tenant", "X-Weir-Tenant", "x_weir_tenant", "X_TENANT", "x.tenant"] {
      try client.send("GET / HTTP/1.1\r\nHost: real.example.com\r\n\(name): victim\r\n\r\n")
      #expect(try client.readResponse().status == 200)
    }
    client.close()
    let usage = try rig.finish()

    #expect(usage.keys == ["real/api"])
    #expect(usage["real/api", .requests] == 6)
    #expect(origin.heads.allSatisfy { $0.contains("\r\nx-weir-tenant: real\r\n") })
    #expect(origin.heads.allSatisfy { !$0.contains("victim") })
    #expect(rig.counter(.tenantHeadersIgnored) >= 2)
  }

  @Test func `an answer cannot be split by what a client sends`() throws {
    let origin = try Origin.answering { head, _ in
      "HTTP/1.1 302 Found\r\nLocation: \(head.start[1])\r\nContent-Length: 0\r\n\r\n"
    }
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    try client.send("GET /a%0d%0aSet-Cookie:%20x HTTP/1.1\r\nHost: h\r\n\r\n")
    let response = try client.readResponse()
    client.close()
    _ = try rig.finish()

    #expect(response.head.value("location") == "/a%0d%0aSet-Cookie:%20x")
    #expect(response.head.value("set-cookie") == nil)
  }

  @Test func `a proxy out of descriptors waits instead of spinning, and comes back`() throws {
    let faults = SyscallFaults()
    let rig = try ProxyRig(try Origin.answering(ok()), syscalls: Syscalls(faults: faults))
    faults.failAll(.accept, with: 24)

    let client = try rig.client()
    try client.send(Self.request)
    try rig.waitFor(.acceptFailures) { $0 >= 2 }
    #expect(rig.counter(.turns) < 100)
    faults.recover()
    #expect(try client.readResponse().status == 200)
    client.close()
    let usage = try rig.finish()

    #expect(usage[.requests] == 1)
    #expect(rig.counter(.acceptFailures) < 100)
  }

  @Test(arguments: [
    (Syscall.epollControl, ENOMEM), (.epollControl, ENOSPC), (.socket, EMFILE), (.socket, ENFILE),
    (.socket, ENOBUFS), (.connect, EADDRNOTAVAIL),
  ])
  func `a connection that cannot be made for want of the kernel is a 503 or refused`(
    call: Syscall, code: Int32
  ) throws {
    let faults = SyscallFaults()
    let rig = try ProxyRig(try Origin.answering(ok()), syscalls: Syscalls(faults: faults))
    let client = try rig.client()
    try rig.waitFor(.downstreamConnections) { $0 == 1 }
    faults.failAll(call, with: code)

    try client.send(Self.request)
    let response = try client.readResponse()
    #expect(response.status == 503)
    #expect(response.head.value("retry-after") == "1")
    #expect(response.head.value("connection") == nil)
    #expect(
      String(decoding: response.body, as: UTF8.self).contains("connection_resources_exhausted"))
    if call == .epollControl {
      let refused = try rig.client()
      #expect((try? refused.readToEnd()) ?? [] == [])
      refused.close()
    }
    faults.recover()
    try client.send(Self.request)
    #expect(try client.readResponse().status == 200)
    client.close()
    let usage = try rig.finish()

    #expect(rig.counter(.acceptFailures) == (call == .epollControl ? 1 : 0))
    #expect(rig.counter(.connectionResourcesExhausted) == 1)
    #expect(usage["acme/api", .failedAttempts] == 1)
    #expect(usage["acme/api", .endedUpstreamFailure] == 1)
    #expect(usage[.refused] == (call == .epollControl ? 1 : 0))
  }

  @Test(arguments: [(EMFILE, false), (ENETUNREACH, true)])
  func `want of our own blames no address and tries no other, unlike an address that refuses`(
    code: Int32, isBlamed: Bool
  ) throws {
    let origin = try Origin.answering(ok())
    let faults = SyscallFaults()
    let rig = try ProxyRig(
      upstream: [origin.port, origin.port], origins: [origin], syscalls: Syscalls(faults: faults)
    ) { $0.upstreams[0].ejection.failures = 2 }
    let client = try rig.client()
    try rig.waitFor(.downstreamConnections) { $0 == 1 }

    faults.failAll(.connect, with: code)
    for _ in 0..<8 {
      try client.send(Self.request)
      #expect(try client.readResponse().status == (isBlamed ? 502 : 503))
    }
    faults.recover()
    try client.send(Self.request)
    #expect(try client.readResponse().status == 200)
    client.close()
    let usage = try rig.finish()

    #expect(usage["acme/api", .attempts] == (isBlamed ? 17 : 9))
    #expect(usage["acme/api", .failedAttempts] == (isBlamed ? 16 : 8))
    #expect(rig.counter(.retriesConnect) == (isBlamed ? 8 : 0))
    #expect((rig.counter(.upstreamEjections) > 0) == isBlamed)
    #expect(rig.counter(.connectionResourcesExhausted) == (isBlamed ? 0 : 8))
  }

  @Test(arguments: [104, 12])
  func `whatever call to the kernel fails, the laws hold and nothing hangs`(code: Int32) throws {
    let origin = try Origin { connection in
      while let head = try connection.head() {
        _ = try connection.body(head)
        try connection.send(
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
      }
    }
    for position in 0..<30 {
      let faults = SyscallFaults(
        failing: position, of: [.accept, .recv, .send, .connect], with: code)
      let rig = try ProxyRig(origin, syscalls: Syscalls(faults: faults))
      let client = try rig.client(timeoutMilliseconds: 2_000)
      for _ in 0..<4 {
        try? client.send(
          "PUT / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "5\r\nabcde\r\n0\r\n\r\n")
        guard let response = try? client.readResponse() else { break }
        #expect([200, 502, 503].contains(response.status), "position \(position)")
      }
      client.close()
      let usage = try rig.finish()
      let good = usage[.endedCompleted]
      let bad = usage[.endedUpstreamFailure] + usage[.endedClientAbort]
      #expect(good + bad == usage[.requests], "position \(position)")
      #expect(bad <= 1, "position \(position)")
    }
  }

  @Test func `sends that are cut anywhere are taken back to the byte`() throws {
    let content = String(repeating: "0123456789", count: 800)
    let origin = try Origin.answering { head, _ in
      head.start[1] == "/chunked"
        ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1f40\r\n\(content)\r\n0\r\n\r\n"
        : ok(content)
    }
    let rig = try ProxyRig(origin) { $0.routes[0].host = "h" }
    let client = try rig.client()
    let requests = ["/chunked", "/length"].map {
      "GET \($0) HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n\r\n"
    }
    let lost = "GET / HTTP/1.1\r\nHost: other\r\nX-Tenant: acme\r\n\r\n"
    // More than the kernel's buffers hold: it then takes sends in part, wherever that falls.
    let rounds = 900

    let sender = try SpawnedThread { [socket = client.socket] in
      let block = Array((requests[0] + lost + requests[1]).utf8)
      for _ in 0..<rounds { try? socket.send(block) }
    }
    // The flow stops long before the last answer, with one of them cut.
    try Self.awaitStillness(rig)
    #expect(rig.live(.requests) < UInt64(rounds * 3))
    for _ in 0..<rounds {
      #expect(try client.readResponse().body.count == 8_000)
      #expect(try client.readResponse().status == 404)
      #expect(try client.readResponse().body.count == 8_000)
    }
    sender.join()
    let (sent, received) = (client.socket.bytesSent, client.socket.bytesReceived)
    client.close()
    let usage = try rig.finish()

    #expect(
      usage.counts("acme/api") == [
        .requests: 1_800, .responses2xx: 1_800, .endedCompleted: 1_800, .attempts: 1_800,
        .requestBytes: UInt64(rounds * (requests[0].utf8.count + requests[1].utf8.count)),
        .responseBytes: received - usage["acme/~none", .responseBytes],
        .responseBodyBytes: 14_400_000, .upstreamRequestBytes: origin.bytesReceived,
        .upstreamResponseBytes: origin.bytesSent,
      ])
    #expect(usage["acme/~none", .endedRejected] == 900)
    #expect(usage["acme/~none", .responses4xx] == 900)
    #expect(usage[.requestBytes] == sent)
  }

  /// Waits until nothing more is handed to clients.
  static func awaitStillness(_ rig: ProxyRig) throws {
    var last: UInt64 = 0
    try awaitCondition("the flow to stop") {
      let now = rig.live(.responseBytes)
      defer { last = now }
      Clocks.pause(milliseconds: 80)
      return now == last && now > 0
    }
  }

  @Test func `a head that is cut is an answer once, when its last byte is taken`() throws {
    let padding = String(repeating: "p", count: 12_000)
    let origin = try Origin.answering("HTTP/1.1 204 No Content\r\nX-Padding: \(padding)\r\n\r\n")
    let rig = try ProxyRig(origin)
    let client = try rig.client()
    let rounds = 900

    let sender = try SpawnedThread { [socket = client.socket] in
      for _ in 0..<rounds { try? socket.send(Array(Self.request.utf8)) }
    }
    try Self.awaitStillness(rig)
    // All that is answered in full, and nothing of the one that is cut.
    let answered = rig.live(.responses2xx)
    #expect(answered == rig.live(.endedCompleted))
    #expect(answered < rig.live(.requests))
    for _ in 0..<rounds { #expect(try client.readResponse().status == 204) }
    sender.join()
    let received = client.socket.bytesReceived
    client.close()
    let usage = try rig.finish()

    #expect(usage["acme/api", .responses2xx] == UInt64(rounds))
    #expect(usage["acme/api", .endedCompleted] == UInt64(rounds))
    #expect(usage["acme/api", .responseBytes] == received)
    #expect(usage["acme/api", .responseBodyBytes] == 0)
  }

  @Test func `an end that is cut takes its time back with it`() throws {
    let content = String(repeating: "c", count: 60_000)
    let origin = try Origin.answering { _, _ in
      Clocks.pause(milliseconds: 10)
      return ok(content)
    }
    let rig = try ProxyRig(origin)
    let client = try rig.client()
    let rounds = 180

    let sender = try SpawnedThread { [socket = client.socket] in
      // A tenant for each request: its duration and its one observation must agree.
      for round in 0..<rounds {
        let text = "GET / HTTP/1.1\r\nHost: h\r\nX-Tenant: t\(round)\r\n\r\n"
        try? socket.send(Array(text.utf8))
      }
    }
    try Self.awaitStillness(rig)
    #expect(rig.live(.endedCompleted) < UInt64(rounds))
    for _ in 0..<rounds { #expect(try client.readResponse().body.count == 60_000) }
    sender.join()
    client.close()
    let usage = try rig.finish()

    #expect(usage[.endedCompleted] == UInt64(rounds))
    #expect(usage[.responseBodyBytes] == UInt64(rounds * 60_000))
  }
}
