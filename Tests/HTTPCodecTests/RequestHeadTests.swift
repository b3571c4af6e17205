import HTTPCodec
import Testing

/// What is read out of accepted request heads.
struct RequestHeadTests {
  private func accepted(
    _ text: String, limits: HTTP1Limits = HTTP1Limits()
  ) throws -> RequestText {
    try #require(parseRequest(text, limits: limits).accepted)
  }

  private func request(_ lines: String, version: String = "1.1") throws -> RequestText {
    try accepted("POST /p HTTP/\(version)\r\nHost: a\r\n\(lines)\r\n\r\n")
  }

  @Test func `a head is read into its parts`() throws {
    let head = try accepted(
      "GET /a/b?c=d?e HTTP/1.1\r\nHost: example.com:8080\r\nX-Empty:\r\nAccept: \t*/* \r\n\r\nrest")

    #expect(head.method == .get && head.methodName == "GET")
    #expect(head.target == "/a/b?c=d?e" && head.form == .origin)
    #expect(head.path == "/a/b?c=d?e" && head.pathWithoutQuery == "/a/b")
    #expect(head.authority == "example.com:8080")
    #expect(head.fields.map(\.name) == ["Host", "X-Empty", "Accept"])
    #expect(head.fields.map(\.value) == ["example.com:8080", "", "*/*"])
    #expect(head.fields.map(\.known) == [.host, .other, .other])
    #expect(head.framing == .none && head.isKeepAlive && head.version == .http11)
    #expect(head.headLength == 76)
  }

  @Test func `values may hold tabs and 8-bit bytes`() throws {
    let head = try accepted("GET / HTTP/1.1\r\nHost: a\r\nX: ä\tb\r\n\r\n")

    #expect(head.fields[1].value == "ä\tb")
  }

  @Test(arguments: HTTPMethod.allCases)
  func `methods are told apart, with case`(_ method: HTTPMethod) throws {
    let name = method == .other ? "PROPFIND" : "\(method.name)"
    let target = method == .connect ? "a:443" : "/"

    let head = try accepted("\(name) \(target) HTTP/1.1\r\nHost: a\r\n\r\n")

    #expect(head.method == method && head.methodName == name)
    if method != .connect {
      let lower = try accepted("\(name.lowercased()) / HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(lower.method == .other)
    }
  }

  @Test(arguments: ["PUSH", "GETS", "BREW", "GOT", "DELETED", "OPTIMUM", "COMPARE", "TRUCK", "M"])
  func `methods that look alike are others`(_ name: String) throws {
    let head = try accepted("\(name) / HTTP/1.1\r\nHost: a\r\n\r\n")

    #expect(head.method == .other && head.methodName == name)
  }

  @Test(arguments: [
    ("GET http://b:81/x?y HTTP/1.1", TargetForm.absolute, "b:81", "/x?y", "/x"),
    ("GET HTTPS://b HTTP/1.1", .absolute, "b", "", ""),
    ("GET http://b?q HTTP/1.1", .absolute, "b", "?q", ""),
    ("GET http://[::1]:81/ HTTP/1.1", .absolute, "[::1]:81", "/", "/"),
    ("CONNECT b:443 HTTP/1.1", .authority, "b:443", "", ""),
    ("OPTIONS * HTTP/1.1", .asterisk, "a", "", ""),
    ("GET //b/c HTTP/1.1", .origin, "a", "//b/c", "//b/c"),
    ("GET /?http://b/ HTTP/1.1", .origin, "a", "/?http://b/", "/"),
  ])
  func `a target has a form, an authority and a path`(
    line: String, form: TargetForm, authority: String, path: String, plain: String
  ) throws {
    let head = try accepted("\(line)\r\nHost: a\r\n\r\n")

    #expect(head.form == form && head.authority == authority)
    #expect(head.path == path && head.pathWithoutQuery == plain)
  }

  @Test(arguments: [
    ("/a/b", false, false), ("/a.b/..c/...", false, false), ("/a?/../%2f", false, false),
    ("/.", true, false), ("/..", true, false), ("/a/../b", true, false), ("/a/./b", true, false),
    ("/%2e%2E/b", true, false), ("/.%2e", true, false), ("/..;a/b", true, false),
    ("/a%2fb", false, true), ("/a%2Fb", false, true), ("/a%5cb", false, true),
    ("/a\\b", false, true), ("/a%2f..", true, true), ("/..%5Cb", true, true),
    ("/a%2", false, false), ("/%zz%", false, false), ("/a;..", false, false),
    ("http://b/..", true, false), ("/..?q", true, false), ("/a..;/b", false, false),
  ])
  func `dangerous paths are flagged`(
    target: String, dots: Bool, slashes: Bool
  ) throws {
    let head = try accepted("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n")

    #expect(head.hasDotSegments == dots && head.hasEncodedSlash == slashes)
  }

  @Test(arguments: [
    ("X: a", BodyFraming.none), ("Content-Length: 0", .contentLength(0)),
    ("content-length:  0012 ", .contentLength(12)),
    ("Content-Length: 9223372036854775807", .contentLength(9_223_372_036_854_775_807)),
    ("Transfer-Encoding: chunked", .chunked), ("transfer-encoding: CHUNKED\t", .chunked),
  ])
  func `the framing fields say where the body ends`(
    line: String, framing: BodyFraming
  ) throws {
    #expect(try request(line).framing == framing)
  }

  @Test(arguments: [
    ("1.1", "X: a", true), ("1.1", "Connection: close", false),
    ("1.1", "Connection: keep-alive, Close", false), ("1.0", "X: a", false),
    ("1.0", "Connection: Keep-Alive", true), ("1.0", "Connection: keep-alive, close", false),
    ("1.1", "Connection: a, , b", true), ("1.1", "Connection:", true),
    ("1.1", "Connection: a\r\nConnection: close", false),
  ])
  func `version and Connection decide about reuse`(
    version: String, line: String, isKeepAlive: Bool
  ) throws {
    #expect(try request(line, version: version).isKeepAlive == isKeepAlive)
  }

  @Test func `fields that Connection names are marked, wherever they stand`() throws {
    let head = try request("X-Hop: 1\r\nConnection: x-HOP, close\r\nx-hop: 2\r\nX-Hope: 3")

    #expect(head.fields.map(\.isConnectionOption) == [false, true, false, true, false])
    #expect(head.options == ["x-HOP", "close"])
  }

  @Test(arguments: ["keep-alive", "Keep-Alive, a", "a, keep-alive"])
  func `the field Keep-Alive is for this hop`(options: String) throws {
    let head = try request("Keep-Alive: timeout=5\r\nConnection: \(options)\r\nA: b")

    #expect(head.fields[1].isConnectionOption && head.isKeepAlive)
    #expect(head.fields[3].isConnectionOption == (options != "keep-alive"))
  }

  @Test(arguments: [
    ("1.1", "Expect: 100-Continue", true), ("1.0", "Expect: 100-continue", false),
    ("1.1", "Expect: x", false),
  ])
  func `the expectation of 100 Continue is for 1_1`(
    version: String, line: String, expects: Bool
  ) throws {
    #expect(try request(line, version: version).expectsContinue == expects)
  }

  @Test(
    arguments: [
      ("1.1", "Connection: Upgrade\r\nUpgrade: websocket", "websocket"),
      ("1.1", "Upgrade: websocket\r\nConnection: keep-alive, upgrade", "websocket"),
      ("1.1", "Upgrade: websocket", nil), ("1.1", "Connection: upgrade", nil),
      ("1.1", "Connection: upgrade\r\nUpgrade:", nil),
      ("1.0", "Connection: upgrade\r\nUpgrade: websocket", nil),
    ] as [(String, String, String?)])
  func `an upgrade needs the Connection option`(
    version: String, lines: String, upgrade: String?
  ) throws {
    #expect(try request(lines, version: version).upgrade == upgrade)
  }

  @Test(arguments: [
    ("TE: trailers", true), ("TE: gzip;q=0.5, Trailers", true), ("TE: gzip", false),
    ("TE: trailers;q=1", false), ("X: trailers", false),
  ])
  func `TE tells whether trailers are welcome`(line: String, accepts: Bool) throws {
    #expect(try request(line).acceptsTrailers == accepts)
  }

  @Test func `one empty line before the request line is counted`() throws {
    let head = try accepted("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")

    #expect(head.methodName == "GET" && head.headLength == 29)
  }

  @Test func `a listener may accept bare line feeds in heads`() throws {
    var limits = HTTP1Limits()
    limits.acceptsBareLineFeed = true

    let head = try accepted("\nGET / HTTP/1.1\nHost: a\r\nX: b\n\nrest", limits: limits)

    #expect(head.fields.map(\.value) == ["a", "b"] && head.headLength == 31)
  }

  @Test func `a listener may accept HTTP_1_0 without Host`() throws {
    var limits = HTTP1Limits()
    limits.acceptsMissingHostFromHTTP10 = true

    #expect(try accepted("GET / HTTP/1.0\r\n\r\n", limits: limits).authority == "")
    #expect(parseRequest("GET / HTTP/1.1\r\n\r\n", limits: limits).code == .hostMissing)
  }

  @Test func `bounds are met exactly`() throws {
    let text = "GET /abc HTTP/1.1\r\nHost: a\r\nX: b\r\n\r\n"
    var limits = HTTP1Limits()
    limits.headBytesMax = text.utf8.count
    limits.fieldCountMax = 2
    limits.targetBytesMax = 4

    #expect(try accepted(text, limits: limits).fields.count == 2)
    for narrow in [\HTTP1Limits.headBytesMax, \.fieldCountMax, \.targetBytesMax] {
      var narrower = limits
      narrower[keyPath: narrow] -= 1
      #expect(parseRequest(text, limits: narrower).code != nil)
    }
  }

  @Test func `a head that fills its bound without an end is refused at once`() {
    let text = "GET / HTTP/1.1\r\nHost: a\r\n"
    var limits = HTTP1Limits()
    limits.headBytesMax = text.utf8.count

    #expect(parseRequest(text, limits: limits).code == .headTooLarge)
    #expect(parseRequest(String(text.dropLast()), limits: limits) == .needMore)
  }

  @Test func `a head value can be used again`() throws {
    var parser = HTTP1Parser(limits: HTTP1Limits())
    let head = RequestHead()
    let full =
      "GET http://b/..%2f HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n"
      + "TE: trailers\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"
    let plain = "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"

    for message in [full, plain] {
      let bytes = Array(message.utf8)
      var scanned = 0
      _ = withSpan(bytes) { parser.parseRequest($0, scanned: &scanned, into: head) }

      #expect(RequestText(head, bytes) == parseRequest(bytes).accepted)
    }
  }

  @Test func `a head that is used again keeps its memory`() {
    var parser = HTTP1Parser(limits: HTTP1Limits())
    let head = RequestHead()
    let lines = (1...50).map { "X\($0): a\r\n" }.joined()
    let bytes = Array("GET / HTTP/1.1\r\nHost: a\r\nConnection: x1\r\n\(lines)\r\n".utf8)
    var capacities: Set<Int> = []

    for _ in 0..<10 {
      var scanned = 0
      _ = withSpan(bytes) { parser.parseRequest($0, scanned: &scanned, into: head) }
      capacities.insert(head.fields.capacity)
    }

    #expect(head.fields.count == 52 && capacities.count == 1)
  }

  @Test func `fields are found by kind and by name`() throws {
    let bytes = Array("GET / HTTP/1.1\r\nHost: a\r\nX-Tenant: t\r\nx-tenant: u\r\n\r\n".utf8)
    var parser = HTTP1Parser(limits: HTTP1Limits())
    let head = RequestHead()
    var scanned = 0
    _ = withSpan(bytes) { parser.parseRequest($0, scanned: &scanned, into: head) }

    #expect(head.contains(.host) && !head.contains(.cookie))
    #expect(head.field(.host).map { text($0.value, bytes) } == "a")
    #expect(head.field(.cookie) == nil)
    withSpan(bytes) {
      #expect(head.field(named: "x-tenant", in: $0).map { text($0.value, bytes) } == "t")
      #expect(head.field(named: Array("host".utf8), in: $0)?.known == .host)
      #expect(head.field(named: "x-tenan", in: $0) == nil)
    }
  }
}
