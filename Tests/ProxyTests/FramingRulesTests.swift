import HTTPCodec
import PlainHTTP
import TestSupport
import Testing
import Usage

@testable import Proxy

/// The framing rules of docs/reference/http1.md through a running proxy, whole classes of bytes at a time.
@Suite struct FramingRulesTests {
  /// A class of requests that must be refused alike.
  struct Refused: Sendable, CustomTestStringConvertible {
    let testDescription: String
    var status = 400
    let requests: [[UInt8]]

    init(_ name: String, status: Int = 400, _ requests: [String]) {
      self.init(name, status: status, bytes: requests.map { Array($0.utf8) })
    }

    init(_ name: String, status: Int = 400, bytes requests: [[UInt8]]) {
      testDescription = name
      self.status = status
      self.requests = requests
    }
  }

  private static let hidden = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"

  private static func fields(_ lines: [String]) -> [String] {
    lines.map { "POST / HTTP/1.1\r\nHost: h\r\n\($0)\r\n\r\n0\r\n\r\n" }
  }

  /// A request with one byte in the middle of a place.
  private static func around(_ before: String, _ after: String, _ bytes: [UInt8]) -> [[UInt8]] {
    bytes.map { Array(before.utf8) + [$0] + Array(after.utf8) }
  }

  private static let controls: [UInt8] = (0...31).filter { $0 != 9 && $0 != 10 && $0 != 13 } + [127]

  static let refused: [Refused] = [
    Refused(
      "Content-Length and Transfer-Encoding",
      fields([
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 0\r\nTransfer-Encoding: chunked",
        "Content-Length: 5\r\nX: y\r\ntransfer-encoding: CHUNKED",
      ])),
    Refused(
      "Content-Length",
      fields(
        [
          "5\r\nContent-Length: 5", "5\r\nContent-Length: 6", "5,5", "5, 5", "+5", "-5", "0x5",
          "5 5", "5_0", "5.0", "", "five", "5;5", "9223372036854775808", "18446744073709551617",
          "99999999999999999999999999",
        ].map { "Content-Length: \($0)" })),
    Refused(
      "Transfer-Encoding repeated, not last, or no token",
      fields(
        [
          "chunked, chunked", "chunked, gzip", "chunked\r\nTransfer-Encoding: chunked",
          "chunked\r\nTransfer-Encoding: identity", "", "chunked,", ",chunked", "chunked;q=1",
          "\"chunked\"", "chunked chunked", "chunked\u{e9}",
        ].map { "Transfer-Encoding: \($0)" })),
    Refused(
      "Transfer-Encoding unknown", status: 501,
      fields(
        ["gzip", "identity", "gzip, chunked", "xchunked", "chunke", "chunkedx"].map {
          "Transfer-Encoding: \($0)"
        })),
    Refused(
      "Transfer-Encoding on HTTP/1.0",
      ["POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"]),
    Refused(
      "line ends",
      [
        "GET / HTTP/1.1\nHost: h\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\n\n", "GET / HTTP/1.1\rHost: h\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n", "\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
        "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\r\r\nHost: h\r\n\r\n",
      ]),
    Refused(
      "control bytes in a value",
      bytes: around("GET / HTTP/1.1\r\nHost: h\r\nX: a", "b\r\n\r\n", controls)),
    Refused(
      "control, space and 8-bit bytes in a target",
      bytes: around("GET /a", "b HTTP/1.1\r\nHost: h\r\n\r\n", controls + [9, 32, 128, 195, 255])),
    Refused(
      "bytes that no field name may hold",
      bytes: around(
        "GET / HTTP/1.1\r\nHost: h\r\nX", "Y: a\r\n\r\n",
        controls + Array(" \"(),/;<=>?@[\\]{}".utf8) + [9, 128, 233, 255])),
    Refused(
      "spaces, folding and lines without a name",
      fields([
        "X : a", "X\t: a", "Content-Length : 5", "Transfer-Encoding : chunked", "X: a\r\n b",
        "X: a\r\n\tb", "Content-Length:\r\n 5", ": a", "X", "GET /smuggled HTTP/1.1",
      ])),
    Refused(
      "aliases of framing and identity",
      fields([
        "Content_Length: 5", "transfer_encoding: chunked", "Transfer.Encoding: chunked",
        "X_Forwarded_For: 1.2.3.4", "Proxy_Authorization: x",
        "Connection: content-length", "Connection: host", "Connection: transfer-encoding",
      ])),
    Refused(
      "Host",
      [
        "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost:\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\r\nHost: h,i\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: u@h\r\n\r\n", "GET / HTTP/1.1\r\nHost: h/p\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h:99999\r\n\r\n", "GET / HTTP/1.1\r\nHost: h:\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "GET http://a/ HTTP/1.1\r\n\r\n",
        "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n",
      ]),
    Refused(
      "request lines",
      [
        "GET  / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/1.1 \r\nHost: h\r\n\r\n",
        " GET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET /\r\nHost: h\r\n\r\n",
        "GET / http/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/1.1 HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET * HTTP/1.1\r\nHost: h\r\n\r\n", "GET x HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /#a HTTP/1.1\r\nHost: h\r\n\r\n",
      ]),
    Refused(
      "versions", status: 505,
      ["2.0", "0.9", "1.2", "3.0"].map { "GET / HTTP/\($0)\r\nHost: h\r\n\r\n" }),
    Refused(
      "CONNECT and TRACE", status: 405,
      [
        "TRACE / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        "CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n",
      ]),
  ]

  @Test(arguments: refused)
  func `a class of ambiguous requests is refused, each closes, and none reaches the upstream`(
    row: Refused
  ) throws {
    let origin = try Origin.answering(ok())
    let rig = try ProxyRig(origin)

    for request in row.requests {
      let client = try rig.client()
      try client.send(request + Array(Self.hidden.utf8))
      let text = String(decoding: request, as: UTF8.self).debugDescription
      #expect(try client.readResponse().status == row.status, "\(text)")
      #expect(try client.readToEnd().isEmpty, "\(text)")
      client.close()
    }
    let usage = try rig.finish()

    let count = UInt64(row.requests.count)
    #expect(origin.connections == 0)
    #expect(usage[.requests] == count && usage[.endedRejected] == count)
    #expect(rig.counter(.malformedRequests) == (row.status == 405 ? 0 : count))
  }

  /// Answers that a client must never see, by what is wrong with them.
  static let badAnswers: [(String, [String])] = [
    (
      "Content-Length and Transfer-Encoding",
      [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
      ]
    ),
    (
      "Content-Length",
      ["5\r\nContent-Length: 5", "5,5", "+5", "-5", "0x5", "", "9223372036854775808"].map {
        "Content-Length: \($0)\r\n\r\nabcde"
      }
    ),
    (
      "Transfer-Encoding",
      ["chunked, chunked", "chunked, gzip", "gzip, chunked", "gzip", "identity", "", ",chunked"]
        .map { "Transfer-Encoding: \($0)\r\n\r\n0\r\n\r\n" }
    ),
    (
      "lines and bytes",
      [
        "X: a\nContent-Length: 0\r\n\r\n", "X: a\rb\r\nContent-Length: 0\r\n\r\n",
        "X: a\u{0}b\r\n\r\n", "X: a\u{1b}b\r\n\r\n", "X: a\u{7f}b\r\n\r\n",
      ]
    ),
    (
      "fields",
      [
        "X : a\r\n\r\n", "X: a\r\n b\r\n\r\n", "X\r\n\r\n", ": a\r\n\r\n", "X(: a\r\n\r\n",
        "Content_Length: 5\r\n\r\n", "Connection: content-length\r\nContent-Length: 0\r\n\r\n",
      ]
    ),
  ]

  @Test(arguments: badAnswers)
  func `a class of ambiguous answers is a 502 and closes the upstream's connection`(
    rule: String, answers: [String]
  ) throws {
    let whole = answers.map { "HTTP/1.1 200 OK\r\n\($0)" }
    let origin = try Origin.answering { head, _ in whole[Int(head.start[1].dropFirst())!] }
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    for index in whole.indices {
      try client.send("GET /\(index) HTTP/1.1\r\nHost: h\r\n\r\n")
      #expect(try client.readResponse().status == 502, "\(rule) \(index)")
    }
    client.close()
    let usage = try rig.finish()

    #expect(origin.connections == whole.count)
    #expect(rig.counter(.malformedResponses) == UInt64(whole.count))
    #expect(usage[.endedUpstreamFailure] == UInt64(whole.count))
  }

  @Test(arguments: [
    "HTTP/1.1  200 OK", "HTTP/1.1 2000 OK", "HTTP/1.1 099 OK", "HTTP/1.1 600 OK", "HTTP/1.1",
    "HTTP/2.0 200 OK", "HTTP/1.1\t200 OK", "http/1.1 200 OK", "200 OK", "HTTP/1.1 200\u{1}",
  ])
  func `an upstream's bad status line is a 502`(line: String) throws {
    let rig = try ProxyRig(try Origin.answering("\(line)\r\nContent-Length: 0\r\n\r\n"))
    let client = try rig.client()

    try client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    #expect(try client.readResponse().status == 502)
    client.close()
    let usage = try rig.finish()

    #expect(usage[.endedUpstreamFailure] == 1)
  }

  /// Chunked bodies that break a rule after their first chunk.
  static let badChunks = [
    "+1\r\nx\r\n", "-1\r\nx\r\n", "0x1\r\nx\r\n", "1 \r\nx\r\n", " 1\r\nx\r\n", "1_\r\nx\r\n",
    "\r\n", "g\r\n", "00000000000000001\r\nx\r\n", "8000000000000000\r\n", "ffffffffffffffff\r\n",
    "1\nx\r\n", "1\r\nxy\r\n", "1\r\nx\n", "1\r\nx\r0\r\n", "1;\r\nx\r\n", "1;a=\r\nx\r\n",
    "1;a=\"b\r\nx\r\n", "1;a\nb\r\nx\r\n", "0\r\nX : a\r\n\r\n", "0\r\nX: a\r\n b\r\n\r\n",
    "0\r\nX\r\n\r\n", "0\r\nContent_Length: 1\r\n\r\n", "0\r\nX: \u{1}\r\n\r\n",
  ]

  @Test func `chunks of an answer that break a rule abort the client, never padded`() throws {
    let origin = try Origin.answering { head, _ in
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
        + Self.badChunks[Int(head.start[1].dropFirst())!]
    }
    let rig = try ProxyRig(origin)

    for index in Self.badChunks.indices {
      let client = try rig.client()
      try client.send("GET /\(index) HTTP/1.1\r\nHost: h\r\n\r\n")
      #expect(throws: SocketError.self, "\(Self.badChunks[index].debugDescription)") {
        try client.readResponse()
      }
      client.close()
    }
    let usage = try rig.finish()

    let count = UInt64(Self.badChunks.count)
    #expect(usage[.endedUpstreamFailure] == count && usage[.failedAttempts] == count)
    #expect(rig.counter(.malformedResponses) == count)
    #expect(origin.connections == Self.badChunks.count)
  }

  @Test func `chunks of a request that break a rule are refused, and nothing behind them is read`()
    throws
  {
    let origin = try Origin { connection in
      guard let head = try connection.head() else { return }
      _ = try connection.body(head)
    }
    let rig = try ProxyRig(origin)

    for chunks in Self.badChunks {
      let client = try rig.client()
      try client.send(
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n" + chunks
          + Self.hidden)
      #expect(try client.readResponse().status == 400, "\(chunks.debugDescription)")
      #expect(try client.readToEnd().isEmpty, "\(chunks.debugDescription)")
      client.close()
    }
    let usage = try rig.finish()

    #expect(usage[.endedRejected] == UInt64(Self.badChunks.count))
    #expect(!origin.heads.contains { $0.contains("smuggled") })
  }

  @Test func `heads, chunk framing and trailers are written anew on the way up`() throws {
    let origin = try Origin { connection in
      while let head = try connection.head() {
        let body = try connection.body(head)
        let trailers = connection.trailers.map { "\($0.name)=\($0.value)" }.joined(separator: ";")
        try connection.send(ok("\(String(decoding: body, as: UTF8.self))|\(trailers)"))
      }
    }
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    try client.send(
      "\r\nPOST http://real:81/p?q HTTP/1.1\r\nhost:other\r\nX-A:\t 1 \t\r\n"
        + "TRANSFER-ENCODING:chunked\r\n\r\n00003;n=\"v;\\\"w\";o\r\nabc\r\n2;p\r\nde\r\n"
        + "000;q=r\r\nX-T:\t7 \r\nContent-Length: 9\r\n\r\n")
    let response = try client.readResponse()
    client.close()
    _ = try rig.finish()

    #expect(String(decoding: response.body, as: UTF8.self) == "abcde|x-t=7")
    let head = try #require(origin.heads.first)
    #expect(head.hasPrefix("POST /p?q HTTP/1.1\r\nHost: real:81\r\nX-A: 1\r\n"))
    #expect(head.contains("\r\nTransfer-Encoding: chunked\r\n"))
    #expect(!head.lowercased().contains("other") && !head.contains("content-length"))
  }

  @Test func `chunk extensions and odd spaces of an answer never reach the client`() throws {
    let origin = try Origin.answering(
      "HTTP/1.1 200 OK\r\nX-A:\t1 \r\ntransfer-encoding:Chunked\r\n\r\n003;a=b\r\nabc\r\n0;c\r\n\r\n"
    )
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    try client.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    let text = String(decoding: try client.readToEnd(), as: UTF8.self)
    client.close()
    _ = try rig.finish()

    #expect(
      text == "HTTP/1.1 200 OK\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        + "00000003\r\nabc\r\n0\r\n\r\n")
  }

  @Test(arguments: [UnderscoreChoice.forward, .drop, .refuse])
  func `names with an underscore pass, vanish or are refused, as the listener says`(
    choice: UnderscoreChoice
  ) throws {
    let origin = try Origin { connection in
      while let head = try connection.head() {
        _ = try connection.body(head)
        try connection.send(ok(connection.trailers.map(\.name).joined(separator: ",")))
      }
    }
    let rig = try ProxyRig(origin) { $0.listeners[0].underscoreNames = choice }
    let lines = ["X-A: 1\r\na_b: 2\r\nX.C: 3\r\n", "X-A: 1\r\nX.C: 3\r\n"]
    let post = "POST / HTTP/1.1\r\nHost: h\r\n"

    for (inHead, inTrailers) in [(0, 1), (1, 0), (1, 1)] {
      let client = try rig.client()
      try client.send(
        "\(post)\(lines[inHead])Transfer-Encoding: chunked\r\n\r\n0\r\n\(lines[inTrailers])\r\n")
      let response = try client.readResponse()
      let isRefused = choice == .refuse && (inHead == 0 || inTrailers == 0)
      #expect(response.status == (isRefused ? 400 : 200))
      let body = String(decoding: response.body, as: UTF8.self)
      if isRefused {
        #expect(body.contains("field_name_underscore"))
      } else {
        #expect(body == (choice == .forward && inTrailers == 0 ? "x-a,a_b,x.c" : "x-a,x.c"))
      }
      client.close()
    }
    _ = try rig.finish()

    #expect(origin.heads.count { $0.contains("a_b: 2") } == (choice == .forward ? 1 : 0))
    #expect(origin.heads.allSatisfy { $0.contains("X-A: 1\r\n") && $0.contains("X.C: 3\r\n") })
  }

  @Test func `a listener may accept bare line feeds in heads, and in heads only`() throws {
    let origin = try Origin.answering { head, body in ok("\(head.start[1]) \(body.count)") }
    let rig = try ProxyRig(origin) { $0.listeners[0].acceptsBareLineFeed = true }
    let client = try rig.client()

    try client.send("GET /a HTTP/1.1\nHost: h\nX: y\n\n")
    #expect(try client.readResponse().body == Array("/a 0".utf8))
    try client.send(
      "POST /b HTTP/1.1\nHost: h\r\nTransfer-Encoding: chunked\n\n1\r\nx\r\n0\r\n\r\n")
    #expect(try client.readResponse().body == Array("/b 1".utf8))
    try client.send("POST /c HTTP/1.1\nHost: h\nTransfer-Encoding: chunked\n\n1\nx\n0\n\n")
    #expect(try client.readResponse().status == 400)
    client.close()
    _ = try rig.finish()

    #expect(origin.heads.dropLast().allSatisfy { !$0.replacing("\r\n", with: "").contains("\n") })
  }
}
