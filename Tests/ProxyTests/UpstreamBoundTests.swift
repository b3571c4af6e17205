import PlainHTTP
import Platform
import TestSupport
import Testing
import Usage

@testable import Proxy

/// Bounds on what an upstream is given at one time, and the queue in front of it.
@Suite struct UpstreamBoundTests {
  static let get = "GET / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n\r\n"

  /// An origin that answers when the gate is open.
  private static func gated(_ gate: Gate) throws -> Origin {
    try Origin { connection in
      while try connection.head() != nil {
        try gate.wait()
        try connection.send(ok())
      }
    }
  }

  @Test func `a request waits for a connection and is served when one is free`() throws {
    let gate = Gate()
    let origin = try Self.gated(gate)
    let rig = try ProxyRig(origin) { $0.upstreams[0].connectionsMax = 1 }
    let clients = try (0..<4).map { _ in try rig.client() }

    for (index, client) in clients.enumerated() {
      try client.send(Self.get)
      if index == 0 { try awaitCondition("the first request") { origin.heads.count == 1 } }
    }
    try rig.waitFor(.upstreamPending) { $0 == 3 }
    gate.pass()
    for client in clients { #expect(try client.readResponse().status == 200) }
    for client in clients { client.close() }
    let usage = try rig.finish()

    #expect(origin.connections == 1)
    #expect(rig.counter(.upstreamPending) == 0)
    #expect(usage["acme/api", .requests] == 4)
    #expect(usage["acme/api", .attempts] == 4)
    #expect(usage["acme/api", .failedAttempts] == 0)
    #expect(usage["acme/api", .endedCompleted] == 4)
    BalancingTests.expectExactBytes(usage, [origin])
  }

  @Test func `a connection that closes makes room for those that wait, too`() throws {
    let origin = try Origin { connection in
      guard try connection.head() != nil else { return }
      Clocks.pause(milliseconds: 20)
      try connection.send(ok("x", fields: "Connection: close\r\n"))
    }
    let rig = try ProxyRig(origin) { $0.upstreams[0].connectionsMax = 1 }
    let clients = try (0..<5).map { _ in try rig.client() }

    for client in clients { try client.send(Self.get) }
    for client in clients { #expect(try client.readResponse().status == 200) }
    for client in clients { client.close() }
    let usage = try rig.finish()

    #expect(origin.connections == 5)
    #expect(usage["acme/api", .endedCompleted] == 5)
    BalancingTests.expectExactBytes(usage, [origin])
  }

  @Test func `who waits too long is told to come back, and no attempt is counted`() throws {
    let gate = Gate()
    let origin = try Self.gated(gate)
    let rig = try ProxyRig(origin) {
      $0.upstreams[0].connectionsMax = 1
      $0.upstreams[0].pendingMilliseconds = 50
    }
    let (first, second) = (try rig.client(), try rig.client())

    try first.send(Self.get)
    try awaitCondition("the first request") { origin.heads.count == 1 }
    try second.send(Self.get)
    let refused = try second.readResponse()
    gate.pass()
    #expect(try first.readResponse().status == 200)
    first.close()
    second.close()
    let usage = try rig.finish()

    #expect(refused.status == 503)
    #expect(refused.head.value("retry-after") == "1")
    #expect(String(decoding: refused.body, as: UTF8.self).contains("upstream_pending_timeout"))
    #expect(rig.counter(.timeoutsPending) == 1)
    #expect(usage["acme/api", .requests] == 2)
    #expect(usage["acme/api", .attempts] == 1)
    #expect(usage["acme/api", .failedAttempts] == 0)
    #expect(usage["acme/api", .endedUpstreamFailure] == 1)
    BalancingTests.expectExactBytes(usage, [origin])
  }

  /// A bound of one waiting request, or of two requests in all: the third is refused at once.
  @Test(arguments: ["pending_max", "requests_max"])
  func `beyond the bound a request is refused at once`(bound: String) throws {
    let gate = Gate()
    let origin = try Self.gated(gate)
    let rig = try ProxyRig(origin) {
      if bound == "pending_max" {
        $0.upstreams[0].connectionsMax = 1
        $0.upstreams[0].pendingMax = 1
      } else {
        $0.upstreams[0].requestsMax = 2
      }
    }
    let clients = try (0..<3).map { _ in try rig.client() }

    for client in clients.prefix(2) { try client.send(Self.get) }
    try awaitCondition("two requests") {
      rig.counter(.openExchanges) == 2 && !origin.heads.isEmpty
    }
    try clients[2].send(Self.get)
    let refused = try clients[2].readResponse()
    gate.pass()
    for client in clients.prefix(2) { #expect(try client.readResponse().status == 200) }
    try clients[2].send(Self.get)
    #expect(try clients[2].readResponse().status == 200)
    for client in clients { client.close() }
    let usage = try rig.finish()

    #expect(refused.status == 503)
    #expect(refused.head.value("retry-after") == "1")
    #expect(String(decoding: refused.body, as: UTF8.self).contains("upstream_overloaded"))
    #expect(rig.counter(.upstreamOverloaded) == 1)
    #expect(usage["acme/api", .attempts] == 3)
    #expect(usage["acme/api", .failedAttempts] == 0)
    #expect(usage["acme/api", .endedUpstreamFailure] == 1)
    BalancingTests.expectExactBytes(usage, [origin])
  }

  @Test func `a client that leaves while it waits gives its place up`() throws {
    let gate = Gate()
    let origin = try Self.gated(gate)
    let rig = try ProxyRig(origin) { $0.upstreams[0].connectionsMax = 1 }
    let (first, second) = (try rig.client(), try rig.client())

    try first.send(Self.get)
    try awaitCondition("the first request") { origin.heads.count == 1 }
    try second.send(Self.get)
    try rig.waitFor(.upstreamPending) { $0 == 1 }
    second.reset()
    try rig.waitFor(.upstreamPending) { $0 == 0 }
    gate.pass()
    #expect(try first.readResponse().status == 200)
    first.close()
    let usage = try rig.finish()

    #expect(usage["acme/api", .endedClientAbort] == 1)
    #expect(usage["acme/api", .endedCompleted] == 1)
    #expect(usage["acme/api", .attempts] == 1)
    BalancingTests.expectExactBytes(usage, [origin])
  }

  @Test func `a drain ends those that wait with everything else`() throws {
    let gate = Gate()
    let origin = try Self.gated(gate)
    let rig = try ProxyRig(origin) {
      $0.upstreams[0].connectionsMax = 1
      $0.timeouts.drainMilliseconds = 50
    }
    let (first, second) = (try rig.client(), try rig.client())

    try first.send(Self.get)
    try awaitCondition("the first request") { origin.heads.count == 1 }
    try second.send(Self.get)
    try rig.waitFor(.upstreamPending) { $0 == 1 }
    rig.server.drain()
    rig.server.join()
    gate.pass()
    let usage = try rig.finish()

    #expect(usage["acme/api", .endedDrained] == 2)
    #expect(usage["acme/api", .attempts] == 1)
  }

  @Test func `an idle connection that has become too old is closed, and counted`() throws {
    let origin = try Origin.answering(ok())
    let rig = try ProxyRig(origin) { $0.upstreams[0].connectionAgeMaxMilliseconds = 400 }
    let client = try rig.client()

    try client.send(Self.get)
    #expect(try client.readResponse().status == 200)
    try rig.waitFor(.upstreamConnections) { $0 == 0 }
    client.close()
    _ = try rig.finish()

    #expect(rig.counter(.upstreamConnectionsExpired) == 1)
  }

  @Test func `a connection that is too old is not used again`() throws {
    let origin = try Origin { connection in
      while try connection.head() != nil {
        Clocks.pause(milliseconds: 5)
        try connection.send(ok())
      }
    }
    let rig = try ProxyRig(origin) { $0.upstreams[0].connectionAgeMaxMilliseconds = 1 }
    let client = try rig.client()

    for _ in 0..<3 {
      try client.send(Self.get)
      #expect(try client.readResponse().status == 200)
    }
    client.close()
    let usage = try rig.finish()

    #expect(origin.connections == 3)
    #expect(rig.counter(.upstreamConnectionsExpired) == 3)
    #expect(usage["acme/api", .failedAttempts] == 0)
    BalancingTests.expectExactBytes(usage, [origin])
  }
}
