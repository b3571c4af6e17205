import PlainHTTP
import Platform
import TestSupport
import Testing
import Usage

@testable import Proxy

@Suite struct StreamTests {
  @Test func `events reach the client one by one and open time is counted while they come`() throws
  {
    let gates = [Gate(), Gate()]
    let origin = try Origin { connection in
      guard try connection.head() != nil else { return }
      try connection.send(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\ndata: 0\n\n")
      for (index, gate) in gates.enumerated() {
        try gate.wait()
        try connection.send("data: \(index + 1)\n\n")
      }
    }
    let rig = try ProxyRig(origin) { $0.timeouts.bodyMilliseconds = 50 }
    let client = try rig.client()

    try client.send("GET / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n\r\n")
    _ = try client.readHead()
    #expect(try client.readBytes(21) == Array("00000009\r\ndata: 0\n\n\r\n".utf8))
    let opened = Clocks.monotonicMilliseconds()
    // Longer than the time limit of a body: a stream has its own.
    try rig.waitFor(.streamMilliseconds, 400)
    let seen = Clocks.monotonicMilliseconds()
    gates[0].pass()
    #expect(try client.readBytes(21) == Array("00000009\r\ndata: 1\n\n\r\n".utf8))
    gates[1].pass()
    _ = try client.readToChunkEnd()
    let received = client.socket.bytesReceived
    client.close()
    let usage = try rig.finish()

    #expect(usage["acme/api", .streamMilliseconds] + 300 >= seen - opened)
    #expect(usage["acme/api", .responseBytes] == received)
    #expect(usage["acme/api", .responseBodyBytes] == 27)
    #expect(usage["acme/api", .endedCompleted] == 1)
    #expect(usage["acme/api", .upstreamResponseBytes] == origin.bytesSent)
  }

  @Test func `open time shorter than a sweep is counted with the last bytes`() throws {
    let origin = try Origin { connection in
      guard try connection.head() != nil else { return }
      try connection.send(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 4\r\n\r\nab")
      let start = Clocks.monotonicMilliseconds()
      try awaitCondition("some open time") { Clocks.monotonicMilliseconds() - start > 100 }
      try connection.send("cd")
      _ = try connection.drain()
    }
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    try client.send("GET / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n\r\n")
    _ = try client.readHead()
    let opened = Clocks.monotonicMilliseconds()
    #expect(try client.readBytes(4) == Array("abcd".utf8))
    let least = Clocks.monotonicMilliseconds() - opened
    client.close()
    let usage = try rig.finish()

    #expect(usage["acme/api", .streamMilliseconds] + 20 >= least)
    #expect(usage["acme/api", .streamMilliseconds] >= 80)
  }

  @Test(arguments: [true, false], [true, false])
  func `64 MiB go up and down with bounded memory and to the byte`(
    chunkedUp: Bool, chunkedDown: Bool
  ) throws {
    let total = 64 << 20
    let piece = 1 << 20
    let origin = try Origin { connection in
      guard let head = try connection.head() else { return }
      var count = 0
      _ = try connection.reader.body(try BodyFraming.ofRequest(head)) { count += $0.count }
      #expect(count == total)
      try connection.send(
        chunkedDown
          ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
          : "HTTP/1.1 200 OK\r\nContent-Length: \(total)\r\n\r\n")
      try Self.send(total, by: piece, chunked: chunkedDown, on: connection.socket)
      _ = try connection.drain()
    }
    let rig = try ProxyRig(origin)
    let client = try rig.client(timeoutMilliseconds: 30_000)

    try client.send(
      "PUT / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n"
        + (chunkedUp ? "Transfer-Encoding: chunked" : "Content-Length: \(total)") + "\r\n\r\n")
    try Self.send(total, by: piece, chunked: chunkedUp, on: client.socket)
    // One buffer of input and one of output each way.
    #expect(rig.counter(.lentBuffers) <= 4)
    var reader = ByteReader(client.socket)
    let head = try MessageHead(try #require(try reader.head()))
    var received = 0
    _ = try reader.body(try BodyFraming.ofResponse(head, status: 200, method: "PUT")) {
      received += $0.count
      if rig.counter(.lentBuffers) > 4 { Issue.record("more buffers than four") }
    }
    let (sentBytes, receivedBytes) = (client.socket.bytesSent, client.socket.bytesReceived)
    client.close()
    let usage = try rig.finish()

    #expect(received == total)
    #expect(origin.faults == [])
    #expect(
      usage.counts("acme/api") == [
        .requests: 1, .responses2xx: 1, .endedCompleted: 1, .attempts: 1, .requestBytes: sentBytes,
        .responseBytes: receivedBytes, .requestBodyBytes: UInt64(total),
        .responseBodyBytes: UInt64(total), .upstreamRequestBytes: origin.bytesReceived,
        .upstreamResponseBytes: origin.bytesSent,
      ])
  }

  private static func send(_ total: Int, by piece: Int, chunked: Bool, on socket: Socket) throws {
    let content = [UInt8](repeating: 0x61, count: piece)
    for _ in 0..<(total / piece) {
      if chunked { try socket.send(Array("\(String(piece, radix: 16))\r\n".utf8)) }
      try socket.send(content)
      if chunked { try socket.send(Array("\r\n".utf8)) }
    }
    if chunked { try socket.send(Array("0\r\n\r\n".utf8)) }
  }

  @Test func `a client that reads slowly gets everything and the upstream waits for it`() throws {
    let total = 24 << 20
    let origin = try Origin { connection in
      guard try connection.head() != nil else { return }
      try connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(total)\r\n\r\n")
      try connection.send([UInt8](repeating: 1, count: total))
      _ = try connection.drain()
    }
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    try client.send("GET / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n\r\n")
    _ = try client.readHead()
    // It has stopped when two looks, some turns apart, see the same.
    var last: UInt64 = 0
    try awaitCondition("the flow to stop") {
      let now = origin.bytesSent + rig.live(.responseBytes)
      defer { last = now }
      Clocks.pause(milliseconds: 50)
      return now == last && rig.live(.responseBytes) > 0
    }
    #expect(rig.live(.responseBodyBytes) < UInt64(total))
    #expect(rig.counter(.lentBuffers) <= 2)
    #expect(try client.readBytes(total).count == total)
    client.close()
    let usage = try rig.finish()

    #expect(usage["acme/api", .responseBodyBytes] == UInt64(total))
    #expect(usage["acme/api", .upstreamResponseBytes] == origin.bytesSent)
    #expect(usage["acme/api", .endedCompleted] == 1)
    #expect(usage["acme/api", .responses2xx] == 1)
  }
}
