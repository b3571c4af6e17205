import Foundation
import PlainHTTP
import TestSupport
import Testing

extension Integration {
  @Suite("Requests that two programs could read differently") struct SmugglingTests {
    /// A request with another one hidden behind it or in it, and the status it must be refused
    /// with.
    struct Attack: Sendable, CustomStringConvertible {
      let name: String
      let status: Int
      let text: String
      var description: String { name }
    }

    /// What must never arrive at the upstream as a request.
    private static let hidden = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

    private static func head(_ lines: String...) -> String {
      (["POST /first HTTP/1.1", "Host: a"] + lines + ["", ""]).joined(separator: "\r\n")
    }

    private static func coded(_ field: String) -> String {
      head(field) + "0\r\n\r\n" + hidden
    }

    private static let lengths: [Attack] = [
      ("length and coding", head("Content-Length: 6", "Transfer-Encoding: chunked") + "0\r\n\r\n"),
      ("coding and length", head("Transfer-Encoding: chunked", "Content-Length: 6") + "0\r\n\r\n"),
      ("two lengths", head("Content-Length: 0", "Content-Length: 44")),
      ("the same length twice", head("Content-Length: 0", "Content-Length: 0")),
      ("a list of lengths", head("Content-Length: 0, 0")),
      ("a signed length", head("Content-Length: +0")),
      ("a negative length", head("Content-Length: -1")),
      ("a hexadecimal length", head("Content-Length: 0x0")),
      ("an empty length", head("Content-Length:")),
      ("a length of two words", head("Content-Length: 0 44")),
      ("a length beyond 64 bits", head("Content-Length: 18446744073709551616")),
      ("a folded length", head("Content-Length:\r\n 44")),
      ("a length under another name", head("Content_Length: 44")),
      ("a length with a space before the colon", head("Content-Length : 44")),
      ("a length that Connection names", head("Connection: Content-Length", "Content-Length: 0")),
    ].map { Attack(name: $0.0, status: 400, text: $0.1 + hidden) }

    private static let codings: [Attack] =
      [
        ("chunked not last", "Transfer-Encoding: chunked, chunked", 400),
        ("an empty coding", "Transfer-Encoding:", 400),
        ("an empty element", "Transfer-Encoding: chunked,", 400),
        ("an unknown coding", "Transfer-Encoding: xchunked", 501),
        ("a coding with a parameter", "Transfer-Encoding: chunked;q=1", 400),
        ("a coding after a vertical tab", "Transfer-Encoding: \u{0B}chunked", 400),
        ("a coding before a bare CR", "Transfer-Encoding: chunked\rX: y", 400),
        ("a folded coding", "Transfer-Encoding:\r\n chunked", 400),
        ("a coding with a space before the colon", "Transfer-Encoding : chunked", 400),
        ("a coding under another name", "Transfer_Encoding: chunked", 400),
        ("a quoted coding", "Transfer-Encoding: \"chunked\"", 400),
      ].map { Attack(name: $0.0, status: $0.2, text: coded($0.1)) } + [
        Attack(
          name: "a coding on HTTP/1.0", status: 400,
          text: "POST /first HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            + hidden)
      ]

    private static let lines: [Attack] = [
      (
        "a bare line feed in the head", "POST /first HTTP/1.1\r\nHost: a\nContent-Length: 0\r\n\r\n"
      ),
      ("a head that ends in bare line feeds", "POST /first HTTP/1.1\r\nHost: a\n\n"),
      ("a NUL in a value", head("X: a\0b")),
      ("two hosts", head("Host: b")),
      ("no host", "GET /first HTTP/1.1\r\n\r\n"),
      ("a host with a path", "GET /first HTTP/1.1\r\nHost: a/b\r\n\r\n"),
      ("a name with a space", head("X Y: z")),
      ("a line without a colon", head("GET /smuggled HTTP/1.1")),
      ("two versions", "GET /first HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n"),
      ("a tab in the request line", "GET\t/first HTTP/1.1\r\nHost: a\r\n\r\n"),
      ("empty lines in front", "\r\n\r\nGET /first HTTP/1.1\r\nHost: a\r\n\r\n"),
    ].map { Attack(name: $0.0, status: 400, text: $0.1 + hidden) }

    /// Faults behind a good head: the upstream may see the one request, never what comes after.
    private static let chunks: [Attack] = [
      ("a signed chunk size", "+0\r\n\r\n"), ("a prefixed chunk size", "0x0\r\n\r\n"),
      ("a chunk size with a space", "0 \r\n\r\n"), ("an empty chunk size", "\r\n\r\n"),
      ("a chunk size beyond 64 bits", "10000000000000000\r\n"),
      ("a chunk line that ends in a line feed", "0\n\r\n"),
      ("a chunk longer than its size", "1\r\nab\r\n0\r\n\r\n"),
      ("a line feed in an extension", "0;a\n=b\r\n\r\n"),
      ("a trailer without a colon", "0\r\nGET /smuggled HTTP/1.1\r\n\r\n"),
      ("a folded trailer", "0\r\nA: b\r\n c\r\n\r\n"),
    ].map {
      Attack(name: $0.0, status: 400, text: head("Transfer-Encoding: chunked") + $0.1 + hidden)
    }

    @Test(.timeLimit(.minutes(1)))
    func `no second request ever arrives at the upstream`() throws {
      let upstream = try ScriptedUpstream([
        .readHead, .readBody, .send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), .startOver,
      ])
      let chain = try Chain(upstream: upstream.port)
      try chain.startProxy()
      let attacks = Self.lengths + Self.codings + Self.lines + Self.chunks

      for attack in attacks {
        let client = try RawClient(port: chain.proxyPort, timeoutMilliseconds: 5_000)
        try client.send(attack.text)
        let answer = try client.readResponse(method: "POST")
        let rest = (try? client.readToEnd()) ?? []
        client.close()
        #expect(answer.status == attack.status, "\(attack)")
        #expect(rest.isEmpty, "\(attack): \(String(decoding: rest, as: UTF8.self))")
      }
      let client = try RawClient(port: chain.proxyPort)
      try client.send("GET /last HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(try client.readResponse().body == Array("ok".utf8))
      client.close()
      try chain.drainUntilShipped()
      upstream.stop()

      let seen = (0..<upstream.connections).map { upstream.receivedText($0) }
      #expect(!seen.contains { $0.contains("smuggled") })
      #expect(seen.count { $0.contains("GET /last HTTP/1.1") } == 1)
      #expect(seen.allSatisfy { $0.components("HTTP/1.1\r\n") <= 2 })
      let usage = try chain.api().usage()
      #expect(usage.total("ended_rejected") == UInt64(attacks.count))
      #expect(usage.total("ended_completed") == 1)
      #expect(usage.total("requests") == UInt64(attacks.count) + 1)
    }

    @Test(.timeLimit(.minutes(1)))
    func `an upstream believes the tenant that the proxy resolved and no other`() throws {
      let chain = try Chain()
      try chain.startProxy()
      let client = try RawClient(port: chain.proxyPort)
      try client.send(
        "GET /echo-headers HTTP/1.1\r\nHost: a\r\nX-Tenant: acme\r\nX-Weir-Tenant: other\r\n"
          + "x-weir-tenant: third\r\nX_Weir_Tenant: fourth\r\n\r\n")
      let seen = try MessageHead(try client.readResponse().body)
      client.close()
      try chain.drainUntilShipped()

      let tenants = seen.fields.filter {
        $0.name.replacingOccurrences(of: "_", with: "-") == "x-weir-tenant"
      }
      #expect(tenants.map(\.value) == ["acme"])
      #expect(try chain.api().usage().tenants == ["acme"])
    }
  }
}

extension String {
  /// How often a text occurs.
  fileprivate func components(_ text: String) -> Int { split(separator: text).count - 1 }
}
