import PlainHTTP
import TestSupport
import Testing
import Usage

@testable import Proxy

@Suite struct AbortTests {
  @Test(arguments: [true, false])
  func `a client that goes in the middle of a head belongs to the connection only`(
    resets: Bool
  ) throws {
    let origin = try Origin.answering(ok())
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    try client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    #expect(try client.readResponse().status == 200)
    try client.send("GET /half HTT")
    if resets { client.reset() } else { client.close() }
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(usage[.requests] == 1)
    if !resets { #expect(usage[.receivedBytes] == 13) }
    #expect(usage[.requestBytes] == 27)
    #expect(usage[.closed] == 1)
  }

  @Test(
    arguments: ["Content-Length: 100\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n64\r\n"],
    [
      true, false,
    ])
  func `a client that goes during its upload is charged what came`(
    framing: String, resets: Bool
  ) throws {
    let origin = try Origin { connection in
      guard try connection.head() != nil else { return }
      _ = try connection.drain()
    }
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    try client.send("PUT / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n" + framing + "0123456789")
    let sent = client.socket.bytesSent
    try rig.waitFor(.requestBytes, sent)
    if resets { client.reset() } else { client.close() }
    try rig.awaitIdle()
    try awaitCondition("the upstream's end") { origin.finished == 1 }
    let usage = try rig.finish()

    #expect(
      usage.counts("acme/api") == [
        .requests: 1, .endedClientAbort: 1, .attempts: 1, .requestBytes: sent,
        .requestBodyBytes: 10, .upstreamRequestBytes: origin.bytesReceived,
      ])
    #expect(usage[.receivedBytes] == 0)
  }

  @Test(arguments: [
    ("Content-Length: 20\r\n\r\n0123456789", 10),
    ("Content-Length: 4\r\n\r\n0123GET /", 4),
    ("Transfer-Encoding: chunked\r\n\r\na\r\n01234567", 0),
  ])
  func `a client that goes while the upstream is being connected is charged what came`(
    rest: String, content: Int
  ) throws {
    let (listener, fillers) = try TimeoutTests.fullListener()
    let rig = try ProxyRig(upstream: [listener.port])
    let client = try rig.client()

    try client.send("PUT / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n" + rest)
    let sent = client.socket.bytesSent
    try rig.waitFor(.requests, 1)
    client.reset()
    try rig.awaitIdle()
    let usage = try rig.finish()
    listener.stop()
    for filler in fillers { filler.close() }

    let surplus: UInt64 = content == 4 ? 5 : 0
    #expect(
      usage.counts("acme/api")
        == [
          .requests: 1, .endedClientAbort: 1, .attempts: 1, .requestBytes: sent - surplus,
          .requestBodyBytes: UInt64(content),
        ].filter { $0.value > 0 })
    #expect(usage[.receivedBytes] == surplus)
    #expect(usage["acme/api", .upstreamMicroseconds] > 0)
  }

  @Test func `a client that goes while it waits is an abort with its bytes`() throws {
    let origin = try Origin { connection in
      guard try connection.head() != nil else { return }
      _ = try connection.drain()
    }
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    try client.send("GET / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n\r\n")
    let sent = client.socket.bytesSent
    try awaitCondition("the request") { origin.heads.count == 1 }
    client.reset()
    try rig.awaitIdle()
    try awaitCondition("the upstream's end") { origin.finished == 1 }
    let usage = try rig.finish()

    #expect(
      usage.counts("acme/api") == [
        .requests: 1, .endedClientAbort: 1, .attempts: 1, .requestBytes: sent,
        .upstreamRequestBytes: origin.bytesReceived,
      ])
    #expect(usage["acme/api", .durationMicroseconds] > 0)
    #expect(usage["acme/api", .upstreamMicroseconds] > 0)
  }

  @Test func `a client that goes during the download is charged what was handed over`() throws {
    let origin = try Origin { connection in
      guard try connection.head() != nil else { return }
      try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n0123456789")
      _ = try connection.drain()
    }
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    try client.send("GET / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n\r\n")
    _ = try client.readHead()
    #expect(try client.readBytes(10) == Array("0123456789".utf8))
    let (sent, received) = (client.socket.bytesSent, client.socket.bytesReceived)
    client.reset()
    try rig.awaitIdle()
    try awaitCondition("the upstream's end") { origin.finished == 1 }
    let usage = try rig.finish()

    #expect(
      usage.counts("acme/api") == [
        .requests: 1, .responses2xx: 1, .endedClientAbort: 1, .attempts: 1, .requestBytes: sent,
        .responseBytes: received, .responseBodyBytes: 10,
        .upstreamRequestBytes: origin.bytesReceived, .upstreamResponseBytes: origin.bytesSent,
      ])
  }

  @Test func `a client that stops reading holds the upstream back and is aborted in the end`()
    throws
  {
    let content = [UInt8](repeating: 1, count: 1 << 20)
    let origin = try Origin { connection in
      guard try connection.head() != nil else { return }
      try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
      while true { try connection.send(content) }
    }
    let rig = try ProxyRig(origin) { $0.timeouts.clientWriteMilliseconds = 400 }
    let client = try rig.client()

    try client.send("GET / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n\r\n")
    _ = try client.readHead()
    try rig.waitFor(.openExchanges) { $0 == 0 }
    let usage = try rig.finish()
    _ = try? client.readToEnd()
    let received = client.socket.bytesReceived
    client.close()

    #expect(usage["acme/api", .endedClientAbort] == 1)
    #expect(usage["acme/api", .failedAttempts] == 0)
    // What the upstream could hand over is what the two sockets' kernel buffers hold, not the gigabyte.
    #expect(origin.bytesSent < 64 << 20)
    #expect(usage["acme/api", .responseBytes] >= received)
    #expect(
      usage["acme/api", .responseBodyBytes] <= usage["acme/api", .upstreamResponseBytes])
    #expect(rig.counter(.timeoutsClientWrite) == 1)
  }

  @Test func `a client that goes while Weir answers by itself is an abort`() throws {
    let rig = try ProxyRig(upstream: [1]) { $0.routes[0].host = "h" }

    // Whether the answer or the reset is first is the kernel's choice; each is exactly one end.
    for _ in 0..<50 {
      let client = try rig.client()
      try client.send("GET / HTTP/1.1\r\nHost: other\r\n\r\n")
      client.reset()
    }
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(usage[.endedRejected] + usage[.endedClientAbort] == usage[.requests])
    #expect(usage[.accepted] <= 50)
  }
}
