import HTTPCodec
import Platform
import Testing
import Usage

@testable import Proxy

@Suite struct HeaderPolicyTests {
  /// The lines of the head that the upstream gets, without the empty one.
  static func forwarded(
    _ request: String, isTrusted: Bool = false, tenant: String? = nil, upgrades: Bool = false,
    wantsTrailers: Bool = false, header: String = "X-Weir-Tenant"
  ) throws -> [String] {
    var configuration = TenantConfiguration()
    configuration.header = header
    configuration.rules = [TenantRule(.header("X-Tenant"))]
    let parsed = try #require(ParsedRequest(request))
    let output = Buffer(capacity: 65_536)
    let context = HeaderPolicy.RequestContext(
      client: ClientAddress([192, 0, 2, 1]), isTrusted: isTrusted,
      tenant: tenant.map { Buffer($0) },
      upgrades: upgrades, wantsTrailers: wantsTrailers)
    let fits = HeaderPolicy(configuration).writeRequest(
      parsed.head, in: parsed.buffer.readable, context, to: output)
    #expect(fits)
    return lines(output)
  }

  static func lines(_ output: Buffer) -> [String] {
    let text = output.text
    #expect(text.hasSuffix("\r\n\r\n"))
    return text.split(separator: "\r\n").map(String.init)
  }

  static let own = [
    "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: http", "X-Forwarded-Host: h",
    "Via: 1.1 weir",
  ]

  @Test func `a head is written anew with what Weir adds`() throws {
    let lines = try Self.forwarded("GET /a?b HTTP/1.1\r\nA: 1\r\nHost: h\r\nB:2 \r\n\r\n")

    #expect(lines == ["GET /a?b HTTP/1.1", "Host: h", "A: 1", "B: 2"] + Self.own)
  }

  @Test(arguments: [
    "Connection: keep-alive\r\nKeep-Alive: timeout=5", "Connection: X-Secret\r\nX-Secret: 1",
    "Proxy-Connection: close", "Proxy-Authorization: Basic x", "Proxy-Foo: 1", "Trailer: X",
    "TE: gzip", "Upgrade: websocket", "Connection: Upgrade\r\nUpgrade: websocket",
    "X-Weir-Tenant: evil", "x_weir_tenant: evil", "X-WEIR_tenant: evil", "x.weir.tenant: evil",
    "X-Tenant: evil", "X_Tenant: evil", "X-Forwarded-For: 1.1.1.1", "X-Forwarded-Proto: https",
    "X-Forwarded-Host: evil", "X-Forwarded-Port: 1", "Forwarded: for=1.1.1.1",
    "X-Real-IP: 1.1.1.1",
  ])
  func `fields of one hop, and what a stranger asserts, are removed`(fields: String) throws {
    let lines = try Self.forwarded("GET / HTTP/1.1\r\nHost: h\r\n\(fields)\r\n\r\n")

    #expect(lines == ["GET / HTTP/1.1", "Host: h"] + Self.own)
  }

  @Test func `a trusted peer's forwarding fields are kept, its address added`() throws {
    let lines = try Self.forwarded(
      "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\n"
        + "X-Forwarded-Proto: https\r\nX-Forwarded-Host: real\r\nX-Real-IP: 1.1.1.1\r\n"
        + "X-Tenant: acme\r\nX-Weir-Tenant: evil\r\n\r\n",
      isTrusted: true, tenant: "acme")

    #expect(
      lines == [
        "GET / HTTP/1.1", "Host: h", "X-Forwarded-Proto: https", "X-Forwarded-Host: real",
        "X-Real-IP: 1.1.1.1", "X-Tenant: acme", "X-Forwarded-For: 1.1.1.1, 2.2.2.2, 192.0.2.1",
        "Via: 1.1 weir", "X-Weir-Tenant: acme",
      ])
  }

  @Test(arguments: ["authorization", "cookie", "X-Request-ID", "traceparent"])
  func `the tenant's field is removed whatever field it is configured to be`(header: String) throws
  {
    let lines = try Self.forwarded(
      "GET / HTTP/1.1\r\nHost: h\r\n\(header): evil\r\n\r\n", isTrusted: true, tenant: "acme",
      header: header)

    #expect(lines.filter { $0.lowercased().hasPrefix(header.lowercased()) } == ["\(header): acme"])
  }

  @Test(arguments: [
    ("GET http://other/x HTTP/1.1\r\nHost: h\r\n\r\n", "GET /x HTTP/1.1", "Host: other"),
    ("GET http://other:8080 HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/1.1", "Host: other:8080"),
    ("GET http://other?q HTTP/1.1\r\nHost: h\r\n\r\n", "GET /?q HTTP/1.1", "Host: other"),
    ("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "OPTIONS * HTTP/1.1", "Host: h"),
    ("BREW /pot HTTP/1.0\r\nHost: h\r\n\r\n", "BREW /pot HTTP/1.1", "Host: h"),
  ])
  func `the upstream gets the origin form and the authority that was routed by`(
    request: String, line: String, host: String
  ) throws {
    let lines = try Self.forwarded(request)

    #expect(lines[0] == line)
    #expect(lines[1] == host)
    #expect(lines.filter { $0.hasPrefix("Host:") }.count == 1)
  }

  @Test(arguments: [
    ("Content-Length: 5", "Content-Length: 5"), ("Content-Length: 0005", "Content-Length: 5"),
    ("Content-Length: 0", "Content-Length: 0"),
    ("Transfer-Encoding: Chunked", "Transfer-Encoding: chunked"),
  ])
  func `framing is written anew`(field: String, written: String) throws {
    let lines = try Self.forwarded("POST / HTTP/1.1\r\nHost: h\r\n\(field)\r\n\r\n")

    #expect(lines == ["POST / HTTP/1.1", "Host: h"] + Self.own + [written])
  }

  @Test func `upgrade and trailers are asked for anew when the exchange wants them`() throws {
    let request = "GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\n\r\n"

    #expect(
      try Self.forwarded(request, upgrades: true).suffix(2) == [
        "Connection: Upgrade", "Upgrade: WebSocket",
      ])
    #expect(
      try Self.forwarded(request, wantsTrailers: true).suffix(2) == [
        "Connection: TE", "TE: trailers",
      ])
  }

  @Test func `what does not fit is said, and never written beyond the buffer`() throws {
    let parsed = try #require(ParsedRequest("GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\n\r\n"))
    let policy = HeaderPolicy(TenantConfiguration())
    let context = HeaderPolicy.RequestContext(
      client: ClientAddress([192, 0, 2, 1]), isTrusted: false, tenant: nil, upgrades: false,
      wantsTrailers: false)
    let whole = Buffer(capacity: 4_096)
    let fits = policy.writeRequest(parsed.head, in: parsed.buffer.readable, context, to: whole)
    #expect(fits)

    for capacity in 1..<whole.count {
      let output = Buffer(capacity: capacity)
      let fits = policy.writeRequest(parsed.head, in: parsed.buffer.readable, context, to: output)
      #expect(!fits)
    }
  }

  /// The lines of the head that the client gets.
  static func returned(
    _ response: String, framing: HeaderPolicy.ResponseFraming, closes: Bool = false,
    toHTTP10: Bool = false, hints: HintConfiguration = HintConfiguration()
  ) throws -> [String] {
    let parsed = try #require(ParsedResponse(response))
    let output = Buffer(capacity: 65_536)
    let fits = HeaderPolicy(TenantConfiguration()).writeResponse(
      parsed.head, in: parsed.buffer.readable, framing: framing, closes: closes,
      toHTTP10: toHTTP10, hints: CostHintReader(hints), to: output)
    #expect(fits)
    return lines(output)
  }

  @Test func `an answer's fields of one hop are removed and its framing written anew`() throws {
    let response =
      "HTTP/1.0 200 All right\r\nA: 1\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n"
      + "Proxy-Authenticate: x\r\nTrailer: T\r\nUpgrade: h2c\r\nContent-Length: 7\r\n\r\n"

    #expect(
      try Self.returned(response, framing: .contentLength(7)) == [
        "HTTP/1.1 200 All right", "A: 1", "Content-Length: 7",
      ])
    #expect(
      try Self.returned(response, framing: .chunked, closes: true) == [
        "HTTP/1.1 200 All right", "A: 1", "Transfer-Encoding: chunked", "Connection: close",
      ])
    #expect(
      try Self.returned(response, framing: .untilClose, toHTTP10: true) == [
        "HTTP/1.1 200 All right", "A: 1", "Connection: keep-alive",
      ])
    #expect(
      try Self.returned(response, framing: .none) == [
        "HTTP/1.1 200 All right", "A: 1", "Content-Length: 7",
      ])
  }

  @Test(arguments: [103, 204])
  func `an answer that cannot have content announces none`(status: Int) throws {
    let lines = try Self.returned(
      "HTTP/1.1 \(status) X\r\nContent-Length: 7\r\n\r\n", framing: .none)

    #expect(lines == ["HTTP/1.1 \(status) X"])
  }

  @Test func `hints are kept from the client unless the configuration says so`() throws {
    var hints = HintConfiguration()
    hints.cpuMetrics = ["cpu"]
    hints.unitFields = [.init(field: "X-Tokens", unit: 0)]
    let response = "HTTP/1.1 200 OK\r\nServer-Timing: cpu;dur=1\r\nx-tokens: 5\r\nB: 2\r\n\r\n"

    #expect(
      try Self.returned(response, framing: .none, hints: hints) == ["HTTP/1.1 200 OK", "B: 2"])
    hints.passesThrough = true
    #expect(try Self.returned(response, framing: .none, hints: hints).count == 4)
    hints.passesThrough = false
    hints.cpuMetrics = []
    #expect(
      try Self.returned(response, framing: .none, hints: hints) == [
        "HTTP/1.1 200 OK", "Server-Timing: cpu;dur=1", "B: 2",
      ])
  }
}
