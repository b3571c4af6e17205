import Glibc
import PlainHTTP
import Platform
import Synchronization
import TestSupport
import Testing
import Usage

@testable import Proxy

/// Requests of clients of either protocol to an upstream that speaks HTTP/2.
@Suite struct HTTP2UpstreamTests {
  private typealias Client = HTTP2Client
  private typealias Peer = HTTP2Origin

  /// The frames of requests and responses, all connections together.
  private struct Ledger: Sendable {
    var received: UInt64 = 0
    var sent: UInt64 = 0
    var fields: [HTTP2Client.Field] = []
    var content: [UInt8] = []
    var trailers: [HTTP2Client.Field] = []
  }

  private static func get(_ tenant: String = "acme", _ fields: String = "") -> String {
    "GET /a?b HTTP/1.1\r\nHost: example.com\r\nX-Tenant: \(tenant)\r\n\(fields)\r\n"
  }

  // MARK: - Translation, and what is counted

  @Test func `a request and its response are counted with their frames`() throws {
    let seen = Seen(Ledger())
    let origin = try Origin.http2 { peer in
      while let request = try peer.request() {
        try peer.answer(request.id, "hello")
        seen.change {
          $0.received = peer.requestBytes
          $0.sent = peer.responseBytes
          $0.fields = request.fields
        }
      }
    }
    let rig = try http2UpstreamRig(origin)
    let client = try rig.client()

    try client.send(Self.get("acme", "Connection: x-hop, close\r\nX-Hop: 1\r\nX-Other: 2\r\n"))
    let response = try client.readResponse()
    client.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(response.status == 200)
    #expect(response.body == Array("hello".utf8))
    let fields = Dictionary(
      seen.value.fields.map { ($0.name, $0.value) }, uniquingKeysWith: { "\($0), \($1)" })
    #expect(fields[":method"] == "GET")
    #expect(fields[":scheme"] == "http")
    #expect(fields[":authority"] == "example.com")
    #expect(fields[":path"] == "/a?b")
    #expect(fields["te"] == "trailers")
    #expect(fields["x-other"] == "2")
    #expect(fields["via"] == "1.1 weir")
    #expect(fields["x-hop"] == nil && fields["connection"] == nil && fields["host"] == nil)
    #expect(seen.value.fields.prefix(4).allSatisfy { $0.name.hasPrefix(":") })
    #expect(usage["acme/api", .upstreamRequestBytes] == seen.value.received)
    #expect(usage["acme/api", .upstreamResponseBytes] == seen.value.sent)
    #expect(usage["acme/api", .responseBodyBytes] == 5)
    #expect(usage["acme/api", .attempts] == 1)
  }

  @Test(arguments: ["length", "chunks"], [0, 1, 100, 70_000, 300_000])
  func `content goes both ways as it is, whoever the client is`(
    framing: String, size: Int
  ) throws {
    let seen = Seen(Ledger())
    let origin = try Origin.http2Answering { peer, request in
      try peer.send(Peer.head(request.id, 200, [("content-length", String(size))], ends: size == 0))
      try peer.upload(request.content, stream: request.id)
      seen.change {
        $0.received = peer.requestBytes
        $0.sent = peer.responseBytes
      }
    }
    let rig = try http2UpstreamRig(origin)
    let content = pattern(size)
    let client = try rig.client()
    let other = try rig.http2()

    let length = framing == "length" ? "Content-Length: \(size)" : "Transfer-Encoding: chunked"
    try client.send("PUT / HTTP/1.1\r\nHost: h\r\nX-Tenant: one\r\n\(length)\r\n\r\n")
    if framing == "length" {
      try client.send(content)
    } else {
      for start in stride(from: 0, to: size, by: 10_000) {
        let piece = content[start..<min(size, start + 10_000)]
        try client.send("\(String(piece.count, radix: 16))\r\n")
        try client.send(Array(piece) + Array("\r\n".utf8))
      }
      try client.send("0\r\n\r\n")
    }
    let response = try client.readResponse()
    let announced = framing == "length" ? [("content-length", String(size))] : []
    try other.send(head: Client.of("two", "PUT", "/", announced), stream: 1, ends: size == 0)
    if size > 0 { try other.upload(content, stream: 1) }
    let stream = try other.finish(1)
    client.close()
    try other.leave()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(response.body == content)
    #expect(stream.body == content)
    for tenant in ["one", "two"] {
      #expect(usage["\(tenant)/api", .requestBodyBytes] == UInt64(size))
      #expect(usage["\(tenant)/api", .responseBodyBytes] == UInt64(size))
      #expect(usage["\(tenant)/api", .endedCompleted] == 1)
    }
    #expect(usage[.upstreamRequestBytes] == seen.value.received)
    #expect(usage[.upstreamResponseBytes] == seen.value.sent)
  }

  @Test func `content without a length, trailers and interim heads come through`() throws {
    let seen = Seen(Ledger())
    let origin = try Origin.http2Answering { peer, request in
      seen.change {
        $0.content = request.content
        $0.trailers = request.trailers
      }
      try peer.send(
        Peer.head(request.id, 103, [("link", "</a>")]), Peer.head(request.id, 200, [("x-a", "b")]),
        Peer.data(request.id, Array("con".utf8), ends: false),
        Peer.data(request.id, Array("tent".utf8), ends: false),
        HTTP2Client.head([("x-sum", "7")], stream: request.id))
    }
    let rig = try http2UpstreamRig(origin)
    let client = try rig.client()
    let other = try rig.http2()

    try client.send(
      "POST / HTTP/1.1\r\nHost: h\r\nX-Tenant: one\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n"
        + "\r\n3\r\nabc\r\n0\r\nX-Last: 1\r\n\r\n")
    let response = try client.readResponse()
    #expect(seen.value.trailers == [.init(name: "x-last", value: "1")])
    try other.send(head: Client.of("two", "POST"), stream: 1, ends: false)
    try other.send(data: Array("abc".utf8), stream: 1)
    try other.send(head: [("x-last", "2")], stream: 1)
    let stream = try other.finish(1)
    client.close()
    try other.leave()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(response.body == Array("content".utf8))
    #expect(response.trailers.map { "\($0.name): \($0.value)" } == ["x-sum: 7"])
    #expect(stream.body == Array("content".utf8))
    #expect(stream.trailers == [.init(name: "x-sum", value: "7")])
    #expect(stream.interim == [103])
    #expect(stream["x-a"] == "b")
    #expect(seen.value.content == Array("abc".utf8))
    #expect(seen.value.trailers == [.init(name: "x-last", value: "2")])
    #expect(usage[.endedCompleted] == 2)
  }

  @Test(arguments: [(200, "HEAD"), (204, "GET"), (304, "GET"), (200, "GET")])
  func `a response that is a head and nothing else ends where it ends`(
    status: Int, method: String
  ) throws {
    let origin = try Origin.http2Answering { peer, request in
      try peer.send(Peer.head(request.id, status, [("grpc-status", "5")], ends: true))
    }
    let rig = try http2UpstreamRig(origin)
    let client = try rig.client()
    let other = try rig.http2()

    for _ in 0..<2 {
      try client.send("\(method) / HTTP/1.1\r\nHost: h\r\nX-Tenant: one\r\n\r\n")
      let response = try client.readResponse(method: method)
      #expect(response.status == status)
      #expect(response.body.isEmpty)
    }
    try other.send(head: Client.of("two", method), stream: 1)
    let stream = try other.finish(1)
    client.close()
    try other.leave()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(stream.status == status)
    #expect(stream["grpc-status"] == "5")
    // One frame, as it came: clients of gRPC tell a call without an answer by that.
    #expect(stream.hasEnded && stream.body.isEmpty && stream.trailers.isEmpty)
    #expect(other.streams[1]?.bytesReceived == usage["two/api", .responseBytes])
    #expect(origin.connections == 1)
  }

  @Test func `padding, empty frames and heads in several frames are counted`() throws {
    let sent = Seen<UInt64>(0)
    let origin = try Origin.http2Answering { peer, request in
      let block = HTTP2Client.block([(":status", "200"), ("x-a", "b")])
      let padded: [UInt8] = [10] + Array("hello".utf8) + [UInt8](repeating: 0, count: 10)
      try peer.send(
        HTTP2Client.Frame(HTTP2Client.headers, stream: request.id, Array(block.prefix(5))),
        HTTP2Client.Frame(HTTP2Client.continuation, stream: request.id, Array(block[5..<8])),
        HTTP2Client.Frame(
          HTTP2Client.continuation, flags: 4, stream: request.id, Array(block[8...])),
        HTTP2Client.Frame(
          HTTP2Client.data, flags: HTTP2Client.padded, stream: request.id, padded),
        Peer.data(request.id, [], ends: false), Peer.data(request.id, Array("!".utf8)))
      sent.change { $0 = peer.responseBytes }
    }
    let rig = try http2UpstreamRig(origin)
    let client = try rig.client()

    for _ in 0..<2 {
      try client.send(Self.get())
      let response = try client.readResponse()
      #expect(response.body == Array("hello!".utf8))
      #expect(response.head.value("x-a") == "b")
    }
    client.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(usage["acme/api", .upstreamResponseBytes] == sent.value)
    #expect(usage["acme/api", .responseBodyBytes] == 12)
  }

  @Test func `Expect is passed on, and 100 comes back`() throws {
    let origin = try Origin.http2 { peer in
      try peer.read { peer.requests[1] != nil }
      try peer.send(Peer.head(1, 100))
      guard let request = try peer.request() else { return }
      try peer.answer(1, String(decoding: request.content, as: UTF8.self))
      try peer.drain()
    }
    let rig = try http2UpstreamRig(origin)
    let client = try rig.client()

    try client.send(
      "PUT / HTTP/1.1\r\nHost: h\r\nX-Tenant: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    )
    #expect(try client.readHead()?.hasPrefix("HTTP/1.1 100 ") == true)
    try client.send("abc")
    #expect(try client.readResponse().body == Array("abc".utf8))
    client.close()
    try rig.awaitIdle()
    _ = try rig.finish()
  }

  @Test func `an upgrade is not passed on`() throws {
    let origin = try Origin.http2Answering { peer, request in
      try peer.answer(request.id, request["upgrade"] ?? "none")
    }
    let rig = try http2UpstreamRig(origin)
    let client = try rig.client()

    try client.send(Self.get("a", "Connection: Upgrade\r\nUpgrade: websocket\r\n"))
    let response = try client.readResponse()
    client.close()
    try rig.awaitIdle()
    _ = try rig.finish()

    #expect(response.status == 200)
    #expect(response.body == Array("none".utf8))
  }

  @Test func `a body over its route's bound is refused, also without a length`() throws {
    let origin = try Origin.http2 { try $0.drain() }
    let rig = try http2UpstreamRig(origin) { $0.routes[0].bodyBytesMax = 1_000 }
    let other = try rig.http2()

    try other.send(head: Client.of("two", "PUT"), stream: 1, ends: false)
    try other.send(data: pattern(900), stream: 1)
    try other.send(data: pattern(900), stream: 1)
    let stream = try other.finish(1)
    try other.leave()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(stream.status == 413)
    #expect(usage[.endedRejected] == 1)
    #expect(rig.counter(.bodiesTooLarge) == 1)
  }

  // MARK: - Connections

  @Test func `requests share a connection up to its bound, and then wait`() throws {
    let gate = Gate()
    let together = Seen(0)
    let origin = try Origin.http2(settings: [(3, 2)]) { peer in
      try peer.read { peer.requests.count { $0.value.hasEnded } == 2 }
      together.change { $0 = peer.requests.count }
      try gate.wait()
      while let request = try peer.request() { try peer.answer(request.id) }
    }
    let rig = try http2UpstreamRig(origin) { $0.upstreams[0].connectionsMax = 1 }
    let other = try rig.http2()

    // The first makes the connection known with its bound of two.
    for id in [1, 3] as [UInt32] { try other.send(head: Client.of("t\(id)"), stream: id) }
    try awaitCondition("two requests") { together.value == 2 }
    for id in [5, 7] as [UInt32] { try other.send(head: Client.of("t\(id)"), stream: id) }
    try rig.waitFor(.upstreamPending) { $0 == 2 }
    gate.pass()
    let statuses = try ([1, 3, 5, 7] as [UInt32]).map { try other.finish($0).status }
    try other.leave()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(statuses == [200, 200, 200, 200])
    #expect(together.value == 2)
    #expect(origin.connections == 1)
    #expect(usage[.endedCompleted] == 4)
  }

  @Test func `another connection is made when one is full`() throws {
    let gate = Gate()
    let origin = try Origin.http2 { peer in
      try peer.read { peer.requests.contains { $0.value.hasEnded } }
      try gate.wait()
      while let request = try peer.request() { try peer.answer(request.id) }
    }
    let rig = try http2UpstreamRig(origin) { $0.upstreams[0].streamsMax = 1 }
    let other = try rig.http2()

    for id in [1, 3, 5] as [UInt32] { try other.send(head: Client.of("t"), stream: id) }
    try rig.waitFor(.upstreamConnections) { $0 == 3 }
    gate.pass()
    for id in [1, 3, 5] as [UInt32] { #expect(try other.finish(id).status == 200) }
    try other.leave()
    try rig.awaitIdle()
    #expect(origin.connections == 3)
    _ = try rig.finish()
  }

  @Test func `an idle connection is closed in time, and one that is too old is not used again`()
    throws
  {
    let origin = try Origin.http2Answering { try $0.answer($1.id) }
    let rig = try http2UpstreamRig(origin) {
      $0.timeouts.upstreamIdleMilliseconds = 300
      $0.upstreams[0].connectionAgeMaxMilliseconds = 1
    }
    let client = try rig.client()

    for number in 1...2 {
      try client.send(Self.get())
      #expect(try client.readResponse().status == 200)
      try awaitCondition("the end of connection \(number)") { origin.finished == number }
    }
    client.close()
    try rig.awaitIdle()
    _ = try rig.finish()
  }

  @Test func `a server that leaves finishes what it has and gets nothing more`() throws {
    let origin = try Origin.http2 { peer in
      guard let request = try peer.request() else { return }
      if peer.connection.number == 0 {
        try peer.send(
          HTTP2Client.Frame(HTTP2Client.goAway, HTTP2Client.word(1) + HTTP2Client.word(0)))
      }
      try peer.answer(request.id, "from \(peer.connection.number)")
      try peer.drain()
    }
    let rig = try http2UpstreamRig(origin)
    let client = try rig.client()

    for number in 0..<2 {
      try client.send(Self.get())
      #expect(try client.readResponse().body == Array("from \(number)".utf8))
    }
    client.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(usage[.attempts] == 2)
    #expect(usage[.failedAttempts] == 0)
  }

  @Test(arguments: ["reset", "goaway"], [1, 100])
  func `what was refused is sent once more, whatever the method`(
    how: String, connectionsMax: Int
  ) throws {
    let origin = try Origin.http2 { peer in
      guard let request = try peer.request() else { return }
      guard peer.connection.number == 0 else {
        try peer.answer(request.id, "served")
        try peer.drain()
        return
      }
      if how == "reset" {
        try peer.send(
          HTTP2Client.Frame(
            HTTP2Client.resetStream, stream: request.id, HTTP2Client.word(7)))
      } else {
        try peer.send(
          HTTP2Client.Frame(HTTP2Client.goAway, HTTP2Client.word(0) + HTTP2Client.word(0)))
      }
      try peer.drain()
    }
    // With a bound of one, the connection that refused makes room for the next.
    let rig = try http2UpstreamRig(origin) { $0.upstreams[0].connectionsMax = connectionsMax }
    let client = try rig.client()

    try client.send("POST / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\nContent-Length: 0\r\n\r\n")
    let response = try client.readResponse()
    if connectionsMax == 1 { #expect(rig.counter(.upstreamConnections) == 1) }
    client.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(response.body == Array("served".utf8))
    #expect(rig.counter(.retriesRefused) == 1)
    #expect(usage["acme/api", .attempts] == 2)
    #expect(usage["acme/api", .failedAttempts] == 1)
    #expect(usage["acme/api", .endedCompleted] == 1)
  }

  @Test func `a refused request whose content has gone is not sent again`() throws {
    let origin = try Origin.http2 { peer in
      guard let request = try peer.request() else { return }
      try peer.send(
        HTTP2Client.Frame(HTTP2Client.resetStream, stream: request.id, HTTP2Client.word(7)))
      try peer.drain()
    }
    let rig = try http2UpstreamRig(origin)
    let client = try rig.client()

    try client.send("POST / HTTP/1.1\r\nHost: h\r\nX-Tenant: a\r\nContent-Length: 3\r\n\r\nabc")
    #expect(try client.readResponse().status == 502)
    client.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(usage[.attempts] == 1)
    #expect(rig.counter(.retriesRefused) == 0)
  }

  // MARK: - gRPC

  @Test(arguments: [true, false])
  func `a call may be silent for long, and another request may not`(isCall: Bool) throws {
    let origin = try Origin.http2 { peer in
      // Nothing until the client's second message.
      try peer.read { (peer.requests[1]?.content.count ?? 0) >= 2 }
      try peer.send(
        Peer.head(1, 200, [("content-type", isCall ? "application/grpc+proto" : "text/plain")]))
      Clocks.pause(milliseconds: 1_200)
      try? peer.send(
        Peer.data(1, [3], ends: false),
        HTTP2Client.head([("grpc-status", "0")], stream: 1))
      try peer.drain()
    }
    let rig = try http2UpstreamRig(origin) {
      $0.timeouts.bodyMilliseconds = 600
      $0.timeouts.responseHeadMilliseconds = 600
      $0.timeouts.bodyRateGraceMilliseconds = 300
    }
    let client = try rig.http2()

    try client.send(
      head: Client.of(
        "acme", "POST", "/a.B/C", [("content-type", isCall ? "application/grpc" : "text/plain")]),
      stream: 1, ends: false)
    try client.send(data: [1], stream: 1)
    Clocks.pause(milliseconds: 1_200)
    try client.send(data: [2], stream: 1)
    let stream = try client.finish(1)
    try client.leave()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(stream.status == (isCall ? 200 : 408))
    #expect(stream.body == (isCall ? [3] : stream.body))
    #expect(stream.trailers == (isCall ? [.init(name: "grpc-status", value: "0")] : []))
    #expect(usage["acme/api", .endedCompleted] == (isCall ? 1 : 0))
    if isCall { #expect(usage["acme/api", .streamMilliseconds] >= 1_190) }
    #expect(usage["acme/api", .streamMilliseconds] < (isCall ? 10_000 : 1))
  }

  @Test func `a refused request whose trailers have gone is not sent again`() throws {
    let origin = try Origin.http2 { peer in
      guard let request = try peer.request() else { return }
      #expect(request.trailers.contains { $0.name == "x-end" })
      try peer.send(
        HTTP2Client.Frame(HTTP2Client.resetStream, stream: request.id, HTTP2Client.word(7)))
      try peer.drain()
    }
    let rig = try http2UpstreamRig(origin)
    let other = try rig.http2()

    try other.send(head: Client.of("a", "POST"), stream: 1, ends: false)
    try other.send(
      Client.Frame(Client.headers, flags: 5, stream: 1, Client.block([("x-end", "1")])))
    #expect(try other.finish(1).status == 502)
    try other.leave()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(usage[.attempts] == 1)
    #expect(rig.counter(.retriesRefused) == 0)
  }

  @Test func `requests refused together share the next connection`() throws {
    let origin = try Origin.http2 { peer in
      if peer.connection.number == 0 {
        try peer.read { peer.requests.count { $0.value.hasEnded } == 5 }
        try peer.send(
          HTTP2Client.Frame(HTTP2Client.goAway, HTTP2Client.word(0) + HTTP2Client.word(0)))
        try peer.drain()
      }
      while let request = try peer.request() { try peer.answer(request.id) }
    }
    let rig = try http2UpstreamRig(origin)
    let other = try rig.http2()
    let ids = [1, 3, 5, 7, 9] as [UInt32]

    for id in ids { try other.send(head: Client.of("t"), stream: id) }
    for id in ids { #expect(try other.finish(id).status == 200) }
    try other.leave()
    try rig.awaitIdle()
    _ = try rig.finish()

    #expect(rig.counter(.retriesRefused) == 5)
    #expect(origin.connections == 2)
  }

  @Test func `a request goes to another address when no connection to its own may be made`() throws
  {
    let serve: @Sendable (HTTP2Origin) throws -> Void = { peer in
      try peer.read { peer.requests.count { $0.value.hasEnded } == 8 }
      while let request = try peer.request() { try peer.answer(request.id) }
    }
    let origin = try Origin.http2(serve)
    let second = try Origin.http2(serve)
    let rig = try http2UpstreamRig(origin) {
      let address = SocketAddress(bytes: [127, 0, 0, 1], port: second.port)!
      $0.upstreams[0].addresses +=
        UpstreamConfiguration(name: "second", addresses: [address]).addresses
      $0.upstreams[0].balancing = .hashTenant
      $0.upstreams[0].connectionsMax = 1
    }
    let other = try rig.http2()

    let ids = (0..<8).map { UInt32(2 * $0 + 1) }
    for id in ids { try other.send(head: Client.of("tenant-\(id)"), stream: id) }
    for id in ids { #expect(try other.finish(id).status == 200) }
    try other.leave()
    try rig.awaitIdle()
    _ = try rig.finish()

    #expect(origin.connections + second.connections == 1)
  }

  @Test func `a connection that is not up in time gets no further request`() throws {
    let origin = try Origin { connection in _ = try connection.drain() }
    let rig = try http2UpstreamRig(origin) {
      $0.upstreams[0].tls = TLSClientConfiguration(serverName: "h")
      $0.timeouts.connectMilliseconds = 1_000
    }
    let clients = try (0..<3).map { _ in try rig.client() }

    try clients[0].send(Self.get())
    try rig.waitFor(.openExchanges) { $0 == 1 }
    usleep(500_000)
    try clients[1].send(Self.get())
    #expect(try clients[0].readResponse().status == 504)
    // The second is still waiting for the connection.
    try clients[2].send(Self.get())
    for client in clients.dropFirst() { #expect(try client.readResponse().status == 504) }
    for client in clients { client.close() }
    try rig.awaitIdle()
    _ = try rig.finish()

    #expect(origin.connections == 2)
  }

  @Test func `streams that the server does not end take the place of requests`() throws {
    let origin = try Origin.http2Answering { peer, request in
      try peer.send(
        Peer.head(request.id, 200, [("content-length", "2")]),
        Peer.data(request.id, Array("ok".utf8), ends: false))
    }
    let rig = try http2UpstreamRig(origin) { $0.upstreams[0].streamsMax = 2 }
    let client = try rig.client()

    for _ in 0..<5 {
      try client.send(Self.get())
      #expect(try client.readResponse().body == Array("ok".utf8))
    }
    client.close()
    try rig.awaitIdle()
    _ = try rig.finish()

    #expect(origin.connections == 3)
  }

  @Test func `a reload that allows more fields holds for connections that are open`() throws {
    let origin = try Origin.http2Answering { try $0.answer($1.id, String($1.fields.count)) }
    let rig = try http2UpstreamRig(origin)
    let client = try rig.client()

    try client.send(Self.get())
    let few = try client.readResponse()
    try rig.reload { $0.limits.fieldCountMax = 500 }
    try client.send(Self.get("acme", (0..<400).map { "X-\($0): a\r\n" }.joined()))
    let many = try client.readResponse()
    client.close()
    try rig.awaitIdle()
    _ = try rig.finish()

    #expect(few.status == 200 && many.status == 200)
    #expect(Int(String(decoding: many.body, as: UTF8.self)) ?? 0 > 400)
    #expect(origin.connections == 1)
  }

  // MARK: - What goes wrong

  @Test func `a response that is reset in the middle is never passed off as complete`() throws {
    let (first, second) = (Gate(), Gate())
    let origin = try Origin.http2Answering { peer, request in
      try peer.send(Peer.head(request.id), Peer.data(request.id, pattern(100), ends: false))
      try (request.id == 1 ? first : second).wait()
      try peer.send(
        HTTP2Client.Frame(HTTP2Client.resetStream, stream: request.id, HTTP2Client.word(2)))
    }
    let rig = try http2UpstreamRig(origin)
    let client = try rig.client()
    let other = try rig.http2()

    try client.send(Self.get("one"))
    #expect(try client.readHead()?.hasPrefix("HTTP/1.1 200 ") == true)
    try rig.waitFor(.responseBodyBytes, 100)
    first.pass()
    #expect(!(String(decoding: try client.readToEnd(), as: UTF8.self).hasSuffix("0\r\n\r\n")))
    try other.send(head: Client.of("two"), stream: 1)
    try rig.waitFor(.responseBodyBytes, 200)
    second.pass()
    let stream = try other.finish(1)
    client.close()
    try other.leave()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(stream.status == 200)
    #expect(stream.resetCode == 2)
    #expect(usage[.endedUpstreamFailure] == 2)
    #expect(usage[.failedAttempts] == 2)
    #expect(origin.connections == 1)
  }

  @Test func `a response that is reset before anything of it was used is a 502`() throws {
    let origin = try Origin.http2Answering { peer, request in
      try peer.send(
        HTTP2Client.Frame(HTTP2Client.resetStream, stream: request.id, HTTP2Client.word(2)))
    }
    let rig = try http2UpstreamRig(origin)
    let client = try rig.client()

    try client.send(Self.get("one"))
    let response = try client.readResponse()
    client.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(response.status == 502)
    #expect(String(decoding: response.body, as: UTF8.self).contains("upstream_closed"))
    #expect(usage["one/api", .failedAttempts] == 1)
    #expect(origin.connections == 1)
  }

  struct BadHead: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let fields: [(String, String)]
  }

  static let badHeads = [
    BadHead(testDescription: "no status", fields: [("x", "y")]),
    BadHead(testDescription: "two statuses", fields: [(":status", "200"), (":status", "200")]),
    BadHead(testDescription: "a status of two digits", fields: [(":status", "20")]),
    BadHead(testDescription: "101", fields: [(":status", "101")]),
    BadHead(testDescription: "a name in upper case", fields: [(":status", "200"), ("X", "y")]),
    BadHead(
      testDescription: "a field of the connection",
      fields: [(":status", "200"), ("connection", "close")]),
    BadHead(
      testDescription: "transfer-encoding",
      fields: [(":status", "200"), ("transfer-encoding", "chunked")]),
    BadHead(
      testDescription: "a pseudo-field behind a field", fields: [("x", "y"), (":status", "200")]),
    BadHead(testDescription: "an unknown pseudo-field", fields: [(":status", "200"), (":x", "y")]),
    BadHead(testDescription: "LF in a value", fields: [(":status", "200"), ("x", "a\nb: c")]),
    BadHead(
      testDescription: "two lengths",
      fields: [(":status", "200"), ("content-length", "1"), ("content-length", "2")]),
    BadHead(
      testDescription: "more fields than are taken",
      fields: [(":status", "200")] + (0..<101).map { ("x-\($0)", "y") }),
    BadHead(
      testDescription: "a head that is too long",
      fields: [(":status", "200"), ("x", String(repeating: "y", count: 16_000)), ("z", "1234567")]
        + (0..<10).map { ("x-\($0)", String(repeating: "y", count: 100)) }),
  ]

  @Test(arguments: badHeads)
  func `a head that breaks the rules is a 502, and the connection goes on`(_ bad: BadHead) throws {
    let sent = Seen<UInt64>(0)
    let origin = try Origin.http2Answering { peer, request in
      guard request[":path"] == "/bad" else {
        try peer.answer(request.id)
        sent.change { $0 = peer.responseBytes }
        return
      }
      let block = HTTP2Client.block(bad.fields)
      // The largest frame holds 16,384 bytes.
      let first = HTTP2Client.Frame(
        HTTP2Client.headers, flags: block.count <= 16_384 ? 5 : 1, stream: request.id,
        Array(block.prefix(16_384)))
      let rest = HTTP2Client.Frame(
        HTTP2Client.continuation, flags: 4, stream: request.id, Array(block.dropFirst(16_384)))
      try peer.send(block.count <= 16_384 ? [first] : [first, rest])
    }
    let rig = try http2UpstreamRig(origin)
    let client = try rig.client()

    try client.send("GET /bad HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n\r\n")
    let response = try client.readResponse()
    #expect(response.status == 502)
    #expect(
      String(decoding: response.body, as: UTF8.self).contains("upstream_malformed"),
      "\(String(decoding: response.body, as: UTF8.self))")
    try client.send(Self.get())
    #expect(try client.readResponse().status == 200)
    client.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(rig.counter(.malformedResponses) == 1)
    #expect(usage["acme/api", .responses5xx] == 1)
    #expect(usage["acme/api", .upstreamResponseBytes] == sent.value)
    #expect(origin.connections == 1)
  }

  @Test func `the bound of a field list holds for each head of a response`() throws {
    let long = String(repeating: "y", count: 600)
    let origin = try Origin.http2Answering { peer, request in
      if request[":path"] == "/long" {
        try peer.send(Peer.head(request.id, 200, [("x", long), ("y", long)], ends: true))
      } else {
        try peer.send(
          Peer.head(request.id, 103, [("x", long)]), Peer.head(request.id, 200, [("x", long)]),
          HTTP2Client.head([("x-last", long)], stream: request.id))
      }
    }
    let rig = try http2UpstreamRig(origin) { $0.limits.headerListBytesMax = 1_100 }
    let client = try rig.client()

    try client.send(Self.get())
    #expect(try client.readResponse().status == 200)
    try client.send("GET /long HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n\r\n")
    #expect(try client.readResponse().status == 502)
    client.close()
    try rig.awaitIdle()
    _ = try rig.finish()
  }

  @Test func `what came before a reset of the connection is not lost with it`() throws {
    // More than one read takes, and less than the kernel holds.
    // Less than a receive window for both: what the sender's kernel still holds is lost with a reset.
    let content = pattern(20_000)
    let origin = try Origin.http2 { peer in
      try peer.read { peer.requests.count { $0.value.hasEnded } == 2 }
      let frames = peer.requests.keys.sorted().flatMap { id in
        [Peer.head(id, 200, [("content-length", "20000")])]
          + stride(from: 0, to: 20_000, by: 5_000).map {
            Peer.data(id, Array(content[$0..<($0 + 5_000)]), ends: $0 == 15_000)
          }
      }
      try peer.send(frames)
      peer.connection.socket.resetOnClose()
    }
    let rig = try http2UpstreamRig(origin)
    let other = try rig.http2()

    for id in [1, 3] as [UInt32] { try other.send(head: Client.of("acme"), stream: id) }
    let streams = try ([1, 3] as [UInt32]).map { try other.finish($0) }
    try other.leave()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(streams.map(\.status) == [200, 200])
    #expect(streams.allSatisfy { $0.body == content })
    #expect(usage["acme/api", .endedCompleted] == 2)
  }

  @Test func `a connection that breaks under many requests is one failure of its address`() throws {
    let origin = try Origin.http2 { peer in
      try peer.read { peer.requests.count { $0.value.hasEnded } == 6 }
    }
    let rig = try ProxyRig(upstream: [origin.port, origin.port], origins: [origin]) {
      $0.listeners[0].http2 = true
      $0.upstreams[0].speaksHTTP2 = true
      $0.upstreams[0].balancing = .hashTenant
      $0.upstreams[0].ejection.failures = 2
    }
    let other = try rig.http2()
    func ask(_ ids: ClosedRange<UInt32>) throws -> [Int] {
      let odd = ids.filter { $0 % 2 == 1 }
      for id in odd { try other.send(head: Client.of("acme"), stream: id) }
      return try odd.map { try other.finish($0).status }
    }

    #expect(try ask(1...11) == [502, 502, 502, 502, 502, 502])
    #expect(rig.counter(.upstreamEjections) == 0)
    #expect(try ask(13...23) == [502, 502, 502, 502, 502, 502])
    #expect(rig.counter(.upstreamEjections) == 1)
    try other.leave()
    try rig.awaitIdle()
    _ = try rig.finish()
  }

  @Test(arguments: ["close", "garbage"])
  func `a connection that breaks takes all of its requests with it, and no other`(
    how: String
  ) throws {
    let origin = try Origin.http2 { peer in
      if peer.connection.number > 0 {
        while let request = try peer.request() { try peer.answer(request.id) }
        return
      }
      try peer.read { peer.requests.count { $0.value.hasEnded } == 3 }
      if how == "garbage" {
        try peer.connection.send([UInt8](repeating: 0xFF, count: 100))
        try peer.drain()
      }
    }
    let rig = try http2UpstreamRig(origin)
    let other = try rig.http2()

    for id in [1, 3, 5] as [UInt32] { try other.send(head: Client.of("t\(id)"), stream: id) }
    let statuses = try ([1, 3, 5] as [UInt32]).map { try other.finish($0).status }
    try other.send(head: Client.of("late"), stream: 7)
    #expect(try other.finish(7).status == 200)
    try other.leave()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(statuses == [502, 502, 502])
    #expect(usage[.endedUpstreamFailure] + usage[.endedRejected] == 3)
    #expect(usage[.failedAttempts] == 3)
    #expect(usage["late/api", .endedCompleted] == 1)
  }

  @Test func `a client that gives up resets its stream and nobody else's`() throws {
    let gate = Gate()
    let codes = Seen<[UInt32?]>([])
    let origin = try Origin.http2 { peer in
      try peer.read { peer.requests.count { $0.value.hasEnded } == 2 }
      try peer.read { peer.requests.contains { $0.value.resetCode != nil } }
      codes.change { $0 = peer.requests.sorted { $0.key < $1.key }.map(\.value.resetCode) }
      try peer.answer(3)
      gate.pass()
      try peer.drain()
    }
    let rig = try http2UpstreamRig(origin)
    let one = try rig.client()
    let two = try rig.client()

    try one.send(Self.get("one"))
    try rig.waitFor(.requests, 1)
    try rig.waitFor(.upstreamConnections) { $0 == 1 }
    try two.send(Self.get("two"))
    try rig.waitFor(.requests, 2)
    one.reset()
    try gate.wait()
    #expect(try two.readResponse().status == 200)
    two.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(codes.value == [8, nil])
    #expect(usage["one/api", .endedClientAbort] == 1)
    #expect(usage["two/api", .endedCompleted] == 1)
  }

  @Test func `a connection that brings nothing in time gets no further request`() throws {
    let origin = try Origin.http2 { peer in
      if peer.connection.number == 0 { return try peer.drain() }
      while let request = try peer.request() { try peer.answer(request.id) }
    }
    let rig = try http2UpstreamRig(origin) { $0.timeouts.responseHeadMilliseconds = 500 }
    let client = try rig.client()

    try client.send(Self.get())
    #expect(try client.readResponse().status == 504)
    let second = try rig.client()
    try second.send(Self.get())
    #expect(try second.readResponse().status == 200)
    client.close()
    second.close()
    try rig.awaitIdle()
    _ = try rig.finish()
  }

  @Test func `an upstream that takes nothing holds the client back`() throws {
    let taken = Seen(0)
    let origin = try Origin.http2 { peer in
      peer.opensWindows = false
      try peer.read { (peer.requests[1]?.content.count ?? 0) == 65_535 }
      taken.change { $0 = peer.requests[1]?.content.count ?? 0 }
      try peer.drain()
    }
    let rig = try http2UpstreamRig(origin) { $0.timeouts.bodyMilliseconds = 1_500 }
    let client = try rig.client()

    try client.send(
      "PUT / HTTP/1.1\r\nHost: h\r\nX-Tenant: a\r\nContent-Length: 100000000\r\n\r\n")
    let sent = client.socket.bytesSent
    client.socket.setTimeout(milliseconds: 1_000)
    // Bound: what the kernel holds for both sockets.
    while (try? client.send(pattern(100_000))) != nil {}
    let most = client.socket.bytesSent - sent
    try awaitCondition("a full window") { taken.value == 65_535 }
    client.reset()
    try rig.awaitIdle()
    let usage = try rig.finish()

    // The window, two buffers, and the kernel's.
    #expect(usage[.requestBodyBytes] <= 65_535 + 4 * 65_536)
    #expect(most < 50_000_000)
    #expect(
      usage[.endedClientAbort] + usage[.endedRejected] + usage[.endedUpstreamFailure] == 1)
  }

  @Test func `a client that takes nothing holds the upstream back`() throws {
    let sent = Seen(0)
    let origin = try Origin.http2Answering { peer, request in
      try peer.send(Peer.head(request.id))
      let count = try? peer.upload(pattern(50_000_000), stream: request.id)
      sent.change { $0 = count ?? 0 }
    }
    let rig = try http2UpstreamRig(origin)
    let other = try rig.http2()
    other.opensWindows = false

    try other.send(head: Client.of("slow"), stream: 1)
    while other.streams[1]?.body.count ?? 0 < 65_535 { _ = try other.readFrame() }
    try other.send(HTTP2Client.Frame(HTTP2Client.resetStream, stream: 1, HTTP2Client.word(8)))
    try awaitCondition("the upstream's end") { sent.value > 0 }
    try other.leave()
    try rig.awaitIdle()
    _ = try rig.finish()

    #expect(sent.value <= 65_535 + 4 * 65_536)
  }

  @Test(arguments: [Syscall.recv, .send, .connect], [ECONNRESET, EAGAIN])
  func `a call that fails at any place leaves the counts whole`(call: Syscall, code: Int32) throws {
    if code == EAGAIN && call == .connect { return }
    for position in 0..<12 {
      let origin = try Origin.http2Answering { try? $0.answer($1.id, "hello") }
      let faults = SyscallFaults(failing: position, of: [call], with: code)
      let rig = try http2UpstreamRig(origin, syscalls: Syscalls(faults: faults)) {
        $0.timeouts.firstHeadMilliseconds = 500
        $0.timeouts.keepAliveMilliseconds = 500
        $0.timeouts.bodyMilliseconds = 500
        $0.timeouts.connectMilliseconds = 500
        $0.timeouts.responseHeadMilliseconds = 500
      }
      let client = try rig.client(timeoutMilliseconds: 3_000)

      for _ in 0..<2 {
        try? client.send(
          "PUT / HTTP/1.1\r\nHost: h\r\nX-Tenant: a\r\nContent-Length: 5\r\n\r\n12345")
        _ = try? client.readResponse()
      }
      client.close()
      try rig.awaitIdle()
      // The laws are checked here.
      _ = try rig.finish()
    }
  }
}
