import HTTPCodec
import PlainHTTP
import TestSupport
import Testing
import Usage

@testable import Proxy

/// Clients that send or take too slowly.
@Suite struct PaceTests {
  @Test(
    arguments: [
      (0, 9_999, false), (0, 10_000, true), (2_399, 10_000, true), (2_400, 10_000, false),
      (2_400, 11_000, true), (24_000, 99_000, false), (23_999, 100_000, true),
    ] as [(UInt64, UInt64, Bool)])
  func `the average over the time waited counts, beyond the grace`(
    arrived: UInt64, milliseconds: UInt64, isSlow: Bool
  ) {
    var pace = Pace()
    pace.awaited = milliseconds * 1_000_000

    #expect(pace.isSlow(arrived: arrived, rate: 240, grace: 10_000_000_000) == isSlow)
  }

  /// Takes all of a request and answers it.
  static func taking() throws -> Origin {
    try Origin { connection in
      while let head = try connection.head() {
        _ = try connection.body(head)
        try connection.send(ok())
      }
    }
  }

  @Test(arguments: [
    "Content-Length: 1000000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\nfffff\r\n",
  ])
  func `a body that drips is answered 408 although bytes keep coming`(framing: String) throws {
    let rig = try ProxyRig(try Self.taking()) { $0.timeouts.bodyRateGraceMilliseconds = 700 }
    let client = try rig.client()

    try client.send("PUT / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n" + framing)
    try awaitCondition("the answer") {
      try? client.send("a")
      return client.socket.isReadable(withinMilliseconds: 50)
    }
    let response = try client.readResponse()
    client.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(response.status == 408)
    #expect(rig.counter(.timeoutsBodyRate) == 1)
    #expect(rig.counter(.timeoutsBody) == 0)
    #expect(usage["acme/api", .endedRejected] == 1)
    #expect(usage["acme/api", .failedAttempts] == 0)
  }

  @Test func `a body that comes fast enough has as long as it needs`() throws {
    let rig = try ProxyRig(try Self.taking()) {
      $0.timeouts.bodyRateGraceMilliseconds = 1
      $0.limits.bodyRateMin = 1
    }
    let client = try rig.client()

    // So many bytes at once are enough for a day.
    try client.send(
      "PUT / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\nContent-Length: 100001\r\n\r\n"
        + String(repeating: "a", count: 100_000))
    try rig.waitFor(.upstreamIdleConnections) { $0 == 0 }
    let turns = rig.counter(.turns)
    try rig.waitFor(.turns) { $0 >= turns + 6 }
    try client.send("b")
    let response = try client.readResponse()
    client.close()
    try rig.awaitIdle()
    _ = try rig.finish()

    #expect(response.status == 200)
    #expect(rig.counter(.timeoutsBodyRate) == 0)
  }

  @Test func `a client that waits for 100 Continue is not slow`() throws {
    let gate = Gate()
    let origin = try Origin { connection in
      while let head = try connection.head() {
        try gate.wait()
        try connection.send("HTTP/1.1 100 Continue\r\n\r\n")
        _ = try connection.body(head)
        try connection.send(ok())
      }
    }
    let rig = try ProxyRig(origin) { $0.timeouts.bodyRateGraceMilliseconds = 1 }
    let client = try rig.client()

    try client.send(
      "PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    try rig.waitFor(.openExchanges) { $0 == 1 }
    let turns = rig.counter(.turns)
    // Turns without traffic are sweeps.
    try rig.waitFor(.turns) { $0 >= turns + 5 }
    gate.pass()
    #expect(try #require(try client.readHead()).hasPrefix("HTTP/1.1 100"))
    try client.send("ab")
    #expect(try client.readResponse().status == 200)
    client.close()
    try rig.awaitIdle()
    _ = try rig.finish()

    #expect(rig.counter(.timeoutsBodyRate) == 0)
  }

  @Test func `an upstream that takes nothing does not make its client slow`() throws {
    let gate = Gate()
    let origin = try Origin { connection in
      guard let head = try connection.head() else { return }
      try gate.wait()
      _ = try connection.body(head)
      try connection.send(ok())
    }
    let rig = try ProxyRig(origin) {
      // Long enough that a slow start of the sender is not taken for it, short against the wait below.
      $0.timeouts.bodyRateGraceMilliseconds = 1_500
      $0.limits.bodyRateMin = 1_000_000_000
    }
    let client = try rig.client()
    let size = 32 << 20

    try client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: \(size)\r\n\r\n")
    let sender = try SpawnedThread { [socket = client.socket] in
      try? socket.send([UInt8](repeating: 1, count: size))
    }
    try rig.waitFor(.requestBodyBytes, 1 << 16)
    // Until nothing moves any more.
    var before = rig.live(.requestBodyBytes)
    try awaitCondition("the kernels' buffers to be full") {
      let turns = rig.counter(.turns)
      try? rig.waitFor(.turns) { $0 >= turns + 3 }
      defer { before = rig.live(.requestBodyBytes) }
      return rig.live(.requestBodyBytes) == before
    }
    let turns = rig.counter(.turns)
    try rig.waitFor(.turns) { $0 >= turns + 10 }
    let open = rig.counter(.openExchanges)
    gate.pass()
    sender.join()
    client.close()
    try rig.awaitIdle()
    _ = try rig.finish()

    #expect(open == 1)
  }

  @Test func `a tunnel whose client takes nothing is the client's abort`() throws {
    let origin = try Origin { connection in
      guard try connection.head() != nil else { return }
      try connection.send(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
      let piece = [UInt8](repeating: 1, count: 1 << 20)
      while true { try connection.send(piece) }
    }
    let rig = try ProxyRig(origin) { $0.timeouts.clientWriteMilliseconds = 300 }
    let client = try rig.client()

    try client.send(
      "GET / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    )
    _ = try client.readHead()
    try rig.waitFor(.openExchanges) { $0 == 0 }
    client.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(rig.counter(.timeoutsClientWrite) == 1)
    #expect(usage["acme/api", .endedClientAbort] == 1)
  }
}
