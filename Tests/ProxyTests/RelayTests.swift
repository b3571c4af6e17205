import PlainHTTP
import TestSupport
import Testing
import Usage

@testable import Proxy

@Suite struct RelayTests {
  @Test func `a request and its answer are counted to the byte on both sides`() throws {
    let origin = try Origin.answering(ok("hello"))
    let rig = try ProxyRig(origin)
    let client = try rig.client()
    let request = "GET /a?b=c HTTP/1.1\r\nHost: example.com\r\nX-Tenant: acme\r\n\r\n"

    try client.send(request)
    let response = try client.readResponse()
    client.close()
    let usage = try rig.finish()

    #expect(response.status == 200)
    #expect(response.body == Array("hello".utf8))
    #expect(
      usage.counts("acme/api") == [
        .requests: 1, .responses2xx: 1, .endedCompleted: 1, .attempts: 1,
        .requestBytes: UInt64(request.utf8.count), .responseBytes: response.bytes,
        .responseBodyBytes: 5, .upstreamRequestBytes: origin.bytesReceived,
        .upstreamResponseBytes: origin.bytesSent,
      ])
    #expect(usage.keys == ["acme/api"])
    #expect(usage["acme/api", .durationMicroseconds] > 0)
    #expect(usage["acme/api", .upstreamMicroseconds] > 0)
    #expect(origin.heads.count == 1)
    #expect(origin.heads[0].hasPrefix("GET /a?b=c HTTP/1.1\r\nHost: example.com\r\n"))
  }

  @Test func `connections are kept on both sides and each request has its own tenant`() throws {
    let origin = try Origin.answering(ok())
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    for tenant in ["a", "b", "a"] {
      try client.send("GET / HTTP/1.1\r\nHost: h\r\nX-Tenant: \(tenant)\r\n\r\n")
      #expect(try client.readResponse().status == 200)
    }
    let (sent, received) = (client.socket.bytesSent, client.socket.bytesReceived)
    client.close()
    let usage = try rig.finish()

    #expect(origin.connections == 1)
    #expect(usage.keys == ["a/api", "b/api"])
    #expect(usage["a/api", .requests] == 2)
    #expect(usage["b/api", .endedCompleted] == 1)
    #expect(usage[.requestBytes] == sent)
    #expect(usage[.responseBytes] == received)
    #expect(usage[.upstreamRequestBytes] == origin.bytesReceived)
    #expect(usage[.upstreamResponseBytes] == origin.bytesSent)
    #expect(usage[.accepted] == 1)
  }

  @Test func `pipelined requests are answered in order and each is counted on its own`() throws {
    let origin = try Origin.answering { head, body in ok(head.start[1] + String(body.count)) }
    let rig = try ProxyRig(origin)
    let client = try rig.client()
    let tenants = (0..<20).map { "t\($0 % 3)" }
    let requests = tenants.enumerated().map { index, tenant in
      index % 2 == 0
        ? "GET /\(index) HTTP/1.1\r\nHost: h\r\nX-Tenant: \(tenant)\r\n\r\n"
        : "POST /\(index) HTTP/1.1\r\nHost: h\r\nX-Tenant: \(tenant)\r\nContent-Length: 3\r\n\r\nabc"
    }

    try client.send(requests.joined())
    var bytes: [String: UInt64] = [:]
    for (index, tenant) in tenants.enumerated() {
      let response = try client.readResponse()
      #expect(response.body == Array("/\(index)\(index % 2 == 0 ? 0 : 3)".utf8))
      bytes[tenant, default: 0] += response.bytes
    }
    client.close()
    let usage = try rig.finish()

    for tenant in Set(tenants) {
      let sent = zip(tenants, requests).filter { $0.0 == tenant }.reduce(0) {
        $0 + $1.1.utf8.count
      }
      #expect(usage["\(tenant)/api", .requestBytes] == UInt64(sent))
      #expect(usage["\(tenant)/api", .responseBytes] == bytes[tenant])
    }
    #expect(usage[.requestBodyBytes] == 30)
    #expect(usage[.upstreamRequestBytes] == origin.bytesReceived)
    #expect(usage[.receivedBytes] == 0)
  }

  @Test(arguments: [1, 2, 3, 7, 64, 1_000])
  func `a message is counted alike however it is cut`(piece: Int) throws {
    let answer =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      + "4\r\nWiki\r\n6;x=y\r\npedia \r\n0\r\nX-End: 1\r\n\r\n"
    let origin = try Origin { connection in
      while let head = try connection.head() {
        #expect(try connection.body(head) == Array("0123456789".utf8))
        for bytes in Self.pieces(answer, of: piece) { try connection.send(bytes) }
      }
    }
    let rig = try ProxyRig(origin)
    let client = try rig.client()
    let bodies = [
      "Content-Length: 10\r\n\r\n0123456789",
      "Transfer-Encoding: chunked\r\n\r\n3\r\n012\r\n7;a=b\r\n3456789\r\n0\r\nX-T: 2\r\n\r\n",
    ]

    for body in bodies {
      let request = "PUT /x HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\nTE: trailers\r\n\(body)"
      for bytes in Self.pieces(request, of: piece) { try client.send(bytes) }
      let response = try client.readResponse()
      #expect(response.body == Array("Wikipedia ".utf8))
      #expect(response.trailers.map(\.name) == ["x-end"])
    }
    let (sent, received) = (client.socket.bytesSent, client.socket.bytesReceived)
    client.close()
    let usage = try rig.finish()

    #expect(
      usage.counts("acme/api") == [
        .requests: 2, .responses2xx: 2, .endedCompleted: 2, .attempts: 2, .requestBytes: sent,
        .responseBytes: received, .requestBodyBytes: 20, .responseBodyBytes: 20,
        .upstreamRequestBytes: origin.bytesReceived, .upstreamResponseBytes: origin.bytesSent,
      ])
    #expect(origin.faults == [])
  }

  static func pieces(_ text: String, of size: Int) -> [[UInt8]] {
    let bytes = Array(text.utf8)
    return stride(from: 0, to: bytes.count, by: size).map {
      Array(bytes[$0..<min($0 + size, bytes.count)])
    }
  }

  @Test(arguments: [
    ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", "100"),
    ("HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", nil),
    ("GET", "HTTP/1.1 204 No Content\r\n\r\n", nil),
    ("GET", "HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n", nil),
    ("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n", "100"),
    ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "0"),
  ])
  func `an answer without a body has none on either side and the connection goes on`(
    method: String, answer: String, length: String?
  ) throws {
    let origin = try Origin.answering(answer)
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    for _ in 0..<2 {
      try client.send("\(method) / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n\r\n")
      let response = try client.readResponse(method: method)
      #expect(response.head.value("content-length") == length)
      #expect(response.head.value("transfer-encoding") == nil)
    }
    let received = client.socket.bytesReceived
    client.close()
    let usage = try rig.finish()

    #expect(origin.connections == 1)
    #expect(usage["acme/api", .upstreamMicroseconds] > 0)
    #expect(usage["acme/api", .responseBodyBytes] == 0)
    #expect(usage["acme/api", .responseBytes] == received)
    #expect(usage["acme/api", .upstreamResponseBytes] == origin.bytesSent)
    #expect(usage["acme/api", .endedCompleted] == 2)
  }

  @Test(arguments: [
    (200, Quantity.responses2xx), (302, .responses3xx), (404, .responses4xx),
    (500, .responses5xx), (599, .responses5xx),
  ])
  func `an answer is counted by the class of its status`(status: Int, quantity: Quantity) throws {
    let origin = try Origin.answering("HTTP/1.1 \(status) X\r\nContent-Length: 1\r\n\r\nx")
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    try client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    #expect(try client.readResponse().status == status)
    client.close()
    let usage = try rig.finish()

    #expect(usage["~unattributed/api", quantity] == 1)
    #expect(usage["~unattributed/api", .endedCompleted] == 1)
  }

  @Test func `a client of HTTP 1_0 gets chunked content until close`() throws {
    let origin = try Origin.answering(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    try client.send("GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\nX-Tenant: old\r\n\r\n")
    let response = try client.readResponse()
    #expect(response.body == Array("abcde".utf8))
    #expect(response.head.value("transfer-encoding") == nil)
    #expect(response.head.value("connection") == "close")
    client.close()
    let usage = try rig.finish()

    #expect(usage["old/api", .responseBytes] == response.bytes)
    #expect(usage["old/api", .responseBodyBytes] == 5)
    #expect(usage["old/api", .upstreamResponseBytes] == origin.bytesSent)
    #expect(usage["old/api", .endedCompleted] == 1)
  }

  @Test func `a client of HTTP 1_0 that asks for it keeps its connection`() throws {
    let origin = try Origin.answering(ok())
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    for _ in 0..<2 {
      try client.send("GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n")
      #expect(try client.readResponse().head.value("connection") == "keep-alive")
    }
    try client.send("GET / HTTP/1.0\r\nHost: h\r\n\r\n")
    #expect(try client.readResponse().head.value("connection") == "close")
    #expect(try client.readToEnd().isEmpty)
    client.close()
    let usage = try rig.finish()

    #expect(usage[.endedCompleted] == 3)
    #expect(usage[.accepted] == 1)
  }

  @Test(arguments: ["1.0", "1.1"])
  func `an answer until close is passed on whole`(version: String) throws {
    let content = String(repeating: "0123456789", count: 30_000)
    let origin = try Origin { connection in
      while try connection.head() != nil {
        try connection.send("HTTP/1.1 200 OK\r\n\r\n" + content)
        return
      }
    }
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    try client.send("GET / HTTP/\(version)\r\nHost: h\r\nX-Tenant: acme\r\n\r\n")
    let response = try client.readResponse()
    #expect(response.body.count == content.utf8.count)
    #expect(response.head.contains("chunked", in: "transfer-encoding") == (version == "1.1"))
    client.close()
    let usage = try rig.finish()

    #expect(usage["acme/api", .upstreamMicroseconds] > 0)
    #expect(usage["acme/api", .responseBodyBytes] == UInt64(content.utf8.count))
    #expect(usage["acme/api", .responseBytes] == response.bytes)
    #expect(usage["acme/api", .upstreamResponseBytes] == origin.bytesSent)
    #expect(usage["acme/api", .endedCompleted] == 1)
  }

  @Test func `interim answers are passed on, counted as bytes and not as the answer`() throws {
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 9\r\n\r\n"
    let origin = try Origin.answering(
      "HTTP/1.1 102 Processing\r\n\r\n" + interim + ok("done"))
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    try client.send("GET / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n\r\n")
    #expect(try client.readHead() == "HTTP/1.1 102 Processing\r\n\r\n")
    #expect(try client.readHead() == "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
    let response = try client.readResponse()
    try client.send("GET / HTTP/1.0\r\nHost: h\r\nX-Tenant: acme\r\n\r\n")
    #expect(try client.readHead()?.hasPrefix("HTTP/1.1 200 ") == true)
    #expect(try client.readToEnd() == Array("done".utf8))
    let received = client.socket.bytesReceived
    client.close()
    let usage = try rig.finish()

    #expect(response.body == Array("done".utf8))
    #expect(usage["acme/api", .responses2xx] == 2)
    #expect(usage["acme/api", .responseBytes] == received)
    #expect(usage["acme/api", .upstreamResponseBytes] == origin.bytesSent)
  }

  @Test func `a client that waits for 100 gets it and then sends its body`() throws {
    let origin = try Origin { connection in
      while let head = try connection.head() {
        #expect(head.value("expect") == "100-continue")
        try connection.send("HTTP/1.1 100 Continue\r\n\r\n")
        #expect(try connection.body(head).count == 5)
        try connection.send(ok())
      }
    }
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    for _ in 0..<2 {
      try client.send(
        "PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
      #expect(try client.readHead() == "HTTP/1.1 100 Continue\r\n\r\n")
      try client.send("12345")
      #expect(try client.readResponse().status == 200)
    }
    let (sent, received) = (client.socket.bytesSent, client.socket.bytesReceived)
    client.close()
    let usage = try rig.finish()

    #expect(origin.faults == [])
    #expect(usage[.requestBytes] == sent)
    #expect(usage[.responseBytes] == received)
    #expect(usage[.requestBodyBytes] == 10)
    #expect(usage[.responses2xx] == 2)
  }

  @Test func `a final answer before the body closes the connection and nothing follows it`() throws
  {
    let origin = try Origin { connection in
      while try connection.head() != nil {
        try connection.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
        _ = try connection.drain()
      }
    }
    let rig = try ProxyRig(origin)
    let client = try rig.client()
    let head =
      "PUT / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\nExpect: 100-continue\r\n"
      + "Content-Length: 50\r\n\r\n"

    try client.send(head)
    let response = try client.readResponse()
    #expect(response.status == 403)
    #expect(response.head.value("connection") == "close")
    #expect(try client.readToEnd().isEmpty)
    try client.send("GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n")
    client.close()
    let usage = try rig.finish()

    #expect(origin.heads.count == 1)
    #expect(usage["acme/api", .requestBytes] == UInt64(head.utf8.count))
    #expect(usage["acme/api", .endedCompleted] == 1)
    #expect(usage["acme/api", .responses4xx] == 1)
    #expect(usage[.requests] == 1)
  }

  @Test func `trailers go only to a client that asked for them`() throws {
    let origin = try Origin.answering(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 7\r\n"
        + "Content-Length: 99\r\nTransfer-Encoding: gzip\r\nX-Weir-Tenant: other\r\n\r\n")
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    try client.send("GET / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\n\r\n")
    let asked = try client.readResponse()
    try client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    let notAsked = try client.readResponse()
    client.close()
    let usage = try rig.finish()

    #expect(asked.trailers.map(\.name) == ["x-sum"])
    #expect(notAsked.trailers == [])
    #expect(usage[.responseBytes] == asked.bytes + notAsked.bytes)
    #expect(usage[.upstreamResponseBytes] == origin.bytesSent)
  }

  @Test func `trailers of a request reach the upstream without what could do harm`() throws {
    let origin = try Origin { connection in
      while let head = try connection.head() {
        _ = try connection.body(head)
        try connection.send(ok(connection.trailers.map(\.name).joined(separator: ",")))
      }
    }
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    try client.send(
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX-A: 1\r\n"
        + "Content-Length: 3\r\nHost: evil\r\nX-Tenant: evil\r\nx_weir_tenant: evil\r\n"
        + "X-B:2\r\n\r\n")
    let response = try client.readResponse()
    let sent = client.socket.bytesSent
    client.close()
    let usage = try rig.finish()

    #expect(response.body == Array("x-a,x-b".utf8))
    #expect(usage[.requestBytes] == sent)
    #expect(usage[.upstreamRequestBytes] == origin.bytesReceived)
    #expect(usage[.requestBodyBytes] == 2)
  }

  @Test(arguments: [(true, "x-request-id,server-timing,x-tokens,x-a"), (false, "x-a")])
  func `trailers about ids and costs pass from trusted peers only`(
    isTrusted: Bool, passed: String
  ) throws {
    let origin = try Origin { connection in
      while let head = try connection.head() {
        _ = try connection.body(head)
        try connection.send(ok(connection.trailers.map(\.name).joined(separator: ",")))
      }
    }
    let rig = try ProxyRig(origin) {
      if !isTrusted { $0.listeners[0].trusted = [] }
      $0.upstreams[0].hints.unitFields = [.init(field: "X-Tokens", unit: 0)]
    }
    let client = try rig.client()

    try client.send(
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n"
        + "X-Request-Id: forged\r\nServer-Timing: cpu;dur=1\r\nX-Tokens: 9\r\nX-A: 1\r\n\r\n")
    let response = try client.readResponse()
    client.close()
    _ = try rig.finish()

    #expect(String(decoding: response.body, as: UTF8.self) == passed)
  }

  @Test func `a chunked request that ends with the client's end of stream is complete`() throws {
    let content = [UInt8](repeating: 0x61, count: 200_000)
    let origin = try Origin.answering { _, body in ok("\(body.count)") }
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    try client.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n30d40\r\n")
    try client.send(content)
    try client.send("\r\n0\r\n\r\n")
    client.shutdownSending()
    let response = try client.readResponse()
    let sent = client.socket.bytesSent
    client.close()
    let usage = try rig.finish()

    #expect(response.body == Array("200000".utf8))
    #expect(usage[.requestBytes] == sent)
    #expect(usage[.requestBodyBytes] == 200_000)
    #expect(usage[.endedCompleted] == 1)
  }

  @Test func `an answer before the whole request still lets both finish`() throws {
    let gate = Gate()
    let origin = try Origin { connection in
      while let head = try connection.head() {
        try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
        _ = try connection.body(head)
        try connection.send("cd")
        gate.pass()
      }
    }
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    try client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\n012")
    #expect(try client.readHead()?.hasPrefix("HTTP/1.1 200") == true)
    #expect(try client.readBytes(2) == Array("ab".utf8))
    try client.send("345")
    try gate.wait()
    #expect(try client.readBytes(2) == Array("cd".utf8))
    try client.send("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
    #expect(try client.readResponse().status == 200)
    client.close()
    let usage = try rig.finish()

    #expect(usage[.endedCompleted] == 2)
    #expect(usage[.requestBodyBytes] == 6)
    #expect(usage[.responseBodyBytes] == 8)
  }
}
