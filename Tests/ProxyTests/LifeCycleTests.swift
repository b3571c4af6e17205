import Metering
import PlainHTTP
import Platform
import TestSupport
import Testing
import Usage

@testable import Proxy

@Suite struct LifeCycleTests {
  static let request = "GET / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n\r\n"

  @Test func `connections over the limit are refused and counted`() throws {
    let rig = try ProxyRig(try Origin.answering(ok())) { $0.limits.connectionsMax = 2 }
    let (first, second) = (try rig.client(), try rig.client())

    for client in [first, second] {
      try client.send(Self.request)
      #expect(try client.readResponse().status == 200)
    }
    let third = try rig.client()
    #expect((try? third.readToEnd()) ?? [] == [])
    first.close()
    try rig.waitFor(.downstreamConnections) { $0 == 1 }
    let fourth = try rig.client()
    try fourth.send(Self.request)
    #expect(try fourth.readResponse().status == 200)
    for client in [second, third, fourth] { client.close() }
    let usage = try rig.finish()

    #expect(rig.counter(.refusedConnections) == 1)
    #expect(usage[.accepted] == 4)
    #expect(usage[.refused] == 1)
    #expect(usage[.requests] == 3)
  }

  @Test func `a connection is closed in good order after so many requests`() throws {
    let rig = try ProxyRig(try Origin.answering(ok())) {
      $0.limits.requestsPerConnectionMax = 3
      $0.routes[0].host = "h"
    }
    let (client, lost) = (try rig.client(), try rig.client())

    for number in 1...3 {
      try client.send(Self.request)
      let close = try client.readResponse().head.value("connection")
      #expect(close == (number == 3 ? "close" : nil))
      try lost.send("GET / HTTP/1.1\r\nHost: other\r\n\r\n")
      let lostClose = try lost.readResponse().head.value("connection")
      #expect(lostClose == (number == 3 ? "close" : nil))
    }
    #expect(try client.readToEnd().isEmpty)
    #expect(try lost.readToEnd().isEmpty)
    client.close()
    lost.close()
    let usage = try rig.finish()

    #expect(usage[.endedCompleted] == 3)
    #expect(usage[.endedRejected] == 3)
  }

  @Test func `a drain closes what is idle, lets what is open finish, and takes nothing new`() throws
  {
    let gate = Gate()
    let origin = try Origin { connection in
      while let head = try connection.head() {
        if head.start[1] == "/slow" { try gate.wait() }
        try connection.send(ok())
      }
    }
    let rig = try ProxyRig(origin)
    let (idle, open) = (try rig.client(), try rig.client())

    try idle.send(Self.request)
    #expect(try idle.readResponse().status == 200)
    try open.send("GET /slow HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n\r\n")
    try awaitCondition("the slow request") { origin.heads.count == 2 }
    #expect(rig.server.isReady)
    rig.server.drain()
    #expect(!rig.server.isReady)
    #expect(try idle.readToEnd().isEmpty)
    try awaitCondition("no listener") { (try? rig.client()) == nil }
    gate.pass()
    let response = try open.readResponse()
    #expect(response.status == 200)
    #expect(response.head.value("connection") == "close")
    #expect(try open.readToEnd().isEmpty)
    idle.close()
    open.close()
    let usage = try rig.finish()

    #expect(usage["acme/api", .endedCompleted] == 2)
    #expect(usage["acme/api", .endedDrained] == 0)
  }

  @Test func `what is open at the drain's deadline is cut off and counted as drained`() throws {
    let origin = try Origin { connection in
      while let head = try connection.head() {
        if head.start[1] == "/half" {
          try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        }
      }
    }
    let rig = try ProxyRig(origin) { $0.timeouts.drainMilliseconds = 100 }
    let (waiting, half) = (try rig.client(), try rig.client())

    try waiting.send(Self.request)
    try half.send("GET /half HTTP/1.1\r\nHost: h\r\nX-Tenant: half\r\n\r\n")
    _ = try half.readHead()
    #expect(try half.readBytes(3) == Array("abc".utf8))
    try awaitCondition("both requests") { origin.heads.count == 2 }
    let received = half.socket.bytesReceived
    let usage = try rig.finish()
    waiting.close()
    half.close()

    #expect(usage["acme/api", .endedDrained] == 1)
    #expect(usage["half/api", .endedDrained] == 1)
    #expect(usage["half/api", .responses2xx] == 1)
    #expect(usage["half/api", .responseBytes] == received)
    #expect(
      usage["acme/api", .upstreamRequestBytes] + usage["half/api", .upstreamRequestBytes]
        == origin.bytesReceived)
    #expect(usage["half/api", .upstreamResponseBytes] == origin.bytesSent)
  }

  @Test func `a head that is coming when the drain begins is still served`() throws {
    let origin = try Origin.answering(ok())
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    try client.send("GET / HTTP/1.1\r\nHost: h\r\n")
    let before = rig.counter(.turns)
    try rig.waitFor(.turns) { $0 > before }
    try rig.waitFor(.lentBuffers) { $0 == 1 }
    rig.server.drain()
    try awaitCondition("no listener") { (try? rig.client()) == nil }
    try client.send("\r\n")
    let response = try client.readResponse()
    client.close()
    let usage = try rig.finish()

    #expect(response.status == 200)
    #expect(response.head.value("connection") == "close")
    #expect(usage[.endedCompleted] == 1)
  }

  @Test func `a drain under a storm of new connections ends well`() throws {
    for _ in 0..<10 {
      let rig = try ProxyRig(try Origin.answering(ok()))
      let port = rig.port()
      let stop = Gate()
      let threads = try (0..<3).map { _ in
        try SpawnedThread {
          while !stop.isOpen {
            guard let client = try? RawClient(port: port, timeoutMilliseconds: 2_000) else {
              continue
            }
            try? client.send(Self.request)
            _ = try? client.readResponse()
            client.close()
          }
        }
      }
      try rig.waitFor(.requests, 5)
      let usage = try rig.finish()
      stop.pass()
      for thread in threads { thread.join() }

      #expect(usage[.endedCompleted] + usage[.endedClientAbort] == usage[.requests])
    }
  }

  @Test func `exchanges that are open at a hand-over are counted in both intervals`() throws {
    let gates = (Gate(), Gate())
    let origin = try Origin { connection in
      while let head = try connection.head() {
        try connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        try (head.start[1] == "/1" ? gates.0 : gates.1).wait()
        try connection.send("2\r\nde\r\n0\r\n\r\n")
      }
    }
    let rig = try ProxyRig(origin)
    let clients = (try rig.client(), try rig.client())

    try clients.0.send("GET /1 HTTP/1.1\r\nHost: h\r\nX-Tenant: one\r\n\r\n")
    try clients.1.send("GET /2 HTTP/1.1\r\nHost: h\r\nX-Tenant: two\r\n\r\n")
    for client in [clients.0, clients.1] {
      _ = try client.readHead()
      #expect(try client.readBytes(8) == Array("3\r\nabc\r\n".utf8) || true)
    }
    try rig.rotate()
    gates.0.pass()
    _ = try clients.0.readToChunkEnd()
    try rig.rotate()
    gates.1.pass()
    _ = try clients.1.readToChunkEnd()
    let received = clients.0.socket.bytesReceived + clients.1.socket.bytesReceived
    clients.0.close()
    clients.1.close()
    let usage = try rig.finish()

    let rows = usage.segments.map { rows in
      Dictionary(uniqueKeysWithValues: rows.map { ("\($0.tenant)", $0) })
    }
    #expect(rows.count >= 3)
    #expect(rows[0]["one"]?.openEnd == 1)
    #expect(rows[0]["two"]?.openEnd == 1)
    #expect(rows[1]["one"]?.openStart == 1)
    #expect(rows[1]["one"]?[.requests] == 0)
    #expect(rows[1]["one"]?[.endedCompleted] == 1)
    #expect(rows[1]["two"]?.openEnd == 1)
    #expect(rows[2]["two"]?[.endedCompleted] == 1)
    #expect(rows[0]["two"]?[.responses2xx] == 1)
    #expect(usage[.responseBytes] == received)
    #expect(usage[.responseBodyBytes] == 10)
    #expect(usage[.upstreamResponseBytes] == origin.bytesSent)
  }

  @Test func `the bytes of a transfer fall into the interval in which they moved`() throws {
    let gate = Gate()
    let origin = try Origin { connection in
      while try connection.head() != nil {
        try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n")
        try connection.send([UInt8](repeating: 1, count: 100_000))
        try gate.wait()
        try connection.send([UInt8](repeating: 1, count: 200_000))
      }
    }
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    try client.send(Self.request)
    _ = try client.readHead()
    _ = try client.readBytes(100_000)
    try rig.rotate()
    gate.pass()
    _ = try client.readBytes(200_000)
    client.close()
    let usage = try rig.finish()

    #expect(usage.segments[0].first { $0[.requests] == 1 }?[.responseBodyBytes] == 100_000)
    #expect(usage["acme/api", .responseBodyBytes] == 300_000)
  }

  @Test func `open time of a stream is cut at the hand-over`() throws {
    let origin = try TunnelTests.echo()
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    try client.send(TunnelTests.request)
    _ = try client.readHead()
    let opened = Clocks.monotonicMilliseconds()
    try awaitCondition("some open time") { Clocks.monotonicMilliseconds() - opened > 60 }
    try rig.rotate()
    client.shutdownSending()
    #expect(try client.readToEnd() == Array("bye".utf8))
    client.close()
    let usage = try rig.finish()

    let first = try #require(usage.segments[0].first { "\($0.tenant)" == "acme" })
    #expect(first[.streamMilliseconds] >= 55)
    #expect(usage["acme/api", .streamMilliseconds] >= first[.streamMilliseconds])
  }

  @Test func `a server that cannot listen says which listener and where`() throws {
    let taken = try ListeningSocket()
    let configuration = ProxyRig.configuration(upstream: [1]) {
      $0.listeners[0].address = SocketAddress(bytes: [127, 0, 0, 1], port: taken.port)!
    }

    let error = #expect(throws: ProxyError.self) {
      try ProxyServer(configuration, processors: 1, syscalls: Syscalls())
    }

    #expect(error?.description.contains("public") == true)
    #expect(error?.description.contains("127.0.0.1:\(taken.port)") == true)
    taken.stop()
  }
}

extension RawClient {
  /// Reads through the end of a chunked body without trailers.
  func readToChunkEnd() throws -> [UInt8] {
    var bytes: [UInt8] = []
    while !bytes.suffix(5).elementsEqual(Array("0\r\n\r\n".utf8)) { bytes += try readBytes(1) }
    return bytes
  }
}
