import HTTPCodec
import PlainHTTP
import TestSupport
import Testing
import Usage

@testable import Proxy

@Suite struct RefusalTests {
  /// Requests that two programs could read differently, each with the answer that it gets.
  static let malformed: [(request: String, status: Int, code: FaultCode)] = [
    ("GET / HTTP/1.1\nHost: h\n\n", 400, .bareLineFeed),
    ("GET / HTTP/1.1\rHost: h\r\n\r\n", 400, .bareCarriageReturn),
    ("GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n", 400, .controlByte),
    ("\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 400, .leadingEmptyLines),
    ("GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400, .requestLineMalformed),
    ("GET /\r\nHost: h\r\n\r\n", 400, .requestLineMalformed),
    ("G@T / HTTP/1.1\r\nHost: h\r\n\r\n", 400, .methodInvalid),
    ("GET /# HTTP/1.1\r\nHost: h\r\n\r\n", 400, .targetInvalid),
    ("GET x HTTP/1.1\r\nHost: h\r\n\r\n", 400, .targetFormInvalid),
    ("GET / HTTX/1.1\r\nHost: h\r\n\r\n", 400, .versionMalformed),
    ("GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505, .versionUnsupported),
    ("GET / HTTP/1.1\r\n\r\n", 400, .hostMissing),
    ("GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", 400, .hostDuplicate),
    ("GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", 400, .hostInvalid),
    ("GET / HTTP/1.1\r\nHost: h\r\nNoColon\r\n\r\n", 400, .fieldNameInvalid),
    ("GET / HTTP/1.1\r\nHost: h\r\nA : b\r\n\r\n", 400, .spaceBeforeColon),
    ("GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n", 400, .lineFolding),
    ("GET / HTTP/1.1\r\nHost: h\r\nContent_Length: 5\r\n\r\n", 400, .fieldNameAlias),
    ("GET / HTTP/1.1\r\nHost: h\r\nConnection: a/b\r\n\r\n", 400, .connectionOptionInvalid),
    ("GET / HTTP/1.1\r\nHost: h\r\nConnection: Host\r\n\r\n", 400, .connectionOptionForbidden),
    (
      "GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: a\r\nUpgrade: b\r\n\r\n", 400,
      .upgradeDuplicate
    ),
    (
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      400, .contentLengthAndTransferEncoding
    ),
    (
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
      400, .contentLengthAndTransferEncoding
    ),
    (
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nabcde", 400,
      .contentLengthDuplicate
    ),
    ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n\r\nabcde", 400, .contentLengthInvalid),
    ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5, 5\r\n\r\nabcde", 400, .contentLengthInvalid),
    (
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9223372036854775808\r\n\r\n", 400,
      .contentLengthInvalid
    ),
    (
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501,
      .transferEncodingUnknown
    ),
    (
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400,
      .transferEncodingChunkedNotLast
    ),
    (
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501,
      .transferEncodingUnknown
    ),
    (
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \r\n\r\n0\r\n\r\n", 400,
      .transferEncodingInvalid
    ),
    (
      "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
      .transferEncodingOnHTTP10
    ),
    (
      "GET /" + String(repeating: "a", count: 8_192) + " HTTP/1.1\r\nHost: h\r\n\r\n", 414,
      .targetTooLong
    ),
    (
      "GET / HTTP/1.1\r\nHost: h\r\nX: " + String(repeating: "a", count: 16_384) + "\r\n\r\n", 431,
      .headTooLarge
    ),
    (
      "GET / HTTP/1.1\r\nHost: h\r\n" + String(repeating: "A: b\r\n", count: 100) + "\r\n", 431,
      .tooManyFields
    ),
  ]

  @Test(arguments: malformed)
  func `a request that two could read differently is refused, counted once, and goes nowhere`(
    request: String, status: Int, code: FaultCode
  ) throws {
    let origin = try Origin.answering(ok())
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    try client.send(request)
    let response = try client.readResponse()
    #expect(try client.readToEnd().isEmpty)
    client.close()
    let usage = try rig.finish()

    #expect(response.status == status)
    #expect(
      String(decoding: response.body, as: UTF8.self).contains("\"code\":\"\(code.rawValue)\""))
    #expect(response.head.value("connection") == "close")
    #expect(origin.connections == 0)
    #expect(rig.counter(.malformedRequests) == 1)
    #expect(usage.keys == ["~unattributed/~none"])
    #expect(usage[.requests] == 1)
    #expect(usage[.endedRejected] == 1)
    #expect(usage[status == 501 || status == 505 ? .responses5xx : .responses4xx] == 1)
    #expect(usage[.attempts] == 0)
    #expect(usage[.upstreamRequestBytes] == 0)
    #expect(usage[.responseBytes] == response.bytes)
    #expect(usage[.responseBodyBytes] == UInt64(response.body.count))
    #expect(usage[.requestBytes] + usage[.receivedBytes] <= UInt64(request.utf8.count))
    #expect(usage[.requestBytes] > 0)
  }

  @Test(arguments: [
    ("0x5\r\nabcde\r\n0\r\n\r\n", FaultCode.chunkSizeInvalid),
    ("5 \r\nabcde\r\n0\r\n\r\n", .chunkSizeInvalid),
    ("+5\r\nabcde\r\n0\r\n\r\n", .chunkSizeInvalid),
    ("10000000000000000\r\nabc", .chunkSizeInvalid),
    ("ffffffffffffffff\r\nabc", .chunkSizeInvalid),
    ("5;=\r\nabcde\r\n0\r\n\r\n", .chunkExtensionInvalid),
    ("5\nabcde\r\n0\r\n\r\n", .bareLineFeed),
    ("5\r\nabcdeX\r\n0\r\n\r\n", .chunkEndMissing),
    ("5\r\nabcde\r\n0\r\n Folded: 1\r\n\r\n", .lineFolding),
    ("5\r\nabcde\r\n0\r\nNoColon\r\n\r\n", .fieldNameInvalid),
  ])
  func `chunks that two could read differently are refused`(body: String, code: FaultCode) throws {
    let origin = try Origin { connection in
      while let head = try connection.head() {
        _ = try connection.body(head)
        try connection.send(ok())
      }
    }
    let rig = try ProxyRig(origin)
    let client = try rig.client()
    let request =
      "POST / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\nTransfer-Encoding: chunked\r\n\r\n" + body
      + "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"

    try client.send(request)
    let response = try client.readResponse()
    #expect(try client.readToEnd().isEmpty)
    client.close()
    let usage = try rig.finish()

    #expect(response.status == 400)
    #expect(String(decoding: response.body, as: UTF8.self).contains(code.rawValue))
    #expect(rig.counter(.malformedRequests) == 1)
    #expect(!origin.heads.contains { $0.contains("smuggled") })
    #expect(usage.keys == ["acme/api"])
    #expect(usage["acme/api", .requests] == 1)
    #expect(usage["acme/api", .endedRejected] == 1)
    #expect(usage["acme/api", .attempts] == 1)
    #expect(usage["acme/api", .responseBytes] == response.bytes)
    #expect(usage[.requestBytes] + usage[.receivedBytes] == UInt64(request.utf8.count))
  }

  @Test(arguments: [
    (
      "GET /none HTTP/1.1\r\nHost: other\r\nX-Tenant: acme\r\n\r\n", 404, "no_route", "acme/~none",
      true
    ),
    (
      "TRACE / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n\r\n", 405, "method_not_allowed",
      "acme/api", true
    ),
    (
      "CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\nX-Tenant: acme\r\n\r\n", 405, "method_not_allowed",
      "acme/api", false
    ),
    (
      "GET /a/../b HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n\r\n", 400, "path_refused", "acme/api",
      false
    ),
    (
      "GET /a/%2e%2E/b HTTP/1.1\r\nHost: h\r\n\r\n", 400, "path_refused", "~unattributed/api", false
    ),
    (
      "GET /a%2Fb HTTP/1.1\r\nHost: h\r\nX-Tenant: ~x\r\n\r\n", 400, "path_refused", "~invalid/api",
      false
    ),
    (
      "PUT /a HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\nContent-Length: 101\r\n\r\n", 413,
      "body_too_large", "acme/api", false
    ),
  ])
  func `a request that Weir answers itself is the tenant's, rejected, and goes nowhere`(
    request: String, status: Int, code: String, key: String, goesOn: Bool
  ) throws {
    let origin = try Origin.answering(ok())
    let rig = try ProxyRig(origin) {
      $0.routes[0].host = "h"
      $0.routes[0].bodyBytesMax = 100
      $0.routes[0].allowsOddPaths = false
    }
    let client = try rig.client()

    try client.send(request)
    let response = try client.readResponse()
    if goesOn {
      try client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
      #expect(try client.readResponse().status == 200)
    } else {
      #expect(try client.readToEnd().isEmpty)
    }
    client.close()
    let usage = try rig.finish()

    #expect(response.status == status)
    #expect(String(decoding: response.body, as: UTF8.self).contains("\"code\":\"\(code)\""))
    if status == 405 { #expect(response.head.value("allow") != nil) }
    #expect(rig.counter(.bodiesTooLarge) == (status == 413 ? 1 : 0))
    #expect(origin.heads.count == (goesOn ? 1 : 0))
    if goesOn && key == "~unattributed/api" { return }
    #expect(
      usage.counts(key) == [
        .requests: 1, .responses4xx: 1, .endedRejected: 1,
        .requestBytes: UInt64(request.utf8.count), .responseBytes: response.bytes,
        .responseBodyBytes: UInt64(response.body.count),
      ])
  }

  @Test func `an answer to HEAD of our own has no content`() throws {
    let rig = try ProxyRig(upstream: [1]) { $0.routes[0].host = "h" }
    let client = try rig.client()

    try client.send("HEAD / HTTP/1.1\r\nHost: other\r\n\r\n")
    let response = try client.readResponse(method: "HEAD")
    try client.send("GET / HTTP/1.1\r\nHost: other\r\n\r\n")
    let full = try client.readResponse()
    client.close()
    let usage = try rig.finish()

    #expect(response.head.value("content-length") == "\(full.body.count)")
    #expect(usage[.responseBytes] == response.bytes + full.bytes)
    #expect(usage[.responseBodyBytes] == UInt64(full.body.count))
  }

  @Test func `a chunked body over its route's bound is refused while it comes`() throws {
    let origin = try Origin { connection in
      while let head = try connection.head() { _ = try connection.body(head) }
    }
    let rig = try ProxyRig(origin) { $0.routes[0].bodyBytesMax = 100 }
    let client = try rig.client()
    let request =
      "POST / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\nTransfer-Encoding: chunked\r\n\r\n"
      + "32\r\n" + String(repeating: "a", count: 50) + "\r\n"

    try client.send(request)
    try awaitCondition("the first chunk") { origin.bytesReceived > 150 }
    try client.send("33\r\n" + String(repeating: "a", count: 51) + "\r\n")
    let response = try client.readResponse()
    #expect(try client.readToEnd().isEmpty)
    let sent = client.socket.bytesSent
    client.close()
    let usage = try rig.finish()

    #expect(response.status == 413)
    #expect(usage["acme/api", .endedRejected] == 1)
    #expect(usage["acme/api", .requestBodyBytes] == 101)
    #expect(usage["acme/api", .upstreamMicroseconds] > 0)
    #expect(usage["acme/api", .requestBytes] == sent)
    #expect(usage["acme/api", .upstreamRequestBytes] == origin.bytesReceived)
    #expect(rig.counter(.bodiesTooLarge) == 1)
  }

  @Test func `a body at its route's bound passes`() throws {
    let origin = try Origin.answering { _, body in ok("\(body.count)") }
    let rig = try ProxyRig(origin) { $0.routes[0].bodyBytesMax = 5 }
    let client = try rig.client()

    for body in [
      "Content-Length: 5\r\n\r\nabcde", "Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
    ] {
      try client.send("POST / HTTP/1.1\r\nHost: h\r\n\(body)")
      #expect(try client.readResponse().body == Array("5".utf8))
    }
    client.close()
    let usage = try rig.finish()

    #expect(usage[.endedCompleted] == 2)
  }
}
