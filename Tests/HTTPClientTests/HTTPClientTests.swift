import HTTPClient
import PlainHTTP
import TestSupport
import Testing

struct HTTPClientTests {
  private func url(_ server: ScriptedUpstream, _ path: String = "/") -> String {
    "http://127.0.0.1:\(server.port)\(path)"
  }

  @Test func `a request arrives whole and its response comes back whole`() throws {
    let server = try ScriptedUpstream([
      .readHead, .readBody,
      .send("HTTP/1.1 201 Created\r\nX-One:  two \r\nContent-Length: 5\r\n\r\nhello"),
    ])
    let client = try HTTPClient()

    let response = try client.send(
      HTTPRequest(
        method: "POST", url: url(server, "/v1/things?a=b"), headers: [.init("X-Name", "value")],
        body: Array("content".utf8)))

    #expect(response.status == 201)
    #expect(response.header("x-one") == "two")
    #expect(response.body == Array("hello".utf8))
    let received = server.receivedText()
    #expect(received.hasPrefix("POST /v1/things?a=b HTTP/1.1\r\n"))
    #expect(received.contains("\r\nX-Name: value\r\n"))
    #expect(received.contains("\r\nContent-Length: 7\r\n"))
    #expect(!received.contains("Expect"))
    #expect(received.hasSuffix("\r\n\r\ncontent"))
  }

  @Test func `a body that comes piece by piece goes out in chunks`() throws {
    let server = try ScriptedUpstream([
      .readHead, .readBytes(22), .send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ])
    var pieces = ["abc", "", "defg"].map { Array($0.utf8) }[...]

    let response = try HTTPClient().send(
      HTTPRequest(method: "POST", url: url(server)), streaming: { pieces.popFirst() })

    #expect(response.status == 200)
    let received = server.receivedText()
    #expect(received.contains("\r\nTransfer-Encoding: chunked\r\n"))
    #expect(received.hasSuffix("\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"), "\(received)")
  }

  @Test func `a body that cannot be read on ends the exchange with its reason`() throws {
    let server = try ScriptedUpstream([.readHead, .readToEnd])
    let reason = HTTPClientError.invalidRequest("the disk is gone")

    #expect(throws: reason) {
      try HTTPClient().send(
        HTTPRequest(method: "POST", url: url(server)),
        streaming: { () throws(HTTPClientError) -> [UInt8]? in throw reason })
    }
  }

  @Test func `several requests use one connection`() throws {
    let server = try ScriptedUpstream([
      .readHead, .readBody, .send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"), .startOver,
    ])
    let client = try HTTPClient()

    for method in ["GET", "POST", "DELETE", "PUT"] {
      #expect(try client.send(HTTPRequest(method: method, url: url(server))).status == 200)
    }

    #expect(server.connections == 1)
    let received = server.receivedText()
    for method in ["GET", "POST", "DELETE", "PUT"] {
      #expect(received.contains("\(method) / HTTP"))
    }
  }

  @Test func `a large body goes out and a large one comes back`() throws {
    let body = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let server = try ScriptedUpstream([
      .readHead, .readBody, .send("HTTP/1.1 200 OK\r\nContent-Length: \(body.count)\r\n\r\n"),
      .send(body),
    ])
    let client = try HTTPClient(.init(bodyBytesMax: body.count))

    let response = try client.send(HTTPRequest(method: "POST", url: url(server), body: body))

    #expect(response.body == body)
    #expect(server.received().suffix(body.count).elementsEqual(body))
  }

  @Test func `a body above the limit is refused and no retry is advised`() throws {
    let server = try ScriptedUpstream([
      .readHead, .send("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world"),
    ])
    let client = try HTTPClient(.init(bodyBytesMax: 10))

    let error = #expect(throws: HTTPClientError.self) {
      try client.send(HTTPRequest(url: url(server)))
    }

    #expect(error == .responseTooLarge(limit: 10))
    #expect(error?.mayRetry == false)
  }

  @Test func `a connection that ends before the response may be retried`() throws {
    let server = try ScriptedUpstream([.readHead])
    let client = try HTTPClient()

    let error = #expect(throws: HTTPClientError.self) {
      try client.send(HTTPRequest(url: url(server)))
    }

    guard case .connectionLost = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(error?.mayRetry == true)
  }

  @Test func `a response cut in its body is no response`() throws {
    let server = try ScriptedUpstream([
      .readHead, .send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"),
    ])
    let client = try HTTPClient()

    let error = #expect(throws: HTTPClientError.self) {
      try client.send(HTTPRequest(url: url(server)))
    }

    guard case .connectionLost = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func `a server that does not answer ends the exchange at its timeout`() throws {
    let gate = Gate()
    let server = try ScriptedUpstream([.readHead, .wait(gate)])
    let client = try HTTPClient(.init(totalTimeoutMilliseconds: 50))

    let error = #expect(throws: HTTPClientError.self) {
      try client.send(HTTPRequest(url: url(server)))
    }
    gate.pass()

    guard case .timedOut = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func `a port where nobody listens is unreachable`() throws {
    let server = try ScriptedUpstream([.readHead])
    let url = url(server)
    server.stop()
    let client = try HTTPClient()

    let error = #expect(throws: HTTPClientError.self) {
      try client.send(HTTPRequest(url: url))
    }

    guard case .unreachable = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(error?.mayRetry == true)
  }

  @Test func `a redirect is a response and is not followed`() throws {
    let server = try ScriptedUpstream([
      .readHead,
      .send("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"),
    ])

    #expect(try HTTPClient().send(HTTPRequest(url: url(server))).status == 302)
    #expect(server.connections == 1)
  }

  @Test func `an interim response is not the response`() throws {
    let server = try ScriptedUpstream([
      .readHead,
      .send("HTTP/1.1 103 Early Hints\r\nX-Early: yes\r\n\r\n"),
      .send("HTTP/1.1 204 No Content\r\nX-Late: yes\r\n\r\n"),
    ])

    let response = try HTTPClient().send(HTTPRequest(url: url(server)))

    #expect(response.status == 204)
    #expect(response.headers == [.init("x-late", "yes")])
  }

  @Test(arguments: ["a\r\nX-Evil: 1", "a\nb", "a\u{0}b"])
  func `a header value cannot become another header`(value: String) throws {
    let client = try HTTPClient()
    let request = HTTPRequest(url: "http://127.0.0.1:1/", headers: [.init("X-Name", value)])

    let error = #expect(throws: HTTPClientError.self) { try client.send(request) }

    guard case .invalidRequest = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(error?.description.contains("Evil") == false)
  }

  @Test(arguments: ["file:///etc/passwd", "ftp://127.0.0.1/", "http://", "http://a b/", ""])
  func `only a whole http or https URL is sent to`(url: String) throws {
    let error = #expect(throws: HTTPClientError.self) {
      try HTTPClient().send(HTTPRequest(url: url))
    }
    #expect(error?.mayRetry == false)
  }
}
