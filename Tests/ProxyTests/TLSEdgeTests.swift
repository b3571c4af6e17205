import PlainHTTP
import Platform
import Synchronization
import TestSupport
import Testing
import Usage

@testable import Proxy

/// TLS beside what else a listener or an upstream does: PROXY headers, reloads, checks.
@Suite struct TLSEdgeTests {
  private let fixture: TLSFixture

  init() throws { fixture = try TLSFixture.shared.get() }

  @Test func `a PROXY header comes before the handshake`() throws {
    let origin = try Origin.answering(ok())
    let rig = try ProxyRig(origin) {
      $0.listeners[0].tls = fixture.listener
      $0.listeners[0].expectsProxyHeader = true
    }
    let bridge = try TLSBridge(
      to: rig.port(), .target(fixture.clientContext()), preface: ProxyProtocolTests.line)
    let client = try RawClient(port: bridge.port)

    try client.send(TLSTests.request())
    #expect(try client.readResponse().status == 200)
    client.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(origin.heads[0].contains("X-Forwarded-For: 203.0.113.9\r\n"))
    #expect(usage["~unattributed/api", .requestBytes] == UInt64(TLSTests.request().utf8.count))
  }

  @Test func `a reload changes the certificate of new connections, and a bad one changes nothing`()
    throws
  {
    let rig = try ProxyRig(try Origin.answering(ok())) { $0.listeners[0].tls = fixture.listener }
    let first = try rig.bridge(fixture)
    let kept = try RawClient(port: first.port)
    try kept.send(TLSTests.request())
    #expect(try kept.readResponse().status == 200)
    let next = try fixture.authority.issue("next", ["DNS:next.example"])
    var changed = fixture.listener
    changed.identities = [.init(certificateFile: next.certificate, keyFile: next.key)]

    try rig.reload { $0.listeners[0].tls = changed }
    let second = try rig.bridge(fixture, name: "next.example")
    let renamed = try RawClient(port: second.port)
    try renamed.send(TLSTests.request())
    #expect(try renamed.readResponse().status == 200)
    let old = try RawClient(port: first.port)
    try? old.send(TLSTests.request())
    #expect((try? old.readResponse()) == nil)
    changed.identities[0].keyFile = fixture.server.key
    #expect(throws: ProxyError.self) { try rig.reload { $0.listeners[0].tls = changed } }
    for client in [kept, renamed] {
      try client.send(TLSTests.request())
      #expect(try client.readResponse().status == 200)
      client.close()
    }
    old.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(usage["acme/api", .endedCompleted] == 4)
  }

  @Test func `a reload keeps sessions, but none outlives a change of the revocation list`() throws {
    let authority = fixture.authority
    var tls = fixture.listener(asking: .required)
    tls.revocationFile = try authority.revocationList("rules.crl")
    let gone = try authority.issue("gone", ["URI:spiffe://example.com/tenant/gone"])
    let rig = try ProxyRig(try Origin.answering(ok())) { $0.listeners[0].tls = tls }
    let bridge = try rig.bridge(fixture, showing: gone)
    func ask() throws -> Bool {
      let before = bridge.full + bridge.resumed + bridge.failures.count
      let client = try RawClient(port: bridge.port)
      defer { client.close() }
      try? client.send(TLSTests.request())
      let response = try? client.readResponse()
      client.close()
      try awaitCondition("the bridge's end") {
        bridge.full + bridge.resumed + bridge.failures.count > before
      }
      return response?.status == 200
    }

    #expect(try ask())
    #expect(try ask())
    try rig.reload { _ in }
    #expect(try ask())
    let resumed = rig.counter(.tlsHandshakesResumed)
    try authority.revoke(gone)
    _ = try authority.revocationList("rules.crl")
    try rig.reload { _ in }
    #expect(try !ask())
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(resumed == 2)
    #expect(rig.counter(.tlsHandshakesFailed) == 1)
    #expect(usage["acme/api", .requests] == 3)
  }

  @Test(arguments: [true, false])
  func `an upstream that asks for a certificate is shown one`(shows: Bool) throws {
    let origin = try Origin.answering(ok())
    let asking = try TLSServerContext(
      fixture.listener(asking: .required), keys: SessionTicketKeys(seconds: 60), scope: [1],
      syscalls: Syscalls())
    let behind = try TLSBridge(to: origin.port, .client(asking))
    let rig = try ProxyRig(upstream: [behind.port], origins: [origin]) {
      var tls = TLSClientConfiguration(serverName: "a.example")
      tls.caFile = fixture.authority.certificate
      tls.certificateFile = shows ? fixture.client.certificate : nil
      tls.keyFile = shows ? fixture.client.key : nil
      $0.upstreams[0].tls = tls
    }
    let client = try rig.client()

    try client.send(TLSTests.request())
    #expect(try client.readResponse().status == (shows ? 200 : 502))
    client.close()
    _ = try rig.finish()
  }

  @Test(arguments: [("a.example", ""), ("other.example", "TLS: certificate verify failed")])
  func `checks speak TLS, and say why when they cannot`(name: String, reason: String) throws {
    let origin = try Origin.answering(ok())
    let behind = try TLSBridge(to: origin.port, .client(fixture.serverContext()))
    var configuration = UpstreamConfiguration(
      name: "u", addresses: [SocketAddress(bytes: [127, 0, 0, 1], port: behind.port)!])
    var health = HealthCheckConfiguration()
    health.intervalMilliseconds = 20
    health.timeoutMilliseconds = 5_000
    health.rise = 1
    health.fall = 1
    configuration.health = health
    let board = UpstreamBoard(configuration, tls: try fixture.clientContext(name: name))
    let reasons = Mutex<[String]>([])
    let checker = try HealthChecker(syscalls: Syscalls(), clock: .system) { event in
      if case .isDown(_, _, let reason) = event { reasons.withLock { $0.append(reason) } }
    }
    try checker.start()
    checker.watch([board])
    defer { checker.stop() }

    try awaitCondition("a verdict") {
      reason.isEmpty ? board.checkCounts.good > 0 : !reasons.withLock { $0.isEmpty }
    }

    #expect(reasons.withLock { $0.first ?? "" } == reason)
  }
}
