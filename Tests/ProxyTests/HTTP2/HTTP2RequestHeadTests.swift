import HTTPCodec
import PlainHTTP
import Platform
import TestSupport
import Testing
import Usage

@testable import Proxy

/// Heads of requests over HTTP/2 at the edges of what they may be.
struct HTTP2RequestHeadTests {
  typealias Client = HTTP2Client

  /// Splits a field block into HEADERS and CONTINUATION frames.
  private static func frames(_ block: [UInt8], stream: UInt32) -> [Client.Frame] {
    let starts = Array(stride(from: 0, to: block.count, by: 16_000))
    return starts.map { start in
      let isLast = start == starts.last
      return Client.Frame(
        start == 0 ? Client.headers : Client.continuation,
        flags: (isLast ? Client.endHeaders : 0) | (start == 0 ? Client.endStream : 0),
        stream: stream, Array(block[start..<min(start + 16_000, block.count)]))
    }
  }

  @Test(arguments: [":path", ":authority"])
  func `a pseudo-field that has no place in a buffer makes the head too large`(
    name: String
  ) throws {
    let rig = try http2Rig(try Origin.answering(ok())) {
      $0.limits.bufferBytes = 2 * $0.limits.headBytesMax + 4_096
    }
    let client = try rig.http2()
    let long = "/" + String(repeating: "a", count: 40_000)

    // The scheme stands behind what does not fit.
    try client.send(
      Self.frames(
        Client.block([
          (":method", "GET"), (":path", name == ":path" ? long : "/"),
          (":authority", name == ":path" ? "h" : String(long.dropFirst())), (":scheme", "http"),
        ]), stream: 1))
    let stream = try client.finish(1)
    let next = try client.get(stream: 3)
    try client.leave()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(stream.status == 431)
    #expect(next.status == 200)
    #expect(usage["~unattributed/~none", .endedRejected] == 1)
  }

  @Test func `the largest head that is allowed passes, wherever its bytes are`() throws {
    let rig = try http2Rig(try Origin.answering(ok())) {
      $0.limits.targetBytesMax = $0.limits.headBytesMax
      $0.limits.bufferBytes = 2 * $0.limits.headBytesMax + 4_096
    }
    let client = try rig.http2()
    let count = ProxyConfiguration().limits.headBytesMax
    // `GET  HTTP/1.1`, `Host: h`, `x-tenant: acme` and the empty line.
    let room = count - 15 - 9 - 16 - 2
    var statuses: [Int?] = []

    for (number, more) in [0, 1].enumerated() {
      let target = "/" + String(repeating: "p", count: room + more - 1)
      let cookie = String(repeating: "c", count: room + more - 1 - 10)
      for (part, fields) in [
        [(":method", "GET"), (":path", target), (":scheme", "http"), (":authority", "h")],
        Client.request() + [("cookie", cookie)],
      ].enumerated() {
        let stream = UInt32(4 * number + 2 * part + 1)
        try client.send(Self.frames(Client.block(fields + [("x-tenant", "acme")]), stream: stream))
        statuses.append(try client.finish(stream).status)
      }
    }
    try client.leave()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(statuses == [200, 200, 431, 431])
    #expect(usage["acme/api", .endedCompleted] == 2 && usage[.endedRejected] == 2)
  }

  @Test func `a connection at rest keeps nothing of a large head`() throws {
    let pool = BufferPool(capacity: 65_536, keptMax: 4)
    let head = HTTP2RequestHead()
    let value = [UInt8](repeating: UInt8(ascii: "a"), count: 30_000)

    head.begin(pool)
    for name in ["cookie", "host"] {
      let name = Array(name.utf8)
      // Safe: a UInt8 has no padding that the raw bytes could show.
      let taken = unsafe head.take(name.span.bytes, value.span.bytes, bytesMax: 65_536)
      #expect(taken == .kept)
    }
    let text = try #require(head.end(headBytesMax: 16_384, listBytesMax: 65_536))
    pool.give(text.buffer)
    head.release(to: pool)

    #expect(head.cookies.capacity + (head.host?.capacity ?? 0) <= 4_096)
    #expect(pool.lent == 0)
  }

  @Test func `a head that is cut off leaves nothing to the next`() throws {
    let origin = try echo()
    let rig = try http2Rig(origin)
    let client = try rig.http2()

    // A pseudo-field behind others ends the first in its middle.
    try client.send(
      head: Client.of("acme", "GET", "/first", [("cookie", "a=1"), ("content-length", "5")]).filter
      {
        $0.0 != ":authority"
      } + [("host", "first"), (":authority", "x")], stream: 1, ends: false)
    try client.send(head: Client.of("acme", "POST", "/second"), stream: 3, ends: false)
    try client.send(data: Array("ab".utf8), stream: 3, ends: true)
    let second = try client.finish(3)
    try client.leave()
    try rig.awaitIdle()
    let usage = try rig.finish()

    let text = try #require(origin.heads.last).lowercased()
    #expect(origin.heads.count == 1 && second.body == Array("ab".utf8))
    #expect(client.streams[1]?.resetCode != nil)
    #expect(text.hasPrefix("post /second http/1.1\r\nhost: h\r\n"))
    #expect(text.contains("\r\ntransfer-encoding: chunked\r\n"))
    #expect(!text.contains("cookie") && !text.contains("first") && !text.contains("content-length"))
    #expect(usage[.requests] == 1)
    usage.expectEveryByte(of: [client])
  }
}
