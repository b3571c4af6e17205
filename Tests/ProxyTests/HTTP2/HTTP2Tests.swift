import PlainHTTP
import TestSupport
import Testing
import Usage

@testable import Proxy

@Suite struct HTTP2Tests {
  private typealias Client = HTTP2Client

  @Test
  func `a request and its response are counted with their frames, the rest is the connection's`()
    throws
  {
    let origin = try Origin.answering(ok("hello"))
    let rig = try http2Rig(origin)
    let client = try rig.http2()

    try client.send(head: Client.of("acme"), stream: 1)
    let stream = try client.finish(1)
    try client.roundTrip()
    let sent = client.raw.socket.bytesSent
    let received = client.raw.bytesConsumed
    client.raw.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(stream.status == 200)
    #expect(stream.body == Array("hello".utf8))
    #expect(
      usage.counts("acme/api") == [
        .requests: 1, .responses2xx: 1, .endedCompleted: 1, .attempts: 1,
        .requestBytes: stream.bytesSent, .responseBytes: stream.bytesReceived,
        .responseBodyBytes: 5, .upstreamRequestBytes: origin.bytesReceived,
        .upstreamResponseBytes: origin.bytesSent,
      ])
    #expect(usage[.receivedBytes] == sent - stream.bytesSent)
    #expect(usage[.sentBytes] == received - stream.bytesReceived)
  }

  @Test(arguments: [0, 1, 5_000, 65_535, 65_536, 300_000], [true, false])
  func `content of any size goes up and down unchanged`(size: Int, announced: Bool) throws {
    let origin = try echo()
    let rig = try http2Rig(origin)
    let client = try rig.http2()
    let content = pattern(size)

    let fields = announced ? [("content-length", "\(size)")] : []
    try client.send(head: Client.of("acme", "POST", "/", fields), stream: 1, ends: false)
    if size == 0 {
      try client.send(data: [], stream: 1, ends: true)
    } else {
      try client.upload(content, stream: 1)
    }
    let stream = try client.finish(1)
    client.raw.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(stream.status == 200)
    #expect(stream.body == content)
    #expect(usage["acme/api", .requestBytes] == stream.bytesSent)
    #expect(usage["acme/api", .responseBytes] == stream.bytesReceived)
    #expect(usage["acme/api", .requestBodyBytes] == UInt64(size))
    #expect(usage["acme/api", .responseBodyBytes] == UInt64(size))
    #expect(usage["acme/api", .endedCompleted] == 1)
  }

  @Test(arguments: ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
  func `a head that ends the stream has no content upstream`(method: String) throws {
    let origin = try echo()
    let rig = try http2Rig(origin)
    let client = try rig.http2()

    try client.send(head: Client.request(method), stream: 1)
    let stream = try client.finish(1)
    client.raw.close()
    _ = try rig.finish()

    #expect(stream.status == 200)
    #expect(!origin.heads[0].lowercased().contains("transfer-encoding"))
  }

  @Test func `the bound of a field list holds for the head and the trailers apart`() throws {
    let rig = try http2Rig(try echo()) { $0.limits.headerListBytesMax = 1_100 }
    let client = try rig.http2()
    let long = String(repeating: "y", count: 600)

    try client.send(
      head: HTTP2Client.of("acme", "POST", "/", [("x", long)]), stream: 1, ends: false)
    try client.send(data: [1], stream: 1)
    try client.send(head: [("x-last", long)], stream: 1)
    let stream = try client.finish(1)
    try client.leave()
    try rig.awaitIdle()
    _ = try rig.finish()

    #expect(stream.status == 200)
  }

  @Test func `a head in several frames is its tenant's with all of them`() throws {
    let rig = try http2Rig(try Origin.answering(ok()))
    let client = try rig.http2()
    let block = HTTP2Client.block(HTTP2Client.of("acme"))

    try client.send(
      HTTP2Client.Frame(HTTP2Client.headers, flags: 1, stream: 1, Array(block.prefix(10))),
      HTTP2Client.Frame(HTTP2Client.continuation, stream: 1, Array(block[10..<20])),
      HTTP2Client.Frame(HTTP2Client.continuation, flags: 4, stream: 1, Array(block[20...])))
    let stream = try client.finish(1)
    try client.leave()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(stream.status == 200)
    #expect(usage["acme/api", .requestBytes] == UInt64(3 * 9 + block.count))
    usage.expectEveryByte(of: [client])
  }

  @Test func `padding of content is counted and goes no further`() throws {
    let rig = try http2Rig(try echo())
    let client = try rig.http2()
    let content = pattern(150_000)

    try client.send(head: Client.of("acme", "POST"), stream: 1, ends: false)
    var rest = content[...]
    var budget = 65_535
    while !rest.isEmpty {
      let piece = Array(rest.prefix(1_000))
      rest = rest.dropFirst(piece.count)
      let frame = Client.Frame(
        Client.data, flags: Client.padded | (rest.isEmpty ? Client.endStream : 0), stream: 1,
        [200] + piece + [UInt8](repeating: 0, count: 200))
      while budget < frame.payload.count {
        if let frame = try client.readFrame(), frame.type == Client.windowUpdate, frame.stream == 1
        {
          budget += Int(frame.word(at: 0))
        }
      }
      budget -= frame.payload.count
      try client.send(frame)
    }
    let stream = try client.finish(1)
    client.raw.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(stream.body == content)
    #expect(usage["acme/api", .requestBytes] == stream.bytesSent)
    #expect(usage["acme/api", .requestBodyBytes] == 150_000)
  }

  @Test(arguments: [
    ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 42\r\n\r\n", 200),
    ("GET", "HTTP/1.1 204 No Content\r\n\r\n", 204),
    ("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\nETag: \"x\"\r\n\r\n", 304),
    ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200),
  ])
  func `a response without content ends with its head`(method: String, answer: String, status: Int)
    throws
  {
    let rig = try http2Rig(try Origin.answering(answer))
    let client = try rig.http2()

    try client.send(head: Client.of("acme", method), stream: 1)
    let stream = try client.finish(1)
    client.raw.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(stream.status == status)
    #expect(stream.hasEnded && stream.body.isEmpty && stream.resetCode == nil)
    #expect(stream["connection"] == nil)
    #expect(usage["acme/api", .responseBytes] == stream.bytesReceived)
    #expect(usage["acme/api", .responseBodyBytes] == 0)
    #expect(usage["acme/api", .endedCompleted] == 1)
  }

  @Test func `chunks, and a body until close, become frames and an end`() throws {
    let origin = try Origin { connection in
      while let head = try connection.head() {
        if head.start[1] == "/close" {
          try connection.send("HTTP/1.1 200 OK\r\n\r\nuntil close")
          return
        }
        try connection.send(
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n3\r\nend\r\n0\r\n\r\n")
      }
    }
    let rig = try http2Rig(origin)
    let client = try rig.http2()

    let chunked = try client.get("/chunks", stream: 1, [("x-tenant", "acme")])
    let closed = try client.get("/close", stream: 3, [("x-tenant", "acme")])
    try client.roundTrip()
    client.raw.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(chunked.body == Array("fourend".utf8))
    #expect(chunked["transfer-encoding"] == nil)
    #expect(closed.body == Array("until close".utf8))
    #expect(
      usage["acme/api", .responseBytes] == chunked.bytesReceived + closed.bytesReceived)
    #expect(usage["acme/api", .responseBodyBytes] == 18)
    #expect(usage["acme/api", .endedCompleted] == 2)
  }

  @Test func `an end that comes later than the content is the request's too`() throws {
    let gate = Gate()
    let origin = try Origin { connection in
      guard try connection.head() != nil else { return }
      try connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n")
      try gate.wait()
      try connection.send("0\r\n\r\n")
    }
    let rig = try http2Rig(origin)
    let client = try rig.http2()

    try client.send(head: Client.of("acme"), stream: 1)
    while client.streams[1]?.body.count != 4 { _ = try client.readFrame() }
    gate.pass()
    let stream = try client.finish(1)
    client.raw.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(stream.hasEnded)
    #expect(usage["acme/api", .responseBytes] == stream.bytesReceived)
    #expect(usage["acme/api", .endedCompleted] == 1)
  }

  @Test func `an end waits for a window, and the exchange with it`() throws {
    let gate = Gate()
    let origin = try Origin { connection in
      guard try connection.head() != nil else { return }
      try connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n")
      try gate.wait()
      try connection.send("0\r\n\r\n")
    }
    let rig = try http2Rig(origin)
    let client = try rig.http2([(4, 4)])
    client.opensWindows = false

    try client.send(head: Client.of("acme"), stream: 1)
    while client.streams[1]?.body.count != 4 { _ = try client.readFrame() }
    gate.pass()
    try awaitCondition("the origin's end") { origin.finished == 1 }
    try client.roundTrip()
    try client.openWindow(1, stream: 1)
    let stream = try client.finish(1)
    client.raw.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(stream.hasEnded && stream.resetCode == nil)
    #expect(usage["acme/api", .responseBytes] == stream.bytesReceived)
    #expect(usage["acme/api", .endedCompleted] == 1)
  }

  @Test(arguments: ["103 Early Hints", "102 Processing", "100 Continue"])
  func `interim responses are passed on and counted as bytes only`(interim: String) throws {
    let origin = try Origin { connection in
      while let head = try connection.head() {
        try connection.send("HTTP/1.1 \(interim)\r\nLink: </a>\r\n\r\n")
        _ = try connection.body(head)
        try connection.send(ok())
      }
    }
    let rig = try http2Rig(origin)
    let client = try rig.http2()

    try client.send(
      head: Client.of("acme", "POST", "/", [("expect", "100-continue")]), stream: 1, ends: false)
    while client.streams[1]?.interim.isEmpty ?? true { _ = try client.readFrame() }
    try client.send(data: pattern(10), stream: 1, ends: true)
    let stream = try client.finish(1)
    client.raw.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(stream.interim == [Int(interim.prefix(3))!])
    #expect(stream.status == 200)
    #expect(usage["acme/api", .responseBytes] == stream.bytesReceived)
    #expect(usage["acme/api", .responses2xx] == 1)
  }

  @Test func `trailers go both ways`() throws {
    let origin = try Origin { connection in
      while let head = try connection.head() {
        _ = try connection.body(head)
        let text = connection.trailers.map { "\($0.name)=\($0.value)" }.joined(separator: ",")
        try connection.send(
          "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "3\r\nabc\r\n0\r\nX-Sum: \(text)\r\n\r\n")
      }
    }
    let rig = try http2Rig(origin)
    let client = try rig.http2()

    try client.send(
      head: Client.of("acme", "POST", "/", [("te", "trailers")]), stream: 1, ends: false)
    try client.send(data: pattern(10), stream: 1)
    try client.send(head: [("x-checksum", "42")], stream: 1)
    let stream = try client.finish(1)
    client.raw.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(stream.body == Array("abc".utf8))
    #expect(stream.trailers.map(\.name) == ["x-sum"])
    #expect(stream.trailers.first?.value.lowercased() == "x-checksum=42")
    #expect(usage["acme/api", .requestBytes] == stream.bytesSent)
    #expect(usage["acme/api", .responseBytes] == stream.bytesReceived)
    #expect(usage["acme/api", .endedCompleted] == 1)
  }

  @Test func `cookies that came in crumbs are one field upstream`() throws {
    let origin = try Origin.answering(ok())
    let rig = try http2Rig(origin)
    let client = try rig.http2()

    _ = try client.get(stream: 1, [("cookie", "a=1"), ("cookie", "b=2"), ("cookie", "c=3")])
    client.raw.close()
    _ = try rig.finish()

    #expect(origin.heads[0].contains("cookie: a=1; b=2; c=3\r\n"))
  }

  @Test func `each stream of one connection belongs to its own tenant`() throws {
    let rig = try http2Rig(try echo())
    let client = try rig.http2()
    let tenants = ["acme", "globex", "initech"]
    var sent: [String: UInt64] = [:]
    var received: [String: UInt64] = [:]

    // All heads first, then the contents in turns.
    for number in 0..<30 {
      try client.send(
        head: Client.of(tenants[number % 3], "POST"), stream: UInt32(2 * number + 1), ends: false)
    }
    for part in 0..<3 {
      for number in 0..<30 {
        try client.send(
          data: pattern(100 * (number % 3 + 1)), stream: UInt32(2 * number + 1), ends: part == 2)
      }
    }
    for number in 0..<30 {
      let stream = try client.finish(UInt32(2 * number + 1))
      #expect(stream.body.count == 300 * (number % 3 + 1))
      sent[tenants[number % 3], default: 0] += stream.bytesSent
      received[tenants[number % 3], default: 0] += stream.bytesReceived
    }
    client.raw.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    for (number, tenant) in tenants.enumerated() {
      #expect(usage["\(tenant)/api", .requests] == 10)
      #expect(usage["\(tenant)/api", .endedCompleted] == 10)
      #expect(usage["\(tenant)/api", .requestBytes] == sent[tenant])
      #expect(usage["\(tenant)/api", .responseBytes] == received[tenant])
      #expect(usage["\(tenant)/api", .requestBodyBytes] == UInt64(3_000 * (number + 1)))
    }
  }

  @Test func `downloads on one connection share it`() throws {
    let content = pattern(2_000_000)
    let origin = try Origin { connection in
      while try connection.head() != nil {
        try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n")
        try connection.send(content)
      }
    }
    let rig = try http2Rig(origin)
    let client = try rig.http2([(4, 1_000_000)])

    client.opensWindows = false
    for id in [1, 3, 5] as [UInt32] { try client.send(head: Client.of("acme"), stream: id) }
    try awaitCondition("the requests") { origin.heads.count == 3 }
    client.opensWindows = true
    try client.openWindow(1_000)
    while !(client.streams[1]?.isOver ?? false) && !(client.streams[5]?.isOver ?? false) {
      _ = try client.readFrame()
    }
    let least = [1, 3, 5].map { client.streams[$0]?.body.count ?? 0 }.min() ?? 0
    for id in [1, 3, 5] as [UInt32] {
      #expect(try client.finish(id).body == content)
    }
    client.raw.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(least > 200_000)
    #expect(usage["acme/api", .endedCompleted] == 3)
  }

  @Test func `content waits while the window is at zero, and goes on when it opens`() throws {
    let rig = try http2Rig(try Origin.answering(ok(String(repeating: "x", count: 1_000))))
    let client = try rig.http2([(4, 0)])
    client.opensWindows = false

    try client.send(head: Client.of("acme"), stream: 1)
    while client.streams[1]?.status != 200 { _ = try client.readFrame() }
    try client.roundTrip()
    #expect(client.streams[1]?.body == [])
    try client.openWindow(10, stream: 1)
    try client.roundTrip()
    try client.roundTrip()
    #expect(client.streams[1]?.body.count == 10)
    try client.send(Client.settingsFrame([(4, 990)]))
    let stream = try client.finish(1)
    client.raw.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(stream.body.count == 1_000)
    #expect(usage["acme/api", .responseBytes] == stream.bytesReceived)
  }

  @Test func `a segment that is sealed amid streams carries them over`() throws {
    let gate = Gate()
    let origin = try Origin { connection in
      while try connection.head() != nil {
        try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
        try gate.wait()
        try connection.send("def")
      }
    }
    let rig = try http2Rig(origin)
    let client = try rig.http2()

    for id in [1, 3] as [UInt32] { try client.send(head: Client.of("acme"), stream: id) }
    try rig.waitFor(.responseBodyBytes, 6)
    try rig.rotate()
    gate.pass()
    let streams = try [client.finish(1), client.finish(3)]
    client.raw.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(streams.map(\.body.count) == [6, 6])
    #expect(usage.segments.count >= 2)
    #expect(usage.segments[0].first { "\($0.tenant)" == "acme" }?.openEnd == 2)
    #expect(usage["acme/api", .requests] == 2)
    #expect(
      usage["acme/api", .responseBytes] == streams[0].bytesReceived + streams[1].bytesReceived)
  }

  @Test func `what is no HTTP/2 preface is read as HTTP/1.1`() throws {
    let rig = try http2Rig(try Origin.answering(ok()))
    let client = try rig.client()

    try client.send("P")
    try client.send("OST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")

    #expect(try client.readResponse().status == 200)
    client.close()
    _ = try rig.finish()
  }

  @Test func `a listener without HTTP/2 refuses its preface`() throws {
    let rig = try ProxyRig(try Origin.answering(ok()))
    let client = try rig.client()

    try client.send(Client.preface)

    #expect(try client.readResponse().status >= 400)
    client.close()
    _ = try rig.finish()
  }
}
