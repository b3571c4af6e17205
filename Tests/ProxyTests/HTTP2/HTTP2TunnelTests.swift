import Foundation
import PlainHTTP
import TestSupport
import Testing
import Usage

@testable import Proxy

/// WebSockets as streams of HTTP/2 (RFC 8441).
@Suite struct HTTP2TunnelTests {
  private typealias Client = HTTP2Client

  static func connect(
    _ tenant: String, protocol name: String = "websocket", _ fields: [(String, String)] = []
  ) -> [(String, String)] {
    [
      (":method", "CONNECT"), (":protocol", name), (":scheme", "http"), (":path", "/chat"),
      (":authority", "h"), ("x-tenant", tenant), ("sec-websocket-version", "13"),
    ] + fields
  }

  @Test func `bytes go both ways, both ends are kept, and each stream's frames are its tenant's`()
    throws
  {
    let origin = try TunnelTests.echo()
    let rig = try http2Rig(origin)
    let client = try rig.http2()
    let big = pattern(200_000)

    for (id, tenant) in [(1, "one"), (3, "two")] as [(UInt32, String)] {
      try client.send(
        head: Self.connect(tenant, [("sec-websocket-key", "theirs")]), stream: id, ends: false)
    }
    try client.send(data: Array("early".utf8), stream: 1)
    try client.upload(big, stream: 3, ends: true)
    let second = try client.finish(3)
    try client.send(data: [], stream: 1, ends: true)
    let first = try client.finish(1)
    try client.leave()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(first.status == 200 && second.status == 200)
    #expect(first.body == Array("earlybye".utf8))
    #expect(second.body == big + Array("bye".utf8))
    #expect(first.hasEnded && second.hasEnded)
    #expect(first["upgrade"] == nil && first["connection"] == nil)
    for (tenant, stream) in [("one", first), ("two", second)] {
      let key = "\(tenant)/api"
      #expect(usage[key, .requestBytes] == stream.bytesSent)
      #expect(usage[key, .responseBytes] == stream.bytesReceived)
      #expect(usage[key, .requestBodyBytes] + 3 == UInt64(stream.body.count))
      #expect(usage[key, .responseBodyBytes] == UInt64(stream.body.count))
      #expect(usage[key, .responses2xx] == 1)
      #expect(usage[key, .endedCompleted] == 1)
    }
    usage.expectEveryByte(of: [client])
    let head = origin.heads[0]
    #expect(head.hasPrefix("GET /chat HTTP/1.1\r\n"))
    #expect(head.contains("Connection: Upgrade\r\nUpgrade: websocket\r\n"))
    let keys = try origin.heads.map { head in
      let line = try #require(
        head.components(separatedBy: "\r\n")
          .first { $0.lowercased().hasPrefix("sec-websocket-key: ") })
      return String(line.dropFirst("sec-websocket-key: ".count))
    }
    #expect(Data(base64Encoded: keys[0])?.count == 16)
    #expect(keys[0] != keys[1])
  }

  @Test func `an upstream that ends first is told to the client, which may go on`() throws {
    let origin = try Origin { connection in
      guard try connection.head() != nil else { return }
      try connection.send(
        TunnelTests.switching.replacingOccurrences(
          of: "\r\n\r\n", with: "\r\nSec-WebSocket-Accept: x\r\n\r\n") + "hello")
      connection.socket.shutdownSending()
      _ = try connection.drain()
    }
    let rig = try http2Rig(origin)
    let client = try rig.http2()

    try client.send(head: Self.connect("acme"), stream: 1, ends: false)
    let stream = try client.finish(1)
    #expect(stream.hasEnded)
    #expect(stream.body == Array("hello".utf8))
    #expect(stream["sec-websocket-accept"] == nil)
    #expect(rig.counter(.openExchanges) == 1)
    try client.send(data: Array("more".utf8), stream: 1, ends: true)
    try rig.waitFor(.endedCompleted, 1)
    try client.leave()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(usage["acme/api", .requestBodyBytes] == 4)
    #expect(usage["acme/api", .upstreamRequestBytes] == origin.bytesReceived)
  }

  @Test func `an answer other than 101 is the answer`() throws {
    let rig = try http2Rig(
      try Origin.answering("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"))
    let client = try rig.http2()

    try client.send(head: Self.connect("acme"), stream: 1, ends: false)
    let stream = try client.finish(1)
    try client.leave()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(stream.status == 403)
    #expect(stream.body == Array("no".utf8))
    #expect(usage["acme/api", .responses4xx] == 1)
    #expect(usage["acme/api", .endedCompleted] == 1)
    usage.expectEveryByte(of: [client])
  }

  @Test func `a 2xx other than 101 never looks like a tunnel`() throws {
    let rig = try http2Rig(try Origin.answering(ok()))
    let client = try rig.http2()

    try client.send(head: Self.connect("acme"), stream: 1, ends: false)
    let stream = try client.finish(1)
    try client.leave()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(stream.status == 502)
    #expect(usage["acme/api", .endedUpstreamFailure] == 1)
    usage.expectEveryByte(of: [client])
  }

  @Test func `a tunnel that the route does not allow is refused`() throws {
    let origin = try Origin.answering(ok())
    let rig = try http2Rig(origin)
    let client = try rig.http2()

    try client.send(head: Self.connect("acme", protocol: "other"), stream: 1, ends: false)
    let stream = try client.finish(1)
    try client.leave()
    try rig.awaitIdle()
    _ = try rig.finish()

    #expect(stream.status == 405)
    #expect(origin.heads.isEmpty)
  }

  @Test func `a client that resets its stream ends the tunnel and nothing else`() throws {
    let origin = try TunnelTests.echo()
    let rig = try http2Rig(origin)
    let client = try rig.http2()

    for id in [1, 3] as [UInt32] {
      try client.send(head: Self.connect("t\(id)"), stream: id, ends: false)
      try client.send(data: Array("x".utf8), stream: id)
    }
    while client.streams[1]?.body != [0x78] || client.streams[3]?.body != [0x78] {
      _ = try client.readFrame()
    }
    try client.send(Client.Frame(Client.resetStream, stream: 1, Client.word(8)))
    try rig.waitFor(.endedClientAbort, 1)
    try client.send(data: Array("y".utf8), stream: 3, ends: true)
    let stream = try client.finish(3)
    try client.leave()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(stream.body == Array("xybye".utf8))
    #expect(usage["t1/api", .endedClientAbort] == 1)
    #expect(usage["t3/api", .endedCompleted] == 1)
  }
}
