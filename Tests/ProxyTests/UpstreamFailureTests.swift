import PlainHTTP
import Platform
import TestSupport
import Testing
import Usage

@testable import Proxy

@Suite struct UpstreamFailureTests {
  static let request = "GET / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n\r\n"

  @Test func `an upstream that refuses is a 502 with one failed attempt`() throws {
    let rig = try ProxyRig(upstream: [try unusedPort()])
    let client = try rig.client()

    try client.send(Self.request)
    let response = try client.readResponse()
    client.close()
    let usage = try rig.finish()

    #expect(response.status == 502)
    #expect(String(decoding: response.body, as: UTF8.self).contains("upstream_unreachable"))
    #expect(
      usage.counts("acme/api") == [
        .requests: 1, .responses5xx: 1, .endedUpstreamFailure: 1, .attempts: 1, .failedAttempts: 1,
        .requestBytes: UInt64(Self.request.utf8.count), .responseBytes: response.bytes,
        .responseBodyBytes: UInt64(response.body.count),
      ])
  }

  @Test func `another address is tried when one refuses, three at most`() throws {
    let origin = try Origin.answering(ok())
    let unused = try (0..<4).map { _ in try unusedPort() }
    // The first worker's turn begins behind the first address.
    let ports = [origin.port, unused[0], unused[1]]
    let rig = try ProxyRig(upstream: ports, origins: [origin]) {
      $0.upstreams[0].balancing = .roundRobin
    }
    let lost = try ProxyRig(upstream: unused)

    let client = try rig.client()
    try client.send(Self.request)
    #expect(try client.readResponse().status == 200)
    client.close()
    let usage = try rig.finish()
    let lostClient = try lost.client()
    try lostClient.send(Self.request)
    #expect(try lostClient.readResponse().status == 502)
    lostClient.close()
    let lostUsage = try lost.finish()

    #expect(usage["acme/api", .attempts] == 3)
    #expect(usage["acme/api", .failedAttempts] == 2)
    #expect(usage["acme/api", .endedCompleted] == 1)
    #expect(usage["acme/api", .upstreamRequestBytes] == origin.bytesReceived)
    #expect(rig.counter(.retriesConnect) == 2)
    #expect(lostUsage["acme/api", .attempts] == 3)
    #expect(lostUsage["acme/api", .failedAttempts] == 3)
  }

  @Test func `another address is tried when the kernel refuses at once`() throws {
    let origin = try Origin.answering(ok())
    let faults = SyscallFaults(failing: 0, of: [.connect], with: 101)
    let rig = try ProxyRig(
      upstream: [origin.port, origin.port], origins: [origin], syscalls: Syscalls(faults: faults))
    let client = try rig.client()

    try client.send(Self.request)
    #expect(try client.readResponse().status == 200)
    client.close()
    let usage = try rig.finish()

    #expect(rig.counter(.retriesConnect) == 1)
    #expect(usage["acme/api", .attempts] == 2)
    #expect(usage["acme/api", .failedAttempts] == 1)
    #expect(usage["acme/api", .endedCompleted] == 1)
  }

  /// What an upstream says before it closes, and the code of the answer to the client.
  @Test(arguments: [
    ("", "upstream_closed"), ("HTTP/1.1 200", "upstream_closed"),
    ("HTTP/1.1 200 OK\r\nContent-Le", "upstream_closed"),
    ("HTTP/1.1 100 Continue\r\n\r\n", "upstream_closed"),
    ("SSH-2.0-OpenSSH_9.2\r\n\r\n", "upstream_malformed"),
    ("HTTP/1.1 abc OK\r\n\r\n", "upstream_malformed"),
    ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", "upstream_malformed"),
    (
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "upstream_malformed"
    ),
    ("HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", "upstream_malformed"),
    ("HTTP/1.1 200 OK\nContent-Length: 0\n\n", "upstream_malformed"),
    ("HTTP/1.1 200 OK\r\nX: a\0\r\nContent-Length: 0\r\n\r\n", "upstream_malformed"),
  ])
  func `an upstream without a good answer is a 502`(answer: String, code: String) throws {
    let origin = try Origin { connection in
      guard try connection.head() != nil else { return }
      try connection.send(answer)
      if code == "upstream_malformed" { _ = try connection.drain() }
    }
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    try client.send(Self.request)
    let response = try client.readResponse()
    let received = client.socket.bytesReceived
    client.close()
    let usage = try rig.finish()

    #expect(response.status == 502)
    #expect(String(decoding: response.body, as: UTF8.self).contains(code))
    #expect(rig.counter(.malformedResponses) == (code == "upstream_malformed" ? 1 : 0))
    #expect(
      usage.counts("acme/api")
        == [
          .requests: 1, .responses5xx: 1, .endedUpstreamFailure: 1, .attempts: 1,
          .failedAttempts: 1,
          .requestBytes: UInt64(Self.request.utf8.count), .responseBytes: received,
          .responseBodyBytes: UInt64(response.body.count),
          .upstreamRequestBytes: origin.bytesReceived, .upstreamResponseBytes: origin.bytesSent,
        ].filter { $0.value > 0 })
  }

  /// Bodies that break off or break the rules, with how many content bytes reach the client.
  @Test(arguments: [
    ("Content-Length: 10\r\n\r\nabc", 3), ("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", 3),
    ("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", 3),
    ("Transfer-Encoding: chunked\r\n\r\n", 0),
    ("Transfer-Encoding: chunked\r\n\r\nzz\r\n", 0),
    ("Transfer-Encoding: chunked\r\n\r\n0\r\nNoColon\r\n\r\n", 0),
  ])
  func `a body that is not whole is never passed off as whole`(rest: String, content: Int) throws {
    let origin = try Origin { connection in
      guard try connection.head() != nil else { return }
      try connection.send("HTTP/1.1 200 OK\r\n" + rest)
    }
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    try client.send(Self.request)
    #expect(throws: SocketError.self) { try client.readResponse() }
    let received = client.socket.bytesReceived
    client.close()
    let usage = try rig.finish()

    #expect(usage["acme/api", .endedUpstreamFailure] == 1)
    #expect(usage["acme/api", .failedAttempts] == 1)
    #expect(usage["acme/api", .attempts] == 1)
    #expect(usage["acme/api", .responseBytes] == received)
    #expect(usage["acme/api", .responseBodyBytes] == UInt64(content))
    #expect(usage["acme/api", .upstreamMicroseconds] > 0)
    let isMalformed = rest.contains("zz") || rest.contains("NoColon")
    #expect(rig.counter(.malformedResponses) == (isMalformed ? 1 : 0))
    #expect(usage["acme/api", .upstreamResponseBytes] == origin.bytesSent)
  }

  @Test(arguments: [
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "HTTP/1.1 204 No Content\r\n\r\n",
  ])
  func `more bytes than announced never become the next answer`(answer: String) throws {
    let origin = try Origin { connection in
      while try connection.head() != nil {
        try connection.send(
          answer + "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")
      }
    }
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    for _ in 0..<3 {
      try client.send(Self.request)
      #expect(try client.readResponse().body != Array("poison".utf8))
    }
    client.close()
    let usage = try rig.finish()

    #expect(origin.connections == 3)
    #expect(usage["acme/api", .endedCompleted] == 3)
  }

  @Test func `surplus that is still in the kernel when the answer ends is not the next answer`()
    throws
  {
    // The head and content fill the proxy's buffer to the last byte, so that it has no reason to read on.
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 65487\r\n\r\n"
    let content = String(repeating: "x", count: 65_487)
    let poison = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
    let origin = try Origin { connection in
      while try connection.head() != nil { try connection.send(head + content + poison) }
    }
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    for _ in 0..<5 {
      try client.send(Self.request)
      #expect(try client.readResponse().body.count == 65_487)
    }
    client.close()
    let usage = try rig.finish()

    #expect(usage["acme/api", .endedCompleted] == 5)
    #expect(origin.connections == 5)
  }

  @Test func `a connection that went stale in its pool is replaced once for GET`() throws {
    let origin = try Origin { connection in
      guard let head = try connection.head() else { return }
      _ = try connection.body(head)
      try connection.send(ok())
      guard connection.number == 0, try connection.head() != nil else {
        while try connection.head() != nil { try connection.send(ok()) }
        return
      }
      // The second request on the first connection is read and never answered, for a while.
      Clocks.pause(milliseconds: 60)
    }
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    for _ in 0..<2 {
      try client.send(Self.request)
      #expect(try client.readResponse().status == 200)
    }
    client.close()
    let usage = try rig.finish()

    #expect(origin.connections == 2)
    #expect(rig.counter(.retriesStale) == 1)
    #expect(usage["acme/api", .upstreamMicroseconds] >= 50_000)
    #expect(usage["acme/api", .requests] == 2)
    #expect(usage["acme/api", .attempts] == 3)
    #expect(usage["acme/api", .failedAttempts] == 1)
    #expect(usage["acme/api", .endedCompleted] == 2)
    #expect(usage["acme/api", .upstreamRequestBytes] == origin.bytesReceived)
    #expect(usage["acme/api", .upstreamResponseBytes] == origin.bytesSent)
  }

  @Test(arguments: ["POST", "PATCH", "BREW"])
  func `a request that may not be repeated is not`(method: String) throws {
    let origin = try Origin { connection in
      guard try connection.head() != nil else { return }
      try connection.send(ok())
      if connection.number == 0 { _ = try connection.head() }
    }
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    try client.send(Self.request)
    #expect(try client.readResponse().status == 200)
    try client.send("\(method) / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n\r\n")
    #expect(try client.readResponse().status == 502)
    client.close()
    let usage = try rig.finish()

    #expect(origin.connections == 1)
    #expect(usage["acme/api", .attempts] == 2)
    #expect(usage["acme/api", .failedAttempts] == 1)
    #expect(usage["acme/api", .endedUpstreamFailure] == 1)
  }

  @Test func `a PUT whose content has moved is not repeated`() throws {
    let origin = try Origin { connection in
      guard try connection.head() != nil else { return }
      try connection.send(ok())
      if connection.number == 0, let head = try connection.head() { _ = try connection.body(head) }
    }
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    try client.send(Self.request)
    #expect(try client.readResponse().status == 200)
    try client.send(
      "PUT / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\nContent-Length: 3\r\n\r\nabc")
    #expect(try client.readResponse().status == 502)
    client.close()
    let usage = try rig.finish()

    #expect(origin.connections == 1)
    #expect(usage["acme/api", .upstreamRequestBytes] == origin.bytesReceived)
  }

  @Test func `an idle upstream connection that ends is dropped and not used`() throws {
    let origin = try Origin { connection in
      guard try connection.head() != nil else { return }
      try connection.send(ok())
    }
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    for _ in 0..<3 {
      try client.send(Self.request)
      #expect(try client.readResponse().status == 200)
      try rig.waitFor(.upstreamConnections) { $0 == 0 }
    }
    client.close()
    let usage = try rig.finish()

    #expect(usage["acme/api", .attempts] == 3)
    #expect(usage["acme/api", .failedAttempts] == 0)
  }

  @Test func `a request beyond the bound of upstream connections is told to come back`() throws {
    let gate = Gate()
    let origin = try Origin { connection in
      while try connection.head() != nil {
        try gate.wait()
        try connection.send(ok())
      }
    }
    let rig = try ProxyRig(origin) {
      $0.upstreams[0].connectionsMax = 1
      $0.upstreams[0].pendingMax = 0
    }
    let (first, second) = (try rig.client(), try rig.client())

    try first.send(Self.request)
    try awaitCondition("the first request") { origin.heads.count == 1 }
    try second.send(Self.request)
    let refused = try second.readResponse()
    gate.pass()
    #expect(try first.readResponse().status == 200)
    try second.send(Self.request)
    #expect(try second.readResponse().status == 200)
    first.close()
    second.close()
    let usage = try rig.finish()

    #expect(refused.status == 503)
    #expect(refused.head.value("retry-after") == "1")
    #expect(rig.counter(.upstreamBusy) == 1)
    #expect(usage["acme/api", .endedUpstreamFailure] == 1)
    #expect(usage["acme/api", .attempts] == 2, "one that was never begun is none")
    #expect(usage["acme/api", .failedAttempts] == 0)
    #expect(usage["acme/api", .endedCompleted] == 2)
  }
}
