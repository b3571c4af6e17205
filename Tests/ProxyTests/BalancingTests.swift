import PlainHTTP
import Platform
import TestSupport
import Testing
import Usage

@testable import Proxy

/// Several addresses behind one upstream, with real sockets: who gets what, and that all of it is counted.
@Suite struct BalancingTests {
  static func get(_ tenant: String = "acme", path: String = "/") -> String {
    "GET \(path) HTTP/1.1\r\nHost: h\r\nX-Tenant: \(tenant)\r\n\r\n"
  }

  static func origins(_ count: Int) throws -> [Origin] {
    try (0..<count).map { try Origin.answering(ok("origin-\($0)")) }
  }

  static func rig(
    _ origins: [Origin], _ change: @escaping (inout UpstreamConfiguration) -> Void
  ) throws -> ProxyRig {
    try ProxyRig(upstream: origins.map(\.port), origins: origins) { change(&$0.upstreams[0]) }
  }

  /// Every byte that went to or came from an origin is counted, and nothing else.
  static func expectExactBytes(
    _ usage: Measured, _ origins: [Origin], _ place: SourceLocation = #_sourceLocation
  ) {
    let sent = origins.reduce(0) { $0 + $1.bytesReceived }
    let received = origins.reduce(0) { $0 + $1.bytesSent }
    #expect(usage[.upstreamRequestBytes] == sent, sourceLocation: place)
    #expect(usage[.upstreamResponseBytes] == received, sourceLocation: place)
  }

  @Test func `round robin by weight, to the request`() throws {
    let origins = try Self.origins(3)
    let rig = try Self.rig(origins) {
      $0.balancing = .roundRobin
      for (index, weight) in [1, 2, 3].enumerated() { $0.addresses[index].weight = weight }
    }
    let client = try rig.client()

    for _ in 0..<24 {
      try client.send(Self.get())
      #expect(try client.readResponse().status == 200)
    }
    client.close()
    let usage = try rig.finish()

    #expect(origins.map(\.heads.count) == [4, 8, 12])
    #expect(usage["acme/api", .attempts] == 24)
    Self.expectExactBytes(usage, origins)
  }

  @Test func `the address with a slow request gets no second one while others are free`() throws {
    let gate = Gate()
    let origins = try (0..<3).map { _ in
      try Origin { connection in
        while let head = try connection.head() {
          if head.start[1] == "/slow" { try gate.wait() }
          try connection.send(ok())
        }
      }
    }
    let rig = try Self.rig(origins) { $0.balancing = .leastOutstanding }
    let (slow, client) = (try rig.client(), try rig.client())

    try slow.send(Self.get(path: "/slow"))
    try awaitCondition("the slow request") { origins.contains { !$0.heads.isEmpty } }
    let busy = try #require(origins.first { !$0.heads.isEmpty })
    for _ in 0..<40 {
      try client.send(Self.get())
      #expect(try client.readResponse().status == 200)
    }
    #expect(busy.heads.count == 1)
    gate.pass()
    #expect(try slow.readResponse().status == 200)
    slow.close()
    client.close()
    let usage = try rig.finish()

    #expect(usage[.endedCompleted] == 41)
    Self.expectExactBytes(usage, origins)
  }

  @Test func `a tenant stays at its address, and requests without a tenant are spread`() throws {
    let origins = try Self.origins(3)
    let rig = try Self.rig(origins) { $0.balancing = .hashTenant }
    let client = try rig.client()
    var places: [String: Set<String>] = [:]

    for round in 0..<60 {
      let tenant = "tenant-\(round % 12)"
      try client.send(Self.get(tenant))
      places[tenant, default: []].insert(
        String(decoding: try client.readResponse().body, as: UTF8.self))
    }
    var spread: Set<String> = []
    for _ in 0..<60 {
      try client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
      spread.insert(String(decoding: try client.readResponse().body, as: UTF8.self))
    }
    client.close()
    let usage = try rig.finish()

    #expect(places.values.allSatisfy { $0.count == 1 }, "\(places)")
    #expect(Set(places.values.map { $0.first ?? "" }).count > 1)
    #expect(spread.count == 3)
    #expect(usage["~unattributed/api", .endedCompleted] == 60)
    Self.expectExactBytes(usage, origins)
  }

  @Test func `a Unix-domain socket is an address like any other`() throws {
    let origin = try UnixOrigin(answering: ok("over a socket"))
    let rig = try ProxyRig(upstream: [1]) {
      $0.upstreams[0].addresses = [UpstreamAddress("unix:\(origin.path)")!]
    }
    let client = try rig.client()

    for _ in 0..<3 {
      try client.send(Self.get())
      let response = try client.readResponse()
      #expect(String(decoding: response.body, as: UTF8.self) == "over a socket")
    }
    client.close()
    let usage = try rig.finish()

    #expect(origin.connections == 1)
    #expect(usage["acme/api", .endedCompleted] == 3)
    #expect(usage["acme/api", .attempts] == 3)
    #expect(usage["acme/api", .upstreamRequestBytes] == origin.bytesReceived)
    #expect(usage["acme/api", .upstreamResponseBytes] == origin.bytesSent)
  }

  @Test func `a Unix-domain socket that is not there is a 502 and a failed attempt`() throws {
    let rig = try ProxyRig(upstream: [1]) {
      $0.upstreams[0].addresses = [UpstreamAddress("unix:/nowhere/app.sock")!]
    }
    let client = try rig.client()

    try client.send(Self.get())
    #expect(try client.readResponse().status == 502)
    client.close()
    let usage = try rig.finish()

    #expect(usage["acme/api", .attempts] == 1)
    #expect(usage["acme/api", .failedAttempts] == 1)
    #expect(usage["acme/api", .upstreamRequestBytes] == 0)
  }

  /// How a bad address fails, and whether its failures are of the kind that ejects.
  @Test(arguments: [
    ("refuses", true), ("closes", true), ("resets", true), ("503", true), ("500", false),
  ])
  func `an address that fails in a row is left alone`(how: String, ejects: Bool) throws {
    let good = try Origin.answering(ok())
    let bad = try Origin { connection in
      while try connection.head() != nil {
        switch how {
        case "closes": return
        case "resets":
          connection.socket.resetOnClose()
          return
        default: try connection.send("HTTP/1.1 \(how) X\r\nContent-Length: 0\r\n\r\n")
        }
      }
    }
    let ports = [good.port, how == "refuses" ? try unusedPort() : bad.port]
    let rig = try ProxyRig(upstream: ports, origins: [good, bad]) {
      $0.upstreams[0].balancing = .roundRobin
      $0.upstreams[0].ejection.failures = 3
      $0.upstreams[0].retries.burst = 0
    }
    let client = try rig.client()
    var failures = 0

    for _ in 0..<20 {
      try client.send(Self.get())
      if try client.readResponse().status >= 500 { failures += 1 }
    }
    client.close()
    let usage = try rig.finish()

    #expect(failures == (ejects ? 3 : 10))
    #expect(rig.counter(.upstreamEjections) == (ejects ? 1 : 0))
    #expect(usage["acme/api", .requests] == 20)
    #expect(usage["acme/api", .attempts] == 20)
    // An answer of the upstream with a bad status is a whole response all the same.
    let isAnswer = how == "503" || how == "500"
    #expect(usage["acme/api", .failedAttempts] == (isAnswer ? 0 : 3))
    #expect(usage["acme/api", .endedUpstreamFailure] == (isAnswer ? 0 : 3))
    Self.expectExactBytes(usage, [good, bad])
  }

  @Test func `the last address stays, and with too few that are well all are used`() throws {
    let rig = try ProxyRig(upstream: [try unusedPort(), try unusedPort()]) {
      $0.upstreams[0].balancing = .roundRobin
      $0.upstreams[0].ejection.failures = 3
      $0.upstreams[0].retries.burst = 0
      $0.upstreams[0].panicPercent = 100
    }
    let client = try rig.client()

    for _ in 0..<10 {
      try client.send(Self.get())
      #expect(try client.readResponse().status == 502)
    }
    client.close()
    let usage = try rig.finish()

    #expect(usage["acme/api", .attempts] == 10)
    #expect(rig.counter(.upstreamEjections) == 1)
    #expect(rig.counter(.upstreamEjectionsWithheld) > 0)
    // All choices since the ejection.
    #expect(rig.counter(.upstreamPanics) == 5)
  }
}
