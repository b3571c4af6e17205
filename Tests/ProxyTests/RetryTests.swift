import PlainHTTP
import Platform
import TestSupport
import Testing
import Usage

@testable import Proxy

/// Further attempts: where they are made, where not, and that the meter tells them from requests.
@Suite struct RetryTests {
  static let get = "GET / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n\r\n"

  /// A rig whose first attempt goes to `bad` and whose second goes to `good`.
  private static func rig(
    bad: Origin, good: Origin, _ change: @escaping (inout ProxyConfiguration) -> Void
  ) throws -> ProxyRig {
    try ProxyRig(upstream: [good.port, bad.port], origins: [bad, good]) {
      $0.upstreams[0].balancing = .roundRobin
      change(&$0)
    }
  }

  @Test(arguments: ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"], [true, false])
  func `a route may have idempotent requests sent again before any byte of an answer`(
    method: String, isOn: Bool
  ) throws {
    let bad = try Origin { _ = try $0.head() }
    let good = try Origin.answering { head, _ in
      head.start[0] == "HEAD" ? "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" : ok()
    }
    let rig = try Self.rig(bad: bad, good: good) { $0.routes[0].retries.idempotent = isOn }
    let client = try rig.client()

    try client.send("\(method) / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n\r\n")
    let response = try client.readResponse(method: method)
    client.close()
    let usage = try rig.finish()

    #expect(response.status == (isOn ? 200 : 502))
    #expect(usage["acme/api", .requests] == 1)
    #expect(usage["acme/api", .attempts] == (isOn ? 2 : 1))
    #expect(usage["acme/api", .failedAttempts] == 1)
    #expect(usage["acme/api", .endedCompleted] == (isOn ? 1 : 0))
    #expect(rig.counter(.retriesIdempotent) == (isOn ? 1 : 0))
    BalancingTests.expectExactBytes(usage, [bad, good])
  }

  /// Requests that may have done something, and answers of which something has come.
  @Test(arguments: [
    ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", ""),
    ("PATCH / HTTP/1.1\r\nHost: h\r\n\r\n", ""),
    ("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", ""),
    ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", "H"),
    ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 103 Early Hints\r\n\r\n"),
  ])
  func `what may have had an effect is never sent again`(request: String, answer: String) throws {
    let bad = try Origin { connection in
      guard let head = try connection.head() else { return }
      _ = try connection.body(head)
      try connection.send(answer)
    }
    let good = try Origin.answering(ok())
    let rig = try Self.rig(bad: bad, good: good) {
      $0.routes[0].retries.idempotent = true
      $0.routes[0].retries.statuses = [502, 503, 504]
    }
    let client = try rig.client()

    try client.send(request)
    var status = try client.readResponse().status
    if status == 103 { status = try client.readResponse().status }
    client.close()
    let usage = try rig.finish()

    #expect(status == 502)
    #expect(good.connections == 0)
    #expect(usage[.attempts] == 1)
    #expect(usage[.failedAttempts] == 1)
    BalancingTests.expectExactBytes(usage, [bad, good])
  }

  @Test(arguments: [502, 503, 504])
  func `a route may have requests with a gateway's status sent again`(status: Int) throws {
    let bad = try Origin.answering(
      "HTTP/1.1 \(status) X\r\nContent-Length: 9\r\n\r\nnot today")
    let good = try Origin.answering(ok())
    let rig = try Self.rig(bad: bad, good: good) {
      $0.routes[0].retries.statuses = [502, 503, 504]
    }
    let client = try rig.client()

    try client.send(Self.get)
    let response = try client.readResponse()
    client.close()
    let usage = try rig.finish()

    #expect(response.status == 200)
    #expect(
      usage.counts("acme/api") == [
        .requests: 1, .responses2xx: 1, .endedCompleted: 1, .attempts: 2, .failedAttempts: 1,
        .requestBytes: UInt64(Self.get.utf8.count), .responseBytes: response.bytes,
        .responseBodyBytes: 2, .upstreamRequestBytes: bad.bytesReceived + good.bytesReceived,
        .upstreamResponseBytes: bad.bytesSent + good.bytesSent,
      ])
    #expect(rig.counter(.retriesStatus) == 1)
  }

  /// What keeps an answer with a listed status from being asked for again, and how it goes to the client.
  @Test(arguments: ["budget", "method", "status", "interim"])
  func `an answer that may not be asked for again reaches the client as it is`(why: String) throws {
    let interim = why == "interim" ? "HTTP/1.1 103 Early Hints\r\n\r\n" : ""
    let bad = try Origin.answering(
      interim + "HTTP/1.1 503 X\r\nContent-Length: 9\r\n\r\nnot today")
    let good = try Origin.answering(ok())
    let rig = try Self.rig(bad: bad, good: good) {
      $0.routes[0].retries.statuses = why == "status" ? [502] : [503]
      if why == "budget" { $0.upstreams[0].retries.burst = 0 }
    }
    let client = try rig.client()

    let method = why == "method" ? "POST" : "GET"
    try client.send("\(method) / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n\r\n")
    var response = try client.readResponse()
    if response.status == 103 { response = try client.readResponse() }
    client.close()
    let usage = try rig.finish()

    #expect(String(decoding: response.body, as: UTF8.self) == "not today")
    #expect(usage["acme/api", .attempts] == 1)
    #expect(usage["acme/api", .failedAttempts] == 0)
    #expect(usage["acme/api", .responses5xx] == 1)
    #expect(usage["acme/api", .endedCompleted] == 1)
    #expect(rig.counter(.retryBudgetExhausted) == (why == "budget" ? 1 : 0))
    BalancingTests.expectExactBytes(usage, [bad, good])
  }

  @Test func `retries end with their budget, and that is counted`() throws {
    let good = try Origin.answering(ok())
    let rig = try ProxyRig(upstream: [good.port, try unusedPort()], origins: [good]) {
      $0.upstreams[0].balancing = .roundRobin
      $0.upstreams[0].ejection.failures = 0
      $0.upstreams[0].retries.budgetPercent = 0
      $0.upstreams[0].retries.burst = 2
    }
    let client = try rig.client()
    var statuses: [Int] = []

    for _ in 0..<8 {
      try client.send(Self.get)
      statuses.append(try client.readResponse().status)
    }
    client.close()
    let usage = try rig.finish()

    // A retry takes the good address's turn, so the bad one is met by every request until the budget is gone.
    #expect(statuses == [200, 200, 502, 200, 502, 200, 502, 200])
    #expect(rig.counter(.retriesConnect) == 2)
    #expect(rig.counter(.retryBudgetExhausted) == 3)
    #expect(usage["acme/api", .requests] == 8)
    #expect(usage["acme/api", .attempts] == 10)
    #expect(usage["acme/api", .failedAttempts] == 5)
    #expect(usage["acme/api", .endedUpstreamFailure] == 3)
    BalancingTests.expectExactBytes(usage, [good])
  }

  /// Interim answers before the final one, and the status that the client ends with.
  @Test(arguments: [(0, 200), (2, 200), (3, 502), (5, 502)])
  func `an upstream may send so many interim answers and no more`(count: Int, status: Int) throws {
    let interim = String(repeating: "HTTP/1.1 103 Early Hints\r\n\r\n", count: count)
    let origin = try Origin { connection in
      guard try connection.head() != nil else { return }
      try connection.send(interim + ok())
      _ = try connection.drain()
    }
    let rig = try ProxyRig(origin) { $0.limits.interimResponsesMax = 2 }
    let client = try rig.client()

    try client.send(Self.get)
    var response = try client.readResponse()
    while response.status == 103 { response = try client.readResponse() }
    client.close()
    let usage = try rig.finish()

    #expect(response.status == status)
    #expect(rig.counter(.interimResponsesRefused) == (status == 502 ? 1 : 0))
    #expect(usage["acme/api", .failedAttempts] == (status == 502 ? 1 : 0))
    BalancingTests.expectExactBytes(usage, [origin])
  }
}
