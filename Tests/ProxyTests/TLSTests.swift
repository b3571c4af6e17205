import Glibc
import Metering
import PlainHTTP
import Platform
import Synchronization
import TestSupport
import Testing
import Usage

@testable import Proxy

@Suite struct TLSTests {
  private let fixture: TLSFixture

  init() throws { fixture = try TLSFixture.shared.get() }

  static func request(
    _ tenant: String = "acme", host: String = "a.example", _ fields: String = ""
  ) -> String {
    "GET / HTTP/1.1\r\nHost: \(host)\r\nX-Tenant: \(tenant)\r\n\(fields)\r\n"
  }

  /// What one client says to a proxy with or without TLS on each side, and what was counted for it.
  private func converse(client: Bool, upstream: Bool, version: TLSVersion) throws -> Measured {
    let origin = try Origin { connection in
      while let head = try connection.head() {
        let body = try connection.body(head)
        if head.start[1] == "/large" {
          try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 700000\r\n\r\n")
          try connection.send(SpliceTests.content(700_000))
        } else {
          let size = String(body.count, radix: 16)
          try connection.send(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
              + "\(size.count)\r\n\(size)\r\n0\r\n\r\n")
        }
      }
    }
    let behind =
      upstream ? try TLSBridge(to: origin.port, .client(fixture.serverContext())) : nil
    let rig = try ProxyRig(upstream: [behind?.port ?? origin.port], origins: [origin]) {
      if client { $0.listeners[0].tls = fixture.listener }
      if upstream {
        var tls = TLSClientConfiguration(serverName: "a.example")
        tls.caFile = fixture.authority.certificate
        tls.versionMin = version
        $0.upstreams[0].tls = tls
      }
      // The only fields that differ are told otherwise.
      $0.headers.forwarding = .rfc7239
      $0.headers.requestID = nil
      $0.headers.trace = .off
    }
    let bridge = client ? try rig.bridge(fixture, version: version) : nil
    let socket = try RawClient(port: bridge?.port ?? rig.port(), timeoutMilliseconds: 60_000)

    for tenant in ["acme", "bolt", "acme"] {
      try socket.send(Self.request(tenant))
      #expect(try socket.readResponse().status == 200)
    }
    try socket.send("GET /large HTTP/1.1\r\nHost: a.example\r\nX-Tenant: bolt\r\n\r\n")
    #expect(try socket.readResponse().body == SpliceTests.content(700_000))
    let upload = SpliceTests.content(500_000)
    let sender = try SpawnedThread { [raw = socket.socket] in
      try? raw.send(
        Array(
          "POST /x HTTP/1.1\r\nHost: a.example\r\nX-Tenant: acme\r\nContent-Length: 500000\r\n\r\n"
            .utf8))
      try? raw.send(upload)
    }
    #expect(try socket.readResponse().body == Array("hello7a120".utf8))
    sender.join()
    try socket.send("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: x\r\n\r\n")
    #expect(try socket.readResponse().status == 400)
    socket.close()
    try rig.awaitIdle()
    let usage = try rig.finish()
    #expect(rig.counter(.tlsHandshakesFull) == (client ? 1 : 0))
    #expect(rig.counter(.upstreamTLSFull) == (upstream ? 1 : 0))
    if client {
      #expect(usage[.receivedBytes] > 200)
      #expect(usage[.sentBytes] > 500)
    }
    return usage
  }

  @Test(arguments: [
    (true, false, TLSVersion.tls13), (false, true, .tls13), (true, true, .tls12),
  ])
  func `the same requests give the same figures with TLS and without`(
    client: Bool, upstream: Bool, version: TLSVersion
  ) throws {
    let plain = try converse(client: false, upstream: false, version: version)
    let secret = try converse(client: client, upstream: upstream, version: version)

    #expect(secret.keys == plain.keys)
    for key in plain.keys {
      var expected = plain.counts(key)
      // `proto=https` is a byte longer than `proto=http`.
      if client, let bytes = expected[.upstreamRequestBytes] {
        expected[.upstreamRequestBytes] = bytes + (expected[.attempts] ?? 0)
      }
      #expect(secret.counts(key) == expected, "\(key)")
    }
  }

  @Test func `upstreams are told that the client spoke https`() throws {
    let origin = try Origin.answering(ok())
    let rig = try ProxyRig(origin) { $0.listeners[0].tls = fixture.listener }
    let bridge = try rig.bridge(fixture)
    let client = try RawClient(port: bridge.port)

    try client.send(Self.request())
    _ = try client.readResponse()
    client.close()
    try rig.awaitIdle()
    _ = try rig.finish()

    #expect(origin.heads[0].contains("X-Forwarded-Proto: https\r\n"))
  }

  @Test func `a session is resumed, and its bytes belong to no tenant`() throws {
    let rig = try ProxyRig(try Origin.answering(ok())) { $0.listeners[0].tls = fixture.listener }
    let bridge = try rig.bridge(fixture)

    for _ in 0..<3 {
      let client = try RawClient(port: bridge.port)
      try client.send(Self.request())
      #expect(try client.readResponse().status == 200)
      client.close()
      try awaitCondition("the bridge's end") { bridge.full + bridge.resumed > 0 }
      try rig.awaitIdle()
    }
    let usage = try rig.finish()

    #expect(rig.counter(.tlsHandshakesFull) + rig.counter(.tlsHandshakesResumed) == 3)
    #expect(rig.counter(.tlsHandshakesResumed) >= 1)
    #expect(usage["acme/api", .requests] == 3)
    #expect(usage["acme/api", .requestBytes] == UInt64(3 * Self.request().utf8.count))
  }

  @Test(arguments: [
    "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "\u{16}\u{03}\u{01}zzzzzzzzzzzzzzzzzzzzzzzzzzz",
    String(repeating: "\0", count: 4_000),
    // The beginning of a hello, and one that is larger than any that is taken.
    "\u{16}\u{03}\u{01}\u{02}\u{00}\u{01}\u{00}\u{01}\u{7c}\u{03}\u{03}",
    "\u{16}\u{03}\u{01}\u{40}\u{00}\u{01}\u{7f}\u{7f}\u{7f}"
      + String(repeating: "\0", count: 16_380),
  ])
  func `what is no TLS is counted as failed and closed, and as no request`(text: String) throws {
    let rig = try ProxyRig(try Origin.answering(ok())) {
      $0.listeners[0].tls = fixture.listener
      $0.timeouts.firstHeadMilliseconds = 600_000
    }
    let client = try rig.client()

    try client.send(text)
    client.shutdownSending()
    _ = try? client.readToEnd()
    client.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(rig.counter(.tlsHandshakesFailed) + rig.counter(.tlsHandshakesAborted) == 1)
    #expect(rig.counter(.tlsHandshakes) == 0)
    #expect(usage.keys.isEmpty)
    #expect(usage[.receivedBytes] > 0)
  }

  @Test func `a client that says nothing is timed out in the handshake`() throws {
    let rig = try ProxyRig(try Origin.answering(ok())) {
      $0.listeners[0].tls = fixture.listener
      $0.timeouts.firstHeadMilliseconds = 50
    }
    let client = try rig.client()

    #expect(try client.readToEnd() == [])
    client.close()
    try rig.awaitIdle()
    _ = try rig.finish()

    #expect(rig.counter(.timeoutsHandshake) == 1)
    #expect(rig.counter(.tlsHandshakes) == 0)
  }

  @Test func `silent clients at the bound of handshakes keep nobody out for long`() throws {
    let rig = try ProxyRig(try Origin.answering(ok())) {
      $0.listeners[0].tls = fixture.listener
      $0.limits.tlsHandshakesMax = 2
      $0.timeouts.firstHeadMilliseconds = 600_000
    }
    let silent = try (0..<2).map { _ in try rig.client() }
    try rig.waitFor(.tlsHandshakes) { $0 == 2 }
    let bridge = try rig.bridge(fixture)
    let client = try RawClient(port: bridge.port, timeoutMilliseconds: 30_000)

    try client.send(Self.request())
    #expect(try client.readResponse().status == 200)
    client.close()
    for one in silent { one.close() }
    try rig.awaitIdle()
    _ = try rig.finish()

    #expect(rig.counter(.tlsHandshakesDeferred) >= 1)
    #expect(rig.counter(.timeoutsHandshake) >= 1)
  }

  // MARK: - Certificates of clients

  private func tenants(
    _ kind: TLSSession.PeerName, _ prefix: String
  ) -> (inout ProxyConfiguration) -> Void {
    {
      $0.listeners[0].tls = fixture.listener(asking: .optional)
      $0.listeners[0].trusted = []
      $0.tenants.rules = [TenantRule(.certificate(kind, prefix: prefix))]
    }
  }

  @Test(arguments: [
    (TLSSession.PeerName.uri, "spiffe://example.com/tenant/", "acme/api"),
    (.commonName, "", "gateway-1/api"), (.dns, "", "~unattributed/api"),
    (.uri, "spiffe://example.com/", "~invalid/api"), (.uri, "https://", "~unattributed/api"),
  ])
  func `a certificate names the tenant`(
    kind: TLSSession.PeerName, prefix: String, key: String
  ) throws {
    let rig = try ProxyRig(try Origin.answering(ok()), tenants(kind, prefix))
    let bridge = try rig.bridge(fixture, showing: fixture.client)
    let client = try RawClient(port: bridge.port)

    try client.send(Self.request("liar"))
    #expect(try client.readResponse().status == 200)
    client.close()
    try rig.awaitIdle()

    #expect(try rig.finish().keys == [key])
  }

  @Test func `a certificate that names two tenants names none`() throws {
    let rig = try ProxyRig(
      try Origin.answering(ok()), tenants(.uri, "spiffe://example.com/tenant/"))
    let both = try fixture.authority.issue(
      "both", ["URI:spiffe://example.com/tenant/acme", "URI:spiffe://example.com/tenant/bolt"])
    let bridge = try rig.bridge(fixture, showing: both)
    let client = try RawClient(port: bridge.port)

    try client.send(Self.request())
    #expect(try client.readResponse().status == 200)
    client.close()
    try rig.awaitIdle()

    #expect(try rig.finish().keys == ["~invalid/api"])
  }

  @Test func `a client without a certificate gets no tenant from it`() throws {
    let rig = try ProxyRig(try Origin.answering(ok()), tenants(.uri, ""))
    let bridge = try rig.bridge(fixture)
    let client = try RawClient(port: bridge.port)

    try client.send(Self.request())
    #expect(try client.readResponse().status == 200)
    client.close()
    try rig.awaitIdle()

    #expect(try rig.finish().keys == ["~unattributed/api"])
  }

  @Test(arguments: [true, false])
  func `a certificate makes a client trusted where the listener says so`(trusts: Bool) throws {
    let rig = try ProxyRig(try Origin.answering(ok())) {
      $0.listeners[0].tls = fixture.listener(asking: .required)
      $0.listeners[0].trusted = []
      $0.listeners[0].trustsCertificates = trusts
    }
    let bridge = try rig.bridge(fixture, showing: fixture.client)
    let client = try RawClient(port: bridge.port)

    try client.send(Self.request("bolt"))
    #expect(try client.readResponse().status == 200)
    client.close()
    try rig.awaitIdle()

    #expect(try rig.finish().keys == [trusts ? "bolt/api" : "~unattributed/api"])
  }

  @Test func `with a certificate, another host than the handshake's is misdirected`() throws {
    let rig = try ProxyRig(try Origin.answering(ok()), tenants(.commonName, ""))
    let bridge = try rig.bridge(fixture, showing: fixture.client)
    let client = try RawClient(port: bridge.port)

    try client.send(Self.request(host: "x.b.example"))
    let refused = try client.readResponse()
    try client.send(Self.request(host: "A.example:8443"))
    let served = try client.readResponse()
    client.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(refused.status == 421)
    #expect(String(decoding: refused.body, as: UTF8.self).contains("\"misdirected\""))
    #expect(served.status == 200)
    #expect(usage["gateway-1/api", .endedRejected] == 1)
    #expect(usage["gateway-1/api", .endedCompleted] == 1)
  }

  @Test func `a client that must show a certificate and does not is refused`() throws {
    let rig = try ProxyRig(try Origin.answering(ok())) {
      $0.listeners[0].tls = fixture.listener(asking: .required)
    }
    let bridge = try rig.bridge(fixture)
    let client = try RawClient(port: bridge.port)

    try client.send(Self.request())
    #expect((try? client.readResponse()) == nil)
    client.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(rig.counter(.tlsHandshakesFailed) == 1)
    #expect(usage.keys.isEmpty)
  }

  // MARK: - Upstreams

  private func overTLS(
    _ change: @escaping (inout TLSClientConfiguration) -> Void = { _ in }
  ) -> (inout ProxyConfiguration) -> Void {
    {
      var tls = TLSClientConfiguration(serverName: "a.example")
      tls.caFile = fixture.authority.certificate
      change(&tls)
      $0.upstreams[0].tls = tls
    }
  }

  @Test func `an upstream whose certificate is for another name is not spoken to`() throws {
    let origin = try Origin.answering(ok())
    let behind = try TLSBridge(to: origin.port, .client(fixture.serverContext()))
    let rig = try ProxyRig(
      upstream: [behind.port], origins: [origin], overTLS { $0.serverName = "other.example" })
    let client = try rig.client()

    try client.send(Self.request())
    let response = try client.readResponse()
    client.close()
    let usage = try rig.finish()

    #expect(response.status == 502)
    #expect(String(decoding: response.body, as: UTF8.self).contains("\"upstream_tls_failed\""))
    #expect(origin.heads == [])
    #expect(rig.counter(.upstreamTLSFailed) == usage[.attempts])
    #expect(usage[.attempts] == usage[.failedAttempts])
    #expect(usage["acme/api", .endedUpstreamFailure] == 1)
  }

  @Test(arguments: [true, false])
  func `an upstream whose certificate has expired is spoken to only unverified`(
    verifies: Bool
  ) throws {
    let expired = try fixture.authority.issue(
      "expired-\(verifies)", ["DNS:a.example"], hasExpired: true)
    let origin = try Origin.answering(ok())
    let behind = try TLSBridge(to: origin.port, .client(fixture.serverContext(expired)))
    let rig = try ProxyRig(
      upstream: [behind.port], origins: [origin],
      overTLS {
        $0.verifies = verifies
        if !verifies { $0.caFile = nil }
      })
    let client = try rig.client()

    try client.send(Self.request())
    #expect(try client.readResponse().status == (verifies ? 502 : 200))
    client.close()
    _ = try rig.finish()
  }

  @Test func `an upstream is spoken to in HTTP 2 when it agrees to it, and else not at all`() throws
  {
    for agrees in [true, false] {
      let origin = try Origin.http2Answering { try $0.answer($1.id, $1[":scheme"] ?? "") }
      let protocols = agrees ? ["http/1.1", "h2"] : ["http/1.1"]
      let behind = try TLSBridge(
        to: origin.port, .client(fixture.serverContext(protocols: protocols)))
      let rig = try ProxyRig(upstream: [behind.port], origins: [origin]) {
        overTLS()(&$0)
        $0.upstreams[0].speaksHTTP2 = true
      }
      let client = try rig.client()

      try client.send(Self.request())
      let response = try client.readResponse()
      client.close()
      let usage = try rig.finish()

      let body = String(decoding: response.body, as: UTF8.self)
      #expect(response.status == (agrees ? 200 : 502))
      #expect(agrees ? body == "https" : body.contains("\"upstream_tls_failed\""))
      #expect(rig.counter(.upstreamTLSFailed) == (agrees ? 0 : 1))
      #expect(rig.counter(.upstreamTLSFull) == (agrees ? 1 : 0))
      #expect(usage[.attempts] == 1)
      #expect(usage[.failedAttempts] == (agrees ? 0 : 1))
    }
  }

  @Test func `when one address has no good certificate another is asked`() throws {
    let origin = try Origin.answering(ok())
    let wrong = try TestAuthority("Somebody else")
    let bad = try TLSBridge(
      to: origin.port, .client(fixture.serverContext(wrong.issue("bad", ["DNS:a.example"]))))
    let good = try TLSBridge(to: origin.port, .client(fixture.serverContext()))
    let rig = try ProxyRig(upstream: [bad.port, good.port], origins: [origin], overTLS())
    let client = try rig.client()

    for _ in 0..<8 {
      try client.send(Self.request())
      #expect(try client.readResponse().status == 200)
    }
    client.close()
    let usage = try rig.finish()

    #expect(usage["acme/api", .endedCompleted] == 8)
    #expect(usage[.failedAttempts] == rig.counter(.upstreamTLSFailed))
  }

  @Test func `an upstream's session is resumed, and an idle connection outlives a late ticket`()
    throws
  {
    let origin = try Origin { connection in
      // The first connection is closed after its answer, so that a new one has to be made.
      while try connection.head() != nil {
        try connection.send(ok())
        if connection.number == 0 { return }
      }
    }
    let behind = try TLSBridge(to: origin.port, .client(fixture.serverContext()))
    let rig = try ProxyRig(upstream: [behind.port], origins: [origin], overTLS())
    let client = try rig.client()

    for _ in 0..<4 {
      try client.send(Self.request())
      #expect(try client.readResponse().status == 200)
      try rig.waitFor(.openExchanges) { $0 == 0 }
    }
    client.close()
    _ = try rig.finish()

    #expect(rig.counter(.upstreamTLSFull) == 1)
    #expect(rig.counter(.upstreamTLSResumed) == 1)
    #expect(origin.connections == 2)
  }

  @Test func `a tunnel goes both ways over TLS, and half-close is kept`() throws {
    let origin = try TunnelTests.echo()
    let behind = try TLSBridge(to: origin.port, .client(fixture.serverContext()))
    let rig = try ProxyRig(upstream: [behind.port], origins: [origin]) {
      overTLS()(&$0)
      $0.listeners[0].tls = fixture.listener
    }
    let bridge = try rig.bridge(fixture)
    let client = try RawClient(port: bridge.port)

    try client.send(TunnelTests.request + "early")
    let head = try #require(try client.readHead())
    #expect(head.hasPrefix("HTTP/1.1 101 "))
    let big = SpliceTests.content(300_000)
    let sender = try SpawnedThread { [socket = client.socket] in
      try? socket.send(big)
      socket.shutdownSending()
    }
    #expect(try client.readToEnd() == Array("early".utf8) + big + Array("bye".utf8))
    sender.join()
    client.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(usage["acme/api", .endedCompleted] == 1)
    #expect(usage["acme/api", .requestBodyBytes] == 300_005)
    #expect(usage["acme/api", .responseBodyBytes] == 300_008)
  }

  // MARK: - Failures

  @Test(arguments: [true, false])
  func `a body without a length that breaks off does not look complete`(breaks: Bool) throws {
    let gate = Gate()
    let origin = try Origin { connection in
      guard try connection.head() != nil else { return }
      try connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello")
      try gate.wait()
      if breaks { connection.socket.resetOnClose() }
    }
    let rig = try ProxyRig(origin) { $0.listeners[0].tls = fixture.listener }
    let bridge = try rig.bridge(fixture)
    let client = try RawClient(port: bridge.port)

    try client.send("GET / HTTP/1.0\r\nHost: a.example\r\nX-Tenant: acme\r\n\r\n")
    _ = try client.readHead()
    #expect(try client.readBytes(5) == Array("hello".utf8))
    gate.pass()
    let rest = try? client.readToEnd()
    client.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(rest == (breaks ? nil : []))
    #expect(usage["acme/api", breaks ? .endedUpstreamFailure : .endedCompleted] == 1)
    #expect(bridge.failures.isEmpty == !breaks)
  }

  @Test(arguments: [Syscall.recv, .send], [ECONNRESET, EAGAIN])
  func `a call that fails at any place leaves the counts whole`(call: Syscall, code: Int32) throws {
    for position in 0..<10 {
      let origin = try Origin.answering(ok("hello"))
      let behind = try TLSBridge(to: origin.port, .client(fixture.serverContext()))
      let faults = SyscallFaults(failing: position, of: [call], with: code)
      let rig = try ProxyRig(
        upstream: [behind.port], origins: [origin], syscalls: Syscalls(faults: faults)
      ) {
        overTLS()(&$0)
        $0.listeners[0].tls = fixture.listener
        $0.timeouts.firstHeadMilliseconds = 500
        $0.timeouts.keepAliveMilliseconds = 500
        $0.timeouts.bodyMilliseconds = 500
        $0.timeouts.connectMilliseconds = 500
        $0.timeouts.responseHeadMilliseconds = 500
      }
      let bridge = try rig.bridge(fixture)
      let client = try RawClient(port: bridge.port)

      try? client.send(Self.request())
      _ = try? client.readResponse()
      client.close()
      try rig.awaitIdle()
      // The laws are checked here.
      _ = try rig.finish()
      #expect(rig.counter(.tlsHandshakes) == 0)
    }
  }

  @Test func `a handshake and a request that come byte by byte are served`() throws {
    let rig = try ProxyRig(try Origin.answering(ok())) { $0.listeners[0].tls = fixture.listener }
    let pieces = try PieceRelay(to: rig.port(), bytes: 1)
    let bridge = try TLSBridge(to: pieces.port, .target(fixture.clientContext()))
    let client = try RawClient(port: bridge.port)

    try client.send(Self.request())
    #expect(try client.readResponse().status == 200)
    client.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(usage["acme/api", .endedCompleted] == 1)
    #expect(usage["acme/api", .requestBytes] == UInt64(Self.request().utf8.count))
  }
}

/// Passes bytes on in pieces, each a packet of its own.
final class PieceRelay: Sendable {
  var port: UInt16 { listener.port }
  private let listener: ListeningSocket

  init(to target: UInt16, bytes: Int) throws {
    listener = try ListeningSocket()
    _ = try SpawnedThread { [listener] in
      while let near = listener.accept() {
        guard let far = try? Socket.connect(port: target) else { return near.close() }
        _ = try? SpawnedThread {
          while let piece = try? far.receive(atMost: 65_536), !piece.isEmpty {
            try? near.send(piece)
          }
          near.shutdownSending()
        }
        _ = try? SpawnedThread {
          while let piece = try? near.receive(atMost: bytes), !piece.isEmpty {
            try? far.send(piece)
          }
          far.shutdownSending()
        }
      }
    }
  }

  deinit { listener.stop() }
}
