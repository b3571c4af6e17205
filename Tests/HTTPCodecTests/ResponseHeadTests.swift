import HTTPCodec
import Testing

/// What is read out of accepted response heads.
struct ResponseHeadTests {
  private func accepted(_ text: String, to method: HTTPMethod = .get) throws -> ResponseText {
    try #require(parseResponse(text, to: method).accepted)
  }

  @Test func `a head is read into its parts`() throws {
    let head = try accepted("HTTP/1.1 404 Not  Found\r\nServer: a\r\nContent-Length: 3\r\n\r\nabc")

    #expect(head.version == .http11 && head.status == 404 && head.reason == "Not  Found")
    #expect(head.fields.map(\.value) == ["a", "3"])
    #expect(head.framing == .contentLength(3) && head.isKeepAlive)
    #expect(head.headLength == 57)
  }

  @Test(arguments: [
    ("HTTP/1.1 200", ""), ("HTTP/1.1 200 ", ""), ("HTTP/1.1 200 a\tb ", "a\tb "),
    ("HTTP/1.1 200 ä", "ä"),
  ])
  func `a reason may be missing or odd`(line: String, reason: String) throws {
    #expect(try accepted("\(line)\r\n\r\n").reason == reason)
  }

  /// Status, method, framing fields, and what must come of them.
  struct Row: Sendable {
    let status: Int
    let method: HTTPMethod
    let lines: String
    let framing: BodyFraming
  }

  static let length = "Content-Length: 5\r\n"
  static let chunked = "Transfer-Encoding: chunked\r\n"

  static let framings: [Row] =
    [HTTPMethod.get, .post, .delete, .other].flatMap { method in
      [
        Row(status: 200, method: method, lines: length, framing: .contentLength(5)),
        Row(status: 200, method: method, lines: chunked, framing: .chunked),
        Row(status: 200, method: method, lines: "", framing: .untilClose),
        Row(
          status: 500, method: method, lines: "Content-Length: 0\r\n", framing: .contentLength(0)),
      ]
    }
    + [100, 101, 102, 103, 199, 204, 304].flatMap { status in
      [length, chunked, ""].map { lines in
        Row(status: status, method: .get, lines: lines, framing: .none)
      }
    }
    + [200, 204, 206, 301, 304, 404, 500].flatMap { status in
      [length, chunked, ""].map { lines in
        Row(status: status, method: .head, lines: lines, framing: .none)
      }
    }
    + [200, 201, 299].map { status in
      Row(status: status, method: .connect, lines: length, framing: .none)
    }
    + [300, 407, 502].map { status in
      Row(status: status, method: .connect, lines: length, framing: .contentLength(5))
    }
    + [199, 205, 203, 303, 305].map { status in
      Row(
        status: status, method: .get, lines: length,
        framing: status == 199 ? .none : .contentLength(5))
    }

  @Test(arguments: framings)
  func `status and method decide before the fields`(_ row: Row) throws {
    let head = try accepted("HTTP/1.1 \(row.status) x\r\n\(row.lines)\r\n", to: row.method)

    #expect(head.framing == row.framing)
  }

  @Test(arguments: [
    ("HTTP/1.1 200 a\r\nContent-Length: 0\r\n\r\n", true),
    ("HTTP/1.1 200 a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", false),
    ("HTTP/1.0 200 a\r\nContent-Length: 0\r\n\r\n", false),
    ("HTTP/1.0 200 a\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", true),
    ("HTTP/1.1 200 a\r\n\r\n", false),
    ("HTTP/1.1 204 a\r\n\r\n", true),
  ])
  func `a connection is used again only when the end is known`(
    message: String, isKeepAlive: Bool
  ) throws {
    #expect(try accepted(message).isKeepAlive == isKeepAlive)
  }

  @Test func `a switch of protocols names the protocol`() throws {
    let head = try accepted(
      "HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nframes")

    #expect(head.upgrade == "websocket" && head.framing == .none)
    #expect(head.fields.map(\.isConnectionOption) == [false, true])
  }

  @Test func `a Host field in a response has no meaning`() throws {
    #expect(try accepted("HTTP/1.1 200 x\r\nHost: a, b\r\nHost: c\r\n\r\n").fields.count == 2)
  }

  @Test func `a head value can be used again`() throws {
    var parser = HTTP1Parser(limits: HTTP1Limits())
    let head = ResponseHead()
    let messages = [
      "HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\n",
      "HTTP/1.0 200\r\nServer: b\r\n\r\n",
    ]

    for message in messages {
      let bytes = Array(message.utf8)
      var scanned = 0
      _ = withSpan(bytes) {
        parser.parseResponse($0, scanned: &scanned, to: .get, into: head)
      }

      #expect(ResponseText(head, bytes) == parseResponse(bytes).accepted)
      #expect(head.connectionOptions.count == (head.contains(.connection) ? 1 : 0))
    }
  }

  @Test func `fields are found by kind and by name`() throws {
    let bytes = Array("HTTP/1.1 200 x\r\nServer-Timing: cpu;dur=1\r\nX-A: b\r\n\r\n".utf8)
    var parser = HTTP1Parser(limits: HTTP1Limits())
    let head = ResponseHead()
    var scanned = 0
    _ = withSpan(bytes) { parser.parseResponse($0, scanned: &scanned, to: .get, into: head) }

    #expect(head.field(.serverTiming).map { text($0.value, bytes) } == "cpu;dur=1")
    #expect(head.field(.date) == nil)
    withSpan(bytes) {
      #expect(head.field(named: "x-a", in: $0).map { text($0.value, bytes) } == "b")
      #expect(head.field(named: Array("x-b".utf8), in: $0) == nil)
    }
  }
}
