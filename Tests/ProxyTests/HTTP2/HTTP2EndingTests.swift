import PlainHTTP
import TestSupport
import Testing
import Usage

@testable import Proxy

/// How streams and connections end, in good order and otherwise.
@Suite struct HTTP2EndingTests {
  private typealias Client = HTTP2Client
  private typealias Frame = HTTP2Client.Frame

  private static func reset(_ stream: UInt32) -> Frame {
    Frame(Client.resetStream, stream: stream, Client.word(8))
  }

  /// An origin that reads, and says nothing until its peer goes.
  private static func silent() throws -> Origin {
    try Origin { connection in
      guard try connection.head() != nil else { return }
      _ = try? connection.drain()
    }
  }

  @Test(arguments: [true, false])
  func `a request that is given up while it waits is an abort with its frames`(isUpload: Bool)
    throws
  {
    let origin = try Self.silent()
    let rig = try http2Rig(origin)
    let client = try rig.http2()

    try client.send(head: Client.of("acme", "POST"), stream: 1, ends: !isUpload)
    if isUpload { try client.send(data: pattern(100), stream: 1) }
    try awaitCondition("the request") { origin.heads.count == 1 }
    if isUpload { try rig.waitFor(.requestBodyBytes, 100) }
    try client.send(Self.reset(1))
    #expect(try client.roundTrip())
    try rig.waitFor(.openExchanges) { $0 == 0 }
    client.raw.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(
      usage.counts("acme/api")
        == [
          .requests: 1, .endedClientAbort: 1, .attempts: 1,
          .requestBytes: client.streams[1]?.bytesSent ?? 0,
          .requestBodyBytes: isUpload ? 100 : 0, .upstreamRequestBytes: origin.bytesReceived,
        ].filter { $0.value > 0 })
  }

  @Test func `a response that is given up on its way is charged what was sent`() throws {
    let gate = Gate()
    let origin = try Origin { connection in
      guard try connection.head() != nil else { return }
      try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789")
      try gate.wait()
    }
    let rig = try http2Rig(origin)
    let client = try rig.http2()

    try client.send(head: Client.of("acme"), stream: 1)
    while client.streams[1]?.body.count != 10 { _ = try client.readFrame() }
    try client.send(Self.reset(1))
    try client.roundTrip()
    gate.pass()
    client.raw.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(usage["acme/api", .endedClientAbort] == 1)
    #expect(usage["acme/api", .responses2xx] == 1)
    #expect(usage["acme/api", .responseBodyBytes] == 10)
    #expect(usage["acme/api", .responseBytes] == client.streams[1]?.bytesReceived)
  }

  @Test(arguments: [true, false])
  func `a connection that goes ends each of its streams once`(resets: Bool) throws {
    let origin = try Self.silent()
    let rig = try http2Rig(origin)
    let client = try rig.http2()

    for number in 0..<20 as Range<UInt32> {
      try client.send(head: Client.of("t\(number % 4)"), stream: 2 * number + 1)
    }
    try awaitCondition("the requests") { origin.heads.count == 20 }
    if resets { client.raw.reset() } else { client.raw.close() }
    try rig.awaitIdle()
    #expect(rig.counter(.http2Streams) == 0)
    #expect(rig.counter(.http2Connections) == 0)
    let usage = try rig.finish()

    #expect(usage[.endedClientAbort] == 20)
    for number in 0..<4 { #expect(usage["t\(number)/api", .endedClientAbort] == 5) }
    #expect(usage[.closed] == 1)
  }

  @Test func `an error of the connection ends its streams`() throws {
    let origin = try Self.silent()
    let rig = try http2Rig(origin)
    let client = try rig.http2()

    try client.send(head: Client.of("acme"), stream: 1)
    try awaitCondition("the request") { origin.heads.count == 1 }
    try client.send(Frame(Client.ping, [1]))
    #expect(try client.readToEnd() == 6)
    client.raw.close()
    try rig.awaitIdle()
    #expect(rig.counter(.http2ProtocolErrors) == 1)
    let usage = try rig.finish()

    #expect(usage["acme/api", .endedClientAbort] == 1)
  }

  @Test func `content that breaks the rules is a rejection`() throws {
    let rig = try http2Rig(try Self.silent())
    let client = try rig.http2()

    try client.send(
      head: Client.of("acme", "POST", "/", [("content-length", "5")]), stream: 1, ends: false)
    try client.send(data: pattern(3), stream: 1)
    try rig.waitFor(.requestBodyBytes, 3)
    try client.send(data: pattern(3), stream: 1)
    let stream = try client.finish(1)
    client.raw.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(stream.resetCode == 1)
    #expect(usage["acme/api", .endedRejected] == 1)
    // The payload that broke the rule may not have been taken any more: it is the connection's then.
    let received = usage["acme/api", .requestBytes]
    #expect(received == stream.bytesSent || received == stream.bytesSent - 3)
  }

  @Test func `a response that an upstream cuts off is reset, not ended`() throws {
    let origin = try Origin { connection in
      guard try connection.head() != nil else { return }
      try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789")
    }
    let rig = try http2Rig(origin)
    let client = try rig.http2()

    try client.send(head: Client.of("acme"), stream: 1)
    let stream = try client.finish(1)
    #expect(try client.roundTrip())
    client.raw.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(stream.status == 200 && !stream.hasEnded)
    #expect(stream.resetCode == 2)
    #expect(usage["acme/api", .endedUpstreamFailure] == 1)
    #expect(usage["acme/api", .responseBytes] == stream.bytesReceived)
  }

  @Test func `chunks that are cut off are reset, not ended`() throws {
    let origin = try Origin { connection in
      guard try connection.head() != nil else { return }
      try connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
    }
    let rig = try http2Rig(origin)
    let client = try rig.http2()

    let stream = try client.get(stream: 1)
    client.raw.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(!stream.hasEnded && stream.resetCode == 2)
    #expect(usage[.endedUpstreamFailure] == 1)
  }

  @Test func `an upstream that fails before its response is answered for`() throws {
    let origin = try Origin { connection in _ = try connection.head() }
    let rig = try http2Rig(origin)
    let client = try rig.http2()

    try client.send(head: Client.of("acme"), stream: 1)
    let stream = try client.finish(1)
    client.raw.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(stream.status == 502 && stream.hasEnded)
    #expect(usage["acme/api", .endedUpstreamFailure] == 1)
    #expect(usage["acme/api", .responseBytes] == stream.bytesReceived)
  }

  @Test func `answers of the proxy's own go out as frames`() throws {
    let origin = try echo()
    let rig = try http2Rig(origin) {
      $0.routes[0].path = "/in"
      $0.routes[0].bodyBytesMax = 10
    }
    let client = try rig.http2()

    let missing = try client.get("/out", stream: 1, [("x-tenant", "acme")])
    try client.send(
      head: Client.of("acme", "POST", "/in", [("content-length", "11")]), stream: 3, ends: false)
    let large = try client.finish(3)
    try client.send(head: Client.of("acme", "POST", "/in"), stream: 5, ends: false)
    try client.send(data: pattern(11), stream: 5)
    let unannounced = try client.finish(5)
    try client.send(head: Client.of("acme", "HEAD", "/out"), stream: 7)
    let head = try client.finish(7)
    #expect(try client.roundTrip())
    client.raw.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(missing.status == 404 && missing.hasEnded)
    #expect(large.status == 413 && unannounced.status == 413)
    #expect(head.status == 404 && head.body.isEmpty && head.hasEnded)
    #expect(missing["connection"] == nil)
    let received: UInt64 = [missing, large, unannounced, head].reduce(into: 0) {
      $0 += $1.bytesReceived
    }
    #expect(usage[Quantity.responseBytes] == received)
    #expect(usage[.endedRejected] == 4)
  }

  @Test func `an answer before the end of the upload resets the rest without a fault`() throws {
    let rig = try http2Rig(try echo()) { $0.routes[0].bodyBytesMax = 10 }
    let client = try rig.http2()

    try client.send(
      head: Client.of("acme", "POST", "/", [("content-length", "1000000")]), stream: 1, ends: false)
    let stream = try client.finish(1)
    // What was on its way: a whole window.
    for _ in 0..<4 { try client.send(data: pattern(16_000), stream: 1) }
    #expect(try client.roundTrip())
    client.raw.close()
    try rig.awaitIdle()
    _ = try rig.finish()

    #expect(stream.status == 413)
    #expect(client.streams[1]?.resetCode == 0)
    #expect(client.goAwayCode == nil)
  }

  @Test func `a drain is announced, serves what is on its way, and ends when all is done`() throws {
    let gate = Gate()
    let origin = try Origin { connection in
      guard try connection.head() != nil else { return }
      try gate.wait()
      try connection.send(ok())
    }
    let rig = try http2Rig(origin) { $0.timeouts.drainIdleMilliseconds = 500 }
    let client = try rig.http2()

    try client.send(head: Client.of("acme"), stream: 1)
    try awaitCondition("the request") { origin.heads.count == 1 }
    rig.server.drain()
    while client.goAwayCode == nil { _ = try client.readFrame() }
    #expect(client.control.last?.word(at: 0) == 0x7FFF_FFFF)
    try client.send(head: Client.of("acme"), stream: 3)
    try awaitCondition("the second request") { origin.heads.count == 2 }
    gate.pass()
    let streams = try [client.finish(1), client.finish(3)]
    #expect(try client.readToEnd() == 0)
    let last = client.control.last { $0.type == Client.goAway }?.word(at: 0)
    client.raw.close()
    let usage = try rig.finish()

    #expect(streams.map(\.status) == [200, 200])
    #expect(last == 3)
    #expect(usage["acme/api", .endedCompleted] == 2)
  }

  @Test func `a stream that does not end in the time of a drain is cut off and told so`() throws {
    let origin = try Self.silent()
    let rig = try http2Rig(origin) {
      $0.timeouts.drainMilliseconds = 600
      $0.timeouts.drainIdleMilliseconds = 100
    }
    let client = try rig.http2()

    try client.send(head: Client.of("acme"), stream: 1)
    try awaitCondition("the request") { origin.heads.count == 1 }
    rig.server.drain()
    let stream = try client.finish(1)
    try client.readToEnd()
    client.raw.close()
    let usage = try rig.finish()

    #expect(stream.resetCode == 2)
    #expect(usage["acme/api", .endedDrained] == 1)
  }

  @Test func `idle time, heads that are no request and resets are counted`() throws {
    let rig = try http2Rig(try Origin.answering(ok()))
    let client = try rig.http2()

    for id in [1, 3] as [UInt32] { try client.send(head: [("x", "y")], stream: id) }
    for id in [1, 3] as [UInt32] { #expect(try client.finish(id).resetCode == 1) }
    Clocks.pause(milliseconds: 80)
    #expect(try client.get(stream: 5).status == 200)
    Clocks.pause(milliseconds: 80)
    #expect(try client.get(stream: 7).status == 200)
    try client.roundTrip()
    let (heads, resets) = (rig.counter(.malformedRequests), rig.counter(.http2Resets))
    try client.leave()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(heads == 2)
    #expect(resets == 2)
    #expect(usage[.requests] == 2)
    #expect(usage[.idleMilliseconds] >= 158)
    #expect(usage[.idleMilliseconds] < 5_000)
    usage.expectEveryByte(of: [client])
  }

  @Test func `after so many requests a connection takes no more`() throws {
    let rig = try http2Rig(try Origin.answering(ok())) { $0.limits.requestsPerConnectionMax = 3 }
    let client = try rig.http2()

    for id in [1, 3, 5] as [UInt32] { #expect(try client.get(stream: id).status == 200) }
    try client.send(head: Client.request(), stream: 7)
    #expect(try client.readToEnd() == 0)
    client.raw.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(client.streams[7]?.status == 0)
    #expect(client.control.last { $0.type == Client.goAway }?.word(at: 0) == 5)
    #expect(usage[.requests] == 3)
  }

  @Test func `an idle connection is closed with a word`() throws {
    let rig = try http2Rig(try Origin.answering(ok())) { $0.timeouts.keepAliveMilliseconds = 300 }
    let client = try rig.http2()

    #expect(try client.get(stream: 1).status == 200)
    #expect(try client.readToEnd() == 0)
    client.raw.close()
    try rig.awaitIdle()
    let count = rig.counter(.timeoutsKeepAlive)
    _ = try rig.finish()

    #expect(count == 1)
  }

  @Test func `a connection without a request is closed in time`() throws {
    let rig = try http2Rig(try Origin.answering(ok())) { $0.timeouts.firstHeadMilliseconds = 300 }
    let client = try rig.http2()

    #expect(try client.readToEnd() == 0)
    client.raw.close()
    try rig.awaitIdle()
    let count = rig.counter(.timeoutsFirstHead)
    _ = try rig.finish()

    #expect(count == 1)
  }

  @Test func `streams are no connections to the bounds and gauges`() throws {
    let gate = Gate()
    let origin = try Origin { connection in
      guard try connection.head() != nil else { return }
      try gate.wait()
      try connection.send(ok())
    }
    let rig = try http2Rig(origin) { $0.limits.connectionsMax = 3 }
    let client = try rig.http2()

    for number in 0..<10 as Range<UInt32> {
      try client.send(head: Client.of("acme"), stream: 2 * number + 1)
    }
    try awaitCondition("the requests") { origin.heads.count == 10 }
    let other = try rig.client()
    try other.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    try awaitCondition("one more") { origin.heads.count == 11 }
    #expect(rig.counter(.downstreamConnections) == 2)
    #expect(rig.counter(.http2Streams) == 10)
    gate.pass()
    #expect(try other.readResponse().status == 200)
    for number in 0..<10 as Range<UInt32> {
      #expect(try client.finish(2 * number + 1).status == 200)
    }
    other.close()
    client.raw.close()
    try rig.awaitIdle()
    _ = try rig.finish()
  }
}
