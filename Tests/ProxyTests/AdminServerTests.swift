import PlainHTTP
import Platform
import TestSupport
import Testing

@testable import Proxy

@Suite struct AdminServerTests {
  /// A server that answers with the path that it was asked for.
  static func server() throws -> AdminServer {
    let server = try AdminServer(
      on: SocketAddress("127.0.0.1:0")!, syscalls: Syscalls(), clock: .system
    ) { path in
      AdminAnswer(status: path == "/bad" ? 503 : 200, body: path == "/big" ? big : path)
    }
    try server.start()
    return server
  }
  static let big = String(repeating: "0123456789", count: 500_000)

  static func ask(_ server: AdminServer, _ text: String, method: String = "GET") throws
    -> RawClient.Response
  {
    let client = try RawClient(port: server.address.port)
    defer { client.close() }
    try client.send(text)
    return try client.readResponse(method: method)
  }

  @Test func `the handler gets the path without its query`() throws {
    let server = try Self.server()
    defer { server.stop() }

    let good = try Self.ask(server, "GET /metrics?x=1 HTTP/1.1\r\nHost: h\r\n\r\n")
    let bad = try Self.ask(server, "GET /bad HTTP/1.1\r\nHost: h\r\n\r\n")

    #expect(good.status == 200)
    #expect(good.body == Array("/metrics".utf8))
    #expect(good.head.value("content-type") == "text/plain; charset=utf-8")
    #expect(bad.status == 503)
  }

  @Test func `an answer larger than the kernel's buffers arrives whole`() throws {
    let server = try Self.server()
    defer { server.stop() }

    let response = try Self.ask(server, "GET /big HTTP/1.1\r\nHost: h\r\n\r\n")

    #expect(response.body.count == 5_000_000)
  }

  @Test(arguments: [
    ("POST / HTTP/1.1\r\nHost: h\r\n\r\n", 405), ("GET / HTTP/1.1\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: h\r\nA : b\r\n\r\n", 400),
    ("GET /" + String(repeating: "x", count: 20_000) + " HTTP/1.1\r\nHost: h\r\n\r\n", 414),
  ])
  func `anything but a sound GET or HEAD is refused`(request: String, status: Int) throws {
    let server = try Self.server()
    defer { server.stop() }

    #expect(try Self.ask(server, request).status == status)
    let after = try Self.ask(server, "HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n", method: "HEAD")
    #expect(after.status == 200)
    #expect(after.head.value("content-length") == "2")
  }

  @Test func `more connections than the bound are closed, and room comes back`() throws {
    let server = try Self.server()
    defer { server.stop() }
    let clients = try (0..<AdminServer.connectionsMax).map { _ in
      try RawClient(port: server.address.port)
    }

    let refused = try RawClient(port: server.address.port)
    #expect((try? refused.readToEnd()) ?? [] == [])
    for client in clients { client.close() }

    let response = try awaitValue("room") {
      try? Self.ask(server, "GET /again HTTP/1.1\r\nHost: h\r\n\r\n")
    }
    #expect(response.status == 200)
  }

  @Test func `a server that stops closes its connections and its port`() throws {
    let server = try Self.server()
    let client = try RawClient(port: server.address.port)
    try client.send("GET /")
    #expect(try Self.ask(server, "GET / HTTP/1.1\r\nHost: h\r\n\r\n").status == 200)

    server.stop()

    #expect((try? client.readToEnd()) ?? [] == [])
    #expect(throws: SocketError.self) { try RawClient(port: server.address.port) }
    client.close()
  }
}
