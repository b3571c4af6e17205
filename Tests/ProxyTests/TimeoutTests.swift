import Glibc
import PlainHTTP
import Platform
import TestSupport
import Testing
import Usage

@testable import Proxy

@Suite struct TimeoutTests {
  static let request = "GET / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n\r\n"

  /// Reads requests and never answers.
  static func silent() throws -> Origin {
    try Origin { connection in
      guard try connection.head() != nil else { return }
      _ = try connection.drain()
    }
  }

  @Test func `a head that does not arrive in time is one rejected request`() throws {
    let rig = try ProxyRig(try Self.silent()) { $0.timeouts.requestHeadMilliseconds = 50 }
    let client = try rig.client()

    try client.send("GET / HTTP/1.1\r\nHo")
    let response = try client.readResponse()
    #expect(try client.readToEnd().isEmpty)
    client.close()
    let usage = try rig.finish()

    #expect(response.status == 408)
    #expect(rig.counter(.timeoutsRequestHead) == 1)
    #expect(
      usage.counts("~unattributed/~none") == [
        .requests: 1, .responses4xx: 1, .endedRejected: 1, .requestBytes: 18,
        .responseBytes: response.bytes, .responseBodyBytes: UInt64(response.body.count),
      ])
    #expect(usage[.receivedBytes] == 0)
  }

  @Test func `a head that drips is not given more time by each byte`() throws {
    let rig = try ProxyRig(try Self.silent()) { $0.timeouts.requestHeadMilliseconds = 600 }
    let client = try rig.client()
    let start = Clocks.monotonicMilliseconds()

    try awaitCondition("the answer") {
      try? client.send("G")
      return client.socket.isReadable(withinMilliseconds: 50)
    }
    let response = try client.readResponse()
    client.close()
    _ = try rig.finish()

    #expect(response.status == 408)
    #expect(Clocks.monotonicMilliseconds() - start < 5_000)
  }

  @Test func `an idle connection is closed without an answer and its idle time counted`() throws {
    let rig = try ProxyRig(try Origin.answering(ok())) {
      $0.timeouts.keepAliveMilliseconds = 300
      $0.timeouts.firstHeadMilliseconds = 300
    }
    let (fresh, used) = (try rig.client(), try rig.client())

    try used.send(Self.request)
    #expect(try used.readResponse().status == 200)
    #expect(try used.readToEnd().isEmpty)
    #expect(try fresh.readToEnd().isEmpty)
    fresh.close()
    used.close()
    let usage = try rig.finish()

    #expect(rig.counter(.timeoutsKeepAlive) == 1)
    #expect(rig.counter(.timeoutsFirstHead) == 1)
    #expect(usage[.requests] == 1)
    #expect(usage[.idleMilliseconds] >= 590)
    #expect(usage[.idleMilliseconds] < 5_000)
  }

  @Test func `idle time between two requests is the connection's`() throws {
    let rig = try ProxyRig(try Origin.answering(ok()))
    let client = try rig.client()

    try client.send(Self.request)
    #expect(try client.readResponse().status == 200)
    let start = Clocks.monotonicMilliseconds()
    try awaitCondition("some idle time") { Clocks.monotonicMilliseconds() - start > 80 }
    try rig.waitFor(.upstreamIdleConnections) { $0 == 1 }
    #expect(rig.counter(.upstreamConnections) == 1)
    try client.send(Self.request)
    #expect(try client.readResponse().status == 200)
    client.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(usage[.idleMilliseconds] >= 70)
    #expect(usage["acme/api", .durationMicroseconds] < 10_000_000)
  }

  @Test func `a body that stops coming is a rejected request`() throws {
    let origin = try Self.silent()
    let rig = try ProxyRig(origin) { $0.timeouts.bodyMilliseconds = 50 }
    let client = try rig.client()

    try client.send("PUT / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\nContent-Length: 9\r\n\r\nabc")
    let response = try client.readResponse()
    #expect(try client.readToEnd().isEmpty)
    let sent = client.socket.bytesSent
    client.close()
    let usage = try rig.finish()

    #expect(response.status == 408)
    #expect(rig.counter(.timeoutsBody) == 1)
    #expect(usage["acme/api", .endedRejected] == 1)
    #expect(usage["acme/api", .failedAttempts] == 0)
    #expect(usage["acme/api", .requestBytes] == sent)
    #expect(usage["acme/api", .requestBodyBytes] == 3)
  }

  @Test(arguments: [
    "Content-Length: 1000000000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n3b9aca00\r\n",
  ])
  func `an upstream that stops taking the body is a failure of the upstream`(
    framing: String
  ) throws {
    let gate = Gate()
    let origin = try Origin { connection in
      guard try connection.head() != nil else { return }
      try gate.wait()
    }
    let rig = try ProxyRig(origin) {
      $0.timeouts.bodyMilliseconds = 300
      $0.timeouts.responseHeadMilliseconds = 300
    }
    let client = try rig.client()

    try client.send("PUT / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n" + framing)
    let sender = try SpawnedThread { [socket = client.socket] in
      let piece = [UInt8](repeating: 0x61, count: 1 << 16)
      while (try? socket.send(piece)) != nil {}
    }
    let response = try client.readResponse()
    client.socket.shutdown()
    sender.join()
    gate.pass()
    let sent = client.socket.bytesSent
    client.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(response.status == 504)
    #expect(rig.counter(.timeoutsResponseHead) == 1)
    #expect(usage["acme/api", .endedUpstreamFailure] == 1)
    #expect(usage["acme/api", .failedAttempts] == 1)
    #expect(usage[.requestBytes] + usage[.receivedBytes] <= sent)
    #expect(usage["acme/api", .requestBytes] < 64 << 20)
  }

  @Test func `an upstream that does not answer in time is a 504`() throws {
    let origin = try Self.silent()
    let rig = try ProxyRig(origin) { $0.timeouts.responseHeadMilliseconds = 50 }
    let client = try rig.client()

    try client.send(Self.request)
    let response = try client.readResponse()
    client.close()
    try awaitCondition("the upstream's end") { origin.finished == 1 }
    let usage = try rig.finish()

    #expect(response.status == 504)
    #expect(String(decoding: response.body, as: UTF8.self).contains("\"upstream_timeout\""))
    #expect(rig.counter(.timeoutsResponseHead) == 1)
    #expect(
      usage.counts("acme/api") == [
        .requests: 1, .responses5xx: 1, .endedUpstreamFailure: 1, .attempts: 1, .failedAttempts: 1,
        .requestBytes: UInt64(Self.request.utf8.count), .responseBytes: response.bytes,
        .responseBodyBytes: UInt64(response.body.count),
        .upstreamRequestBytes: origin.bytesReceived,
      ])
    #expect(usage["acme/api", .upstreamMicroseconds] >= 50_000)
  }

  /// A listener whose queue is full drops the handshake, so that connecting neither succeeds nor fails.
  static func fullListener() throws -> (ListeningSocket, [Socket]) {
    let listener = try ListeningSocket(backlog: 0)
    let fillers = (0..<4).compactMap { _ in
      try? Socket.connect(port: listener.port, timeoutMilliseconds: 100)
    }
    return (listener, fillers)
  }

  @Test func `an upstream that cannot be reached in time is a 504`() throws {
    let (listener, fillers) = try Self.fullListener()
    let rig = try ProxyRig(upstream: [listener.port]) { $0.timeouts.connectMilliseconds = 50 }
    let client = try rig.client()

    try client.send(Self.request)
    let response = try client.readResponse()
    client.close()
    let usage = try rig.finish()
    listener.stop()
    for filler in fillers { filler.close() }

    #expect(response.status == 504)
    #expect(String(decoding: response.body, as: UTF8.self).contains("upstream_connect_timeout"))
    #expect(rig.counter(.timeoutsConnect) == 1)
    #expect(usage["acme/api", .endedUpstreamFailure] == 1)
    #expect(usage["acme/api", .failedAttempts] == 1)
    #expect(usage["acme/api", .upstreamRequestBytes] == 0)
  }

  @Test func `a body of the upstream that stops is cut off and is its failure`() throws {
    let origin = try Origin { connection in
      guard try connection.head() != nil else { return }
      try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
      _ = try connection.drain()
    }
    let rig = try ProxyRig(origin) { $0.timeouts.bodyMilliseconds = 50 }
    let client = try rig.client()

    try client.send(Self.request)
    #expect(throws: SocketError.self) { try client.readResponse() }
    let received = client.socket.bytesReceived
    client.close()
    let usage = try rig.finish()

    #expect(rig.counter(.timeoutsBody) == 1)
    #expect(usage["acme/api", .endedUpstreamFailure] == 1)
    #expect(usage["acme/api", .failedAttempts] == 1)
    #expect(usage["acme/api", .responseBytes] == received)
    #expect(usage["acme/api", .upstreamResponseBytes] == origin.bytesSent)
  }

  @Test func `a client that reads no answer of Weir's own is an abort in the end`() throws {
    let rig = try ProxyRig(upstream: [1]) {
      $0.routes[0].host = "h"
      $0.limits.requestsPerConnectionMax = 1_000_000
      $0.timeouts.clientWriteMilliseconds = 300
    }
    let client = try rig.client()

    let sender = try SpawnedThread { [socket = client.socket] in
      let block = Array(
        String(repeating: "GET / HTTP/1.1\r\nHost: other\r\n\r\n", count: 1_000).utf8)
      while (try? socket.send(block)) != nil {}
    }
    try rig.waitFor(.timeoutsClientWrite) { $0 == 1 }
    try rig.awaitIdle()
    client.socket.shutdown()
    sender.join()
    client.close()
    let usage = try rig.finish()

    #expect(usage[.endedClientAbort] == 1)
    #expect(usage[.endedRejected] == usage[.requests] - 1)
  }

  @Test func `an answer of our own that the client's socket does not take is cut off`() throws {
    // The kernel says "later", and nothing ever says "now".
    let faults = SyscallFaults(failing: 0, of: [.send], with: EAGAIN)
    let rig = try ProxyRig(try Self.silent(), syscalls: Syscalls(faults: faults)) {
      $0.timeouts.clientWriteMilliseconds = 200
      $0.routes[0].host = "other.example"
    }
    let client = try rig.client()

    try client.send(Self.request)
    #expect(try client.readToEnd().isEmpty)
    client.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(rig.counter(.timeoutsClientWrite) == 1)
    #expect(usage[.endedClientAbort] == 1)
    #expect(usage[.responseBytes] == 0)
  }

  @Test func `an answer that nobody reads to its end does not hold a drained connection`() throws {
    let rig = try ProxyRig(try Self.silent()) { $0.timeouts.lingerMilliseconds = 50 }
    let client = try rig.client()

    try client.send("GET / HTTP/9.9\r\n\r\n" + String(repeating: "x", count: 100))
    #expect(try client.readResponse().status == 505)
    try rig.waitFor(.downstreamConnections) { $0 == 0 }
    let sent = client.socket.bytesSent
    client.close()
    let usage = try rig.finish()

    #expect(usage[.requestBytes] + usage[.receivedBytes] == sent)
  }

  @Test func `an upstream connection that nobody needs is closed after a while`() throws {
    let origin = try Origin.answering(ok())
    let rig = try ProxyRig(origin) { $0.timeouts.upstreamIdleMilliseconds = 50 }
    let client = try rig.client()

    try client.send(Self.request)
    #expect(try client.readResponse().status == 200)
    try awaitCondition("the upstream connection's end") { origin.finished == 1 }
    client.close()
    let usage = try rig.finish()

    #expect(usage[.endedCompleted] == 1)
  }
}
