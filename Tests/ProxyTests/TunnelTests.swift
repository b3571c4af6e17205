import PlainHTTP
import TestSupport
import Testing
import Usage

@testable import Proxy

@Suite struct TunnelTests {
  static let request =
    "GET /chat HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\nConnection: Upgrade\r\n"
    + "Upgrade: websocket\r\n\r\n"
  static let switching =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

  /// Echoes until the client's end of stream, then says goodbye.
  static func echo() throws -> Origin {
    try Origin { connection in
      guard try connection.head() != nil else { return }
      try connection.send(switching)
      while let piece = try connection.reader.some(atMost: 4_096) { try connection.send(piece) }
      try connection.send("bye")
    }
  }

  @Test func `bytes go both ways, half-close is kept, and every byte is counted`() throws {
    let origin = try Self.echo()
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    try client.send(Self.request + "early")
    let head = try #require(try client.readHead())
    #expect(head.hasPrefix("HTTP/1.1 101 "))
    #expect(head.contains("Upgrade: websocket\r\n"))
    #expect(try client.readBytes(5) == Array("early".utf8))
    let big = [UInt8](repeating: 7, count: 300_000)
    let sender = try SpawnedThread { [socket = client.socket] in
      try? socket.send(big)
      socket.shutdownSending()
    }
    #expect(try client.readToEnd() == big + Array("bye".utf8))
    sender.join()
    let (sent, received) = (client.socket.bytesSent, client.socket.bytesReceived)
    client.close()
    let usage = try rig.finish()

    #expect(
      usage.counts("acme/api") == [
        .requests: 1, .responses2xx: 1, .endedCompleted: 1, .attempts: 1, .requestBytes: sent,
        .responseBytes: received, .requestBodyBytes: 300_005, .responseBodyBytes: 300_008,
        .upstreamRequestBytes: origin.bytesReceived, .upstreamResponseBytes: origin.bytesSent,
      ])
    #expect(usage[.receivedBytes] == 0)
    #expect(origin.heads[0].contains("Connection: Upgrade\r\nUpgrade: websocket\r\n"))
  }

  @Test func `open time is counted while the tunnel is open`() throws {
    let origin = try Self.echo()
    let rig = try ProxyRig(origin)
    let client = try rig.client()
    let before = Clocks.monotonicMilliseconds()

    try client.send(Self.request)
    _ = try client.readHead()
    let opened = Clocks.monotonicMilliseconds()
    try rig.waitFor(.streamMilliseconds, 200)
    let closed = Clocks.monotonicMilliseconds()
    client.shutdownSending()
    #expect(try client.readToEnd() == Array("bye".utf8))
    client.close()
    let after = Clocks.monotonicMilliseconds()
    let usage = try rig.finish()

    let streamed = usage["acme/api", .streamMilliseconds]
    #expect(streamed + 260 >= closed - opened)
    #expect(streamed <= after - before)
  }

  @Test func `open time shorter than a sweep is counted at the end`() throws {
    let origin = try Self.echo()
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    try client.send(Self.request)
    _ = try client.readHead()
    let opened = Clocks.monotonicMilliseconds()
    try awaitCondition("some open time") { Clocks.monotonicMilliseconds() - opened > 100 }
    client.shutdownSending()
    #expect(try client.readToEnd() == Array("bye".utf8))
    let least = Clocks.monotonicMilliseconds() - opened - 20
    client.close()
    let usage = try rig.finish()

    #expect(usage["acme/api", .streamMilliseconds] >= least)
    #expect(usage["acme/api", .upstreamMicroseconds] >= least * 1_000)
  }

  @Test func `the upstream may end first`() throws {
    let origin = try Origin { connection in
      guard try connection.head() != nil else { return }
      try connection.send(Self.switching + "last words")
      connection.socket.shutdownSending()
      _ = try connection.drain()
    }
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    try client.send(Self.request)
    _ = try client.readHead()
    #expect(try client.readToEnd() == Array("last words".utf8))
    try client.send("still listening")
    client.shutdownSending()
    try awaitCondition("the upstream's end") { origin.finished == 1 }
    let sent = client.socket.bytesSent
    client.close()
    let usage = try rig.finish()

    #expect(usage["acme/api", .endedCompleted] == 1)
    #expect(usage["acme/api", .requestBytes] == sent)
    #expect(usage["acme/api", .upstreamRequestBytes] == origin.bytesReceived)
  }

  @Test func `a client that speaks on to an upstream that is gone ends the tunnel`() throws {
    let origin = try Origin { connection in
      guard try connection.head() != nil else { return }
      try connection.send(Self.switching)
    }
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    try client.send(Self.request)
    _ = try client.readHead()
    #expect(try client.readToEnd().isEmpty)
    try awaitCondition("the end of the exchange") {
      try? client.send("x")
      return rig.counter(.openExchanges) == 0
    }
    client.close()
    let usage = try rig.finish()

    #expect(usage["acme/api", .endedCompleted] + usage["acme/api", .endedUpstreamFailure] == 1)
    #expect(usage["acme/api", .requestBytes] + usage[.receivedBytes] <= client.socket.bytesSent)
  }

  @Test func `a reset of the client reaches the upstream and is the client's doing`() throws {
    let origin = try Self.echo()
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    try client.send(Self.request)
    _ = try client.readHead()
    try client.send("abc")
    #expect(try client.readBytes(3) == Array("abc".utf8))
    let (sent, received) = (client.socket.bytesSent, client.socket.bytesReceived)
    client.reset()
    try awaitCondition("the upstream's reset") { origin.finished == 1 }
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(origin.faults.count == 1)
    #expect(usage["acme/api", .endedClientAbort] == 1)
    #expect(usage["acme/api", .requestBytes] == sent)
    #expect(usage["acme/api", .responseBytes] == received)
  }

  @Test func `a reset of the upstream reaches the client and is the upstream's doing`() throws {
    let gate = Gate()
    let origin = try Origin { connection in
      guard try connection.head() != nil else { return }
      try connection.send(Self.switching)
      try gate.wait()
      connection.socket.resetOnClose()
    }
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    try client.send(Self.request)
    _ = try client.readHead()
    gate.pass()
    #expect(throws: SocketError.self) { try client.readToEnd() }
    client.close()
    let usage = try rig.finish()

    #expect(usage["acme/api", .endedUpstreamFailure] == 1)
    #expect(usage["acme/api", .failedAttempts] == 1)
    #expect(usage["acme/api", .responses2xx] == 1)
  }

  @Test(arguments: [
    ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", TunnelTests.switching),
    (
      "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
      TunnelTests.switching
    ),
    (
      TunnelTests.request.replacing("X-Tenant: acme\r\n", with: ""),
      "HTTP/1.1 101 Switching Protocols\r\n\r\n"
    ),
  ])
  func `a 101 that was not asked for is no answer`(request: String, answer: String) throws {
    let origin = try Origin { connection in
      guard try connection.head() != nil else { return }
      try connection.send(answer + "GET / HTTP/1.1\r\n\r\n")
      _ = try connection.drain()
    }
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    try client.send(request)
    let response = try client.readResponse()
    #expect(response.status == 502)
    client.close()
    let usage = try rig.finish()

    #expect(usage[.endedUpstreamFailure] == 1)
    #expect(usage[.upstreamResponseBytes] == origin.bytesSent)
    #expect(usage[.responses5xx] == 1)
    #expect(usage[.responses2xx] == 0)
    #expect(rig.counter(.malformedResponses) == 1)
  }

  @Test func `a tunnel without traffic is cut off in the end`() throws {
    let origin = try Self.echo()
    let rig = try ProxyRig(origin) { $0.timeouts.streamMilliseconds = 50 }
    let client = try rig.client()

    try client.send(Self.request)
    _ = try client.readHead()
    #expect(throws: SocketError.self) { try client.readToEnd() }
    client.close()
    #expect(rig.counter(.timeoutsStream) == 1)
    let usage = try rig.finish()

    #expect(usage["acme/api", .endedDrained] == 1)
  }
}
