import Platform
import TestSupport
import Testing
import Usage

@testable import Proxy

/// Listeners behind a balancer: who may announce whom, and what follows from it.
@Suite struct ProxyProtocolTests {
  static let request =
    "GET / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n"
  static let line = "PROXY TCP4 203.0.113.9 198.51.100.1 56324 443\r\n"

  /// A rig whose listener expects headers from 127.0.0.0/8.
  static func rig(
    _ origin: Origin, _ change: (inout ProxyConfiguration) -> Void = { _ in }
  ) throws -> ProxyRig {
    try ProxyRig(origin) {
      $0.listeners[0].expectsProxyHeader = true
      change(&$0)
    }
  }

  /// Sends what comes before a request, then a request; says what the origin got.
  static func forwarded(_ header: [UInt8]) throws -> (head: String, usage: Measured) {
    let origin = try Origin.answering(ok())
    let rig = try rig(origin)
    let client = try rig.client()
    try client.send(header + Array(request.utf8))
    #expect(try client.readResponse().status == 200)
    client.close()
    try rig.awaitIdle()
    let usage = try rig.finish()
    return (try #require(origin.heads.first), usage)
  }

  @Test func `the announced client is who is forwarded, and is not believed`() throws {
    let (head, usage) = try Self.forwarded(Array(Self.line.utf8))

    #expect(head.contains("X-Forwarded-For: 203.0.113.9\r\n"))
    #expect(!head.contains("acme"))
    #expect(usage["~unattributed/api", .requests] == 1)
    #expect(usage["~unattributed/api", .requestBytes] == UInt64(Self.request.utf8.count))
    #expect(usage[.receivedBytes] == UInt64(Self.line.utf8.count))
  }

  @Test func `an announced client of IPv6 is forwarded as such`() throws {
    let header = ProxyHeaderBytes.checked(family: 0x21, ProxyHeaderBytes.pairIPv6)

    let (head, usage) = try Self.forwarded(header)

    #expect(head.contains("X-Forwarded-For: 2001:db8::9\r\n"))
    #expect(usage[.receivedBytes] == UInt64(header.count))
  }

  @Test func `an announced gateway is believed when the listener trusts it`() throws {
    let (head, usage) = try Self.forwarded(Array("PROXY TCP4 127.0.0.9 127.0.0.1 1 2\r\n".utf8))

    #expect(head.contains("X-Forwarded-For: 9.9.9.9, 127.0.0.9\r\n"))
    #expect(usage["acme/api", .requests] == 1)
  }

  @Test func `a balancer that speaks for itself is believed as itself`() throws {
    let header = ProxyHeaderBytes.binary(command: 0x20, family: 0, [])

    let (head, usage) = try Self.forwarded(header)

    #expect(head.contains("X-Forwarded-For: 9.9.9.9, 127.0.0.1\r\n"))
    #expect(usage["acme/api", .requests] == 1)
  }

  @Test func `a client of whom the balancer does not tell is not believed`() throws {
    let (head, usage) = try Self.forwarded(Array("PROXY UNKNOWN\r\n".utf8))

    #expect(head.contains("X-Forwarded-For: 127.0.0.1\r\n"))
    #expect(usage["~unattributed/api", .requests] == 1)
  }

  @Test func `a header may arrive byte by byte, and comes once a connection`() throws {
    let origin = try Origin.answering(ok())
    let rig = try Self.rig(origin)
    let client = try rig.client()

    for byte in Self.line.utf8 {
      try client.send([byte])
    }
    try client.send(Self.request)
    #expect(try client.readResponse().status == 200)
    try client.send(Self.request)
    #expect(try client.readResponse().status == 200)
    try client.send(Self.line + "\r\n")
    #expect(try client.readResponse().status == 400)
    client.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(usage["~unattributed/api", .requests] == 2)
    #expect(usage["~unattributed/~none", .requests] == 1)
  }

  @Test func `a peer that is not trusted is closed at once and counted`() throws {
    let origin = try Origin.answering(ok())
    let rig = try Self.rig(origin) { $0.listeners[0].trusted = [AddressRange("10.0.0.0/8")!] }
    let client = try rig.client()

    #expect((try? client.readToEnd()) ?? [] == [])
    try rig.waitFor(.proxyHeadersUntrusted) { $0 == 1 }
    client.close()
    let usage = try rig.finish()

    #expect(origin.connections == 0)
    #expect(usage[.requests] == 0)
    #expect(usage[.refused] == 1)
    #expect(rig.counter(.refusedConnections) == 0)
  }

  @Test(arguments: ["GET / HTTP/1.1\r\nHost: h\r\n\r\n", "PROXY TCP4 1 2 3 4\r\n", "\r\n\r\nX"])
  func `a connection without a valid header is closed without an answer`(text: String) throws {
    let origin = try Origin.answering(ok())
    let rig = try Self.rig(origin)
    let client = try rig.client()

    try client.send(text)
    #expect((try? client.readToEnd()) ?? [] == [])
    client.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(rig.counter(.proxyHeadersMalformed) == 1)
    #expect(usage[.requests] == 0)
    #expect(usage[.receivedBytes] == UInt64(text.utf8.count))
  }

  @Test(arguments: ["", "PROXY TCP4 203.0"])
  func `a header that does not come in time closes the connection`(part: String) throws {
    let rig = try Self.rig(try Origin.answering(ok())) {
      $0.timeouts.proxyHeaderMilliseconds = 50
    }
    let client = try rig.client()

    if !part.isEmpty { try client.send(part) }
    #expect((try? client.readToEnd()) ?? [] == [])
    client.close()
    let usage = try rig.finish()

    #expect(rig.counter(.timeoutsProxyHeader) == 1)
    #expect(usage[.requests] == 0)
    #expect(usage[.receivedBytes] == UInt64(part.utf8.count))
  }

  @Test func `the first head has its time from the connection's beginning`() throws {
    let rig = try ProxyRig(try Origin.answering(ok())) {
      $0.timeouts.firstHeadMilliseconds = 600
      $0.timeouts.requestHeadMilliseconds = 60_000
    }
    let (quiet, slow) = (try rig.client(), try rig.client())

    try slow.send("GET / HT")
    #expect(try slow.readResponse().status == 408)
    #expect(try quiet.readToEnd().isEmpty)
    quiet.close()
    slow.close()
    let usage = try rig.finish()

    #expect(rig.counter(.timeoutsFirstHead) == 1)
    #expect(rig.counter(.timeoutsRequestHead) == 1)
    #expect(usage[.requests] == 1)
  }
}
