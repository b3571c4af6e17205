import PlainHTTP
import TestSupport
import Testing
import Usage

@testable import Proxy

/// What becomes of an HTTP/2 head on its way to an HTTP/1.1 upstream, and back.
@Suite struct HTTP2TranslationTests {
  private typealias Client = HTTP2Client

  /// What the upstream gets for these fields, and the client's stream.
  private func pass(
    _ fields: [(String, String)], answer: String = ok(),
    _ change: (inout ProxyConfiguration) -> Void = { _ in }
  ) throws -> (head: String?, stream: HTTP2Client.Stream) {
    let origin = try Origin.answering(answer)
    let rig = try http2Rig(origin, change)
    let client = try rig.http2()
    try client.send(head: fields, stream: 1)
    let stream = try client.finish(1)
    client.raw.close()
    try rig.awaitIdle()
    _ = try rig.finish()
    return (origin.heads.first, stream)
  }

  @Test func `the head becomes one of HTTP/1.1 with one host and nothing else of its own`() throws {
    let head = try #require(
      try pass(Client.request("GET", "/a?b=c", authority: "h:8080", [("x-one", "1")])).head)

    #expect(head.hasPrefix("GET /a?b=c HTTP/1.1\r\n"))
    #expect(head.lowercased().contains("\r\nhost: h:8080\r\n"))
    #expect(head.contains("\r\nx-one: 1\r\n"))
    #expect(head.contains("\r\nVia: 2 weir\r\n"))
    #expect(!head.lowercased().contains("content-length"))
    #expect(!head.lowercased().contains("transfer-encoding"))
  }

  @Test(arguments: ["X-Weir-Tenant", "x-weir-tenant", "x_weir_tenant"])
  func `a tenant that a stranger claims does not get through`(name: String) throws {
    let passed = try pass(Client.request("GET", "/", [(name, "stolen")])) {
      $0.listeners[0].trusted = []
    }

    #expect(!(passed.head ?? "").contains("stolen"))
  }

  @Test func `names with underscores follow the listener's rule`() throws {
    let fields = Client.request("GET", "/", [("a_b", "1")])

    #expect(try pass(fields) { $0.listeners[0].underscoreNames = .refuse }.stream.status == 400)
    #expect(
      try pass(fields) { $0.listeners[0].underscoreNames = .drop }.head?.contains("a_b") == false)
    #expect(
      try pass(fields) { $0.listeners[0].underscoreNames = .forward }.head?.contains("a_b") == true)
  }

  @Test(arguments: ["/a/../b", "/a/%2e%2e/b", "/a%2fb"])
  func `paths are refused where they would be over HTTP/1.1`(path: String) throws {
    let passed = try pass(Client.request("GET", path)) { $0.routes[0].path = "/a" }

    #expect(passed.head == nil)
    #expect(passed.stream.status == 400 || passed.stream.status == 404)
  }

  @Test(arguments: ["/a#b", "/a\u{e9}"])
  func `targets that no parser should see are refused`(path: String) throws {
    let passed = try pass(Client.request("GET", path))

    #expect(passed.head == nil)
    #expect(passed.stream.status == 400 || passed.stream.resetCode == 1)
  }

  @Test func `fields about the upstream's connection do not come back`() throws {
    let stream = try pass(
      Client.request(),
      answer: "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nX-Stay: 2\r\n"
        + "Keep-Alive: timeout=5\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    ).stream

    #expect(stream.body == Array("ok".utf8))
    #expect(stream["x-stay"] == "2")
    for name in ["connection", "keep-alive", "transfer-encoding", "x-hop"] {
      #expect(stream[name] == nil, "\(name)")
    }
  }

  @Test func `names come back in lower case`() throws {
    let stream = try pass(
      Client.request(), answer: ok(fields: "X-Mixed-Case: Yes\r\nSet-Cookie: a=1\r\n")
    ).stream

    #expect(stream["x-mixed-case"] == "Yes")
    #expect(stream["set-cookie"] == "a=1")
    #expect(stream.fields.first?.name == ":status")
    #expect(stream.fields.allSatisfy { $0.name == $0.name.lowercased() })
  }

  @Test func `content that looks like a chunk or a request stays content`() throws {
    let smuggled = "0\r\n\r\nGET /admin HTTP/1.1\r\nHost: h\r\n\r\n"
    let origin = try echo()
    let rig = try http2Rig(origin)
    let client = try rig.http2()

    try client.send(head: Client.request("POST"), stream: 1, ends: false)
    try client.send(data: Array(smuggled.utf8), stream: 1, ends: true)
    let stream = try client.finish(1)
    client.raw.close()
    try rig.awaitIdle()
    _ = try rig.finish()

    #expect(stream.body == Array(smuggled.utf8))
    #expect(origin.heads.count == 1)
  }

  @Test func `trailers may not change what the request was`() throws {
    let origin = try Origin { connection in
      while let head = try connection.head() {
        _ = try connection.body(head)
        let names = connection.trailers.map(\.name).joined(separator: ",")
        try connection.send(ok(names))
      }
    }
    let rig = try http2Rig(origin) { $0.listeners[0].trusted = [] }
    let client = try rig.http2()

    try client.send(head: Client.request("POST"), stream: 1, ends: false)
    try client.send(data: pattern(3), stream: 1)
    try client.send(
      head: [("x-weir-tenant", "stolen"), ("x-fine", "1")], stream: 1)
    let stream = try client.finish(1)
    client.raw.close()
    try rig.awaitIdle()
    _ = try rig.finish()

    // The other one shows that trailers passed at all.
    #expect(String(decoding: stream.body, as: UTF8.self).lowercased() == "x-fine")
  }

  @Test(arguments: [
    (400, "field_name_underscore", "x_", 1, 1), (431, "too_many_trailers", "x-", 101, 1),
    (431, "trailers_too_large", "x-", 1, 20_000),
  ])
  func `trailers have the bounds and rules that they have in HTTP/1.1`(
    status: Int, code: String, prefix: String, count: Int, bytes: Int
  ) throws {
    let trailers = (0..<count).map { ("\(prefix)\($0)", String(repeating: "a", count: bytes)) }
    let rig = try http2Rig(try echo()) { $0.listeners[0].underscoreNames = .refuse }
    let client = try rig.http2()

    try client.send(head: Client.of("acme", "POST"), stream: 1, ends: false)
    try client.send(data: pattern(3), stream: 1)
    let block = Client.block(trailers)
    let first = block.prefix(16_000)
    let rest = block.dropFirst(16_000)
    // The flags: END_STREAM, and END_HEADERS on the last frame. One frame holds 16,384 bytes.
    try client.send(
      Client.Frame(Client.headers, flags: rest.isEmpty ? 5 : 1, stream: 1, Array(first)))
    if !rest.isEmpty {
      try client.send(Client.Frame(Client.continuation, flags: 4, stream: 1, Array(rest)))
    }
    let stream = try client.finish(1)
    client.raw.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(stream.status == status)
    #expect(String(decoding: stream.body, as: UTF8.self).contains("\"\(code)\""))
    #expect(usage["acme/api", .endedRejected] == 1)
  }

  @Test
  func `a response with as many fields as there may be comes through with those of Weir's own`()
    throws
  {
    let lines = (0..<99).map { "X-\($0): a\r\n" }.joined()
    let rig = try http2Rig(
      try Origin.answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\(lines)\r\nok")
    ) { $0.headers.returnsRequestID = true }
    let client = try rig.http2()

    try client.send(head: HTTP2Client.of("acme"), stream: 1)
    let stream = try client.finish(1)
    try client.leave()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(stream.status == 200)
    #expect(stream.body == Array("ok".utf8))
    #expect(stream["x-98"] == "a")
    #expect(stream["x-request-id"] != nil)
    #expect(usage["acme/api", .endedCompleted] == 1)
  }
}
