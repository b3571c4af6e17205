import Platform
import TestSupport
import Testing
import Usage

@testable import Proxy

/// IPv6 from end to end, dual stack, and how connections spread over workers.
@Suite struct AddressFamilyTests {
  static let request = "GET / HTTP/1.1\r\nHost: [::1]:80\r\nX-Tenant: acme\r\n\r\n"

  @Test func `a request goes from an IPv6 client to an IPv6 upstream`() throws {
    let origin = try Origin(address: "::1") { connection in
      while try connection.head() != nil { try connection.send(ok()) }
    }
    let rig = try ProxyRig(origin) {
      $0.listeners[0].address = SocketAddress("[::1]:0")!
      $0.listeners[0].trusted = [AddressRange("::1")!]
      $0.upstreams[0] = UpstreamConfiguration(
        name: $0.upstreams[0].name, addresses: [SocketAddress("[::1]:\(origin.port)")!])
    }
    let client = try RawClient(address: "::1", port: rig.port())

    try client.send(Self.request)
    let response = try client.readResponse()
    client.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(response.status == 200)
    #expect(origin.heads[0].contains("Host: [::1]:80\r\n"))
    #expect(origin.heads[0].contains("X-Forwarded-For: ::1\r\n"))
    #expect(usage["acme/api", .endedCompleted] == 1)
    #expect(usage["acme/api", .upstreamRequestBytes] == origin.bytesReceived)
  }

  @Test func `a dual-stack listener shows clients of IPv4 as such and trusts them by IPv4 ranges`()
    throws
  {
    let origin = try Origin.answering(ok())
    let rig = try ProxyRig(origin) { $0.listeners[0].address = SocketAddress("[::]:0")! }
    let four = try rig.client()
    let six = try RawClient(address: "::1", port: rig.port())

    try four.send(Self.request)
    #expect(try four.readResponse().status == 200)
    try six.send(Self.request)
    #expect(try six.readResponse().status == 200)
    four.close()
    six.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(origin.heads[0].contains("X-Forwarded-For: 127.0.0.1\r\n"))
    #expect(origin.heads[1].contains("X-Forwarded-For: ::1\r\n"))
    #expect(usage["acme/api", .requests] == 1)
    #expect(usage["~unattributed/api", .requests] == 1)
  }

  @Test func `a listener for IPv6 only leaves clients of IPv4 alone`() throws {
    let rig = try ProxyRig(try Origin.answering(ok())) {
      $0.listeners[0].address = SocketAddress("[::]:0")!
      $0.listeners[0].isIPv6Only = true
    }

    #expect(throws: (any Error).self) { try rig.client() }
    let six = try RawClient(address: "::1", port: rig.port())
    try six.send(Self.request)
    #expect(try six.readResponse().status == 200)
    six.close()
    try rig.awaitIdle()
    _ = try rig.finish()
  }

  @Test func `connections spread over the workers`() throws {
    let rig = try ProxyRig(try Origin.answering(ok())) { $0.workers = 4 }
    let clients = try (0..<400).map { _ in try rig.client() }

    try rig.waitFor(.downstreamConnections) { $0 == 400 }
    let each = rig.server.counters.map { $0.value(of: .downstreamConnections) }
    for client in clients { client.close() }
    try rig.awaitIdle()
    _ = try rig.finish()

    // The kernel hashes addresses and ports: 100 each on average with a standard deviation of 9.
    #expect(each.allSatisfy { $0 > 40 }, "\(each)")
  }
}
