import PlainHTTP
import Platform
import TestSupport
import Testing
import Usage

@testable import Proxy

@Suite struct SpliceTests {
  /// Content whose every part differs from the one before.
  static func content(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 13) }
  }

  /// An origin that announces `announced` bytes for each request and sends `content`.
  static func origin(_ content: [UInt8], announced: Int? = nil) throws -> Origin {
    let length = announced ?? content.count
    return try Origin { connection in
      while try connection.head() != nil {
        try connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(length)\r\n\r\n")
        try connection.send(content)
        if length != content.count { return }
      }
    }
  }

  static let request = "GET /large HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n\r\n"

  @Test(arguments: [256, 0])
  func `a large body arrives byte for byte, with pipes and without, and connections are kept`(
    pipes: Int
  ) throws {
    let content = Self.content(3_000_000)
    let origin = try Self.origin(content)
    let faults = SyscallFaults()
    let rig = try ProxyRig(origin, syscalls: Syscalls(faults: faults)) {
      $0.limits.splicePipesMax = pipes
    }
    let client = try rig.client(timeoutMilliseconds: 60_000)

    for _ in 0..<2 {
      try client.send(Self.request)
      let response = try client.readResponse()
      #expect(response.status == 200)
      #expect(response.body == content)
    }
    let received = client.socket.bytesReceived
    client.close()
    let usage = try rig.finish()

    #expect(origin.connections == 1)
    #expect(faults.calls.contains(.splice) == (pipes > 0))
    #expect(usage["acme/api", .endedCompleted] == 2)
    #expect(usage["acme/api", .responseBytes] == received)
    #expect(usage["acme/api", .responseBodyBytes] == 6_000_000)
    #expect(usage["acme/api", .upstreamResponseBytes] == origin.bytesSent)
    #expect(rig.counter(.lentPipes) == 0)
    #expect(rig.counter(.pipesExhausted) == 0)
  }

  @Test func `pipes that nobody needs any more are closed, also when the worker rests`() throws {
    var pool = SplicePipePool(syscalls: Syscalls(), lentMax: 8)
    var lent: [SplicePipe] = []
    for _ in 0..<3 { if let pipe = pool.take() { lent.append(pipe) } }
    for pipe in lent { pool.give(pipe) }
    lent = []
    var kept = [pool.keptCount]
    for _ in 0..<2 {
      pool.trim()
      kept.append(pool.keptCount)
    }
    #expect(kept == [3, 3, 0])

    let faults = SyscallFaults()
    let rig = try ProxyRig(
      try Self.origin(Self.content(1_000_000)), syscalls: Syscalls(faults: faults))
    let client = try rig.client(timeoutMilliseconds: 60_000)
    try client.send(Self.request)
    #expect(try client.readResponse().status == 200)
    client.close()
    try rig.awaitIdle()
    // The client's socket, and both ends of the pipe.
    try awaitCondition("the pipe's end") { faults.calls.count { $0 == .close } >= 3 }
    _ = try rig.finish()
  }

  @Test func `a body that is cut short is never passed off as complete`() throws {
    let origin = try Self.origin(Self.content(700_000), announced: 1_000_000)
    let rig = try ProxyRig(origin)
    let client = try rig.client(timeoutMilliseconds: 60_000)

    try client.send(Self.request)
    #expect(throws: (any Error).self) { try client.readResponse() }
    let received = client.socket.bytesReceived
    client.close()
    let usage = try rig.finish()

    #expect(usage["acme/api", .endedUpstreamFailure] == 1)
    #expect(usage["acme/api", .failedAttempts] == 1)
    #expect(usage["acme/api", .responseBytes] == received)
    #expect(usage["acme/api", .responseBodyBytes] == 700_000)
    #expect(usage["acme/api", .upstreamResponseBytes] == origin.bytesSent)
    #expect(rig.counter(.lentPipes) == 0)
  }

  @Test
  func
    `a client that reads late gets everything, and what its socket did not take was not counted`()
    throws
  {
    let content = Self.content(8_000_000)
    let rig = try ProxyRig(try Self.origin(content))
    let client = try rig.client(timeoutMilliseconds: 60_000)

    try client.send(Self.request)
    try rig.waitFor(.lentPipes) { $0 == 1 }
    // The sockets are full before the body is: nothing moves until the client reads.
    #expect(rig.live(.endedCompleted) == 0)
    let response = try client.readResponse()
    client.close()
    let usage = try rig.finish()

    #expect(response.body == content)
    #expect(usage["acme/api", .responseBodyBytes] == 8_000_000)
    #expect(usage["acme/api", .endedCompleted] == 1)
  }

  @Test func `a client that goes in the middle leaves no pipe behind`() throws {
    let rig = try ProxyRig(try Self.origin(Self.content(8_000_000)))
    let client = try rig.client()

    try client.send(Self.request)
    try rig.waitFor(.lentPipes) { $0 == 1 }
    client.reset()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(usage["acme/api", .endedClientAbort] == 1)
    #expect(usage["acme/api", .responseBodyBytes] < 8_000_000)
    #expect(rig.counter(.lentPipes) == 0)
  }

  @Test func `without a pipe the body is copied, and that is counted`() throws {
    let content = Self.content(1_000_000)
    let faults = SyscallFaults()
    // EMFILE
    faults.failAll(.pipe, with: 24)
    let rig = try ProxyRig(try Self.origin(content), syscalls: Syscalls(faults: faults))
    let client = try rig.client(timeoutMilliseconds: 60_000)

    try client.send(Self.request)
    let response = try client.readResponse()
    client.close()
    let usage = try rig.finish()

    #expect(response.body == content)
    #expect(usage["acme/api", .endedCompleted] == 1)
    #expect(rig.counter(.pipesExhausted) > 0)
    #expect(!faults.calls.contains(.splice))
  }

  @Test(arguments: 0..<6, [104, 11])
  func `whichever splice fails, the counts hold`(position: Int, code: Int32) throws {
    let faults = SyscallFaults(failing: position, of: [.splice], with: code)
    let origin = try Self.origin(Self.content(2_000_000))
    let rig = try ProxyRig(origin, syscalls: Syscalls(faults: faults)) {
      $0.timeouts.bodyMilliseconds = 1_000
    }
    let client = try rig.client(timeoutMilliseconds: 60_000)

    try client.send(Self.request)
    let response = try? client.readResponse()
    let received = client.socket.bytesReceived
    client.close()
    let usage = try rig.finish()

    #expect(usage["acme/api", .requests] == 1)
    #expect(usage["acme/api", .responseBytes] >= received)
    #expect((response != nil) == (usage["acme/api", .endedCompleted] == 1))
    #expect(rig.counter(.lentPipes) == 0)
  }
}
