import Metering
import PlainHTTP
import Platform
import Synchronization
import TestSupport
import Testing
import Usage

@testable import Proxy

/// Counting comes before letting go: what the totals say at the very moment of each send.
@Suite struct CountBeforeTests {
  /// Live totals of the first listener at each send, in the order of the sends.
  final class Watch: Sendable {
    private let state = Mutex((metering: MeteringService?.none, seen: [[UInt64]]()))

    func follow(_ metering: MeteringService) { state.withLock { $0.metering = metering } }

    func look(_ call: Syscall) {
      guard call == .send, let metering = state.withLock({ $0.metering }) else { return }
      let totals = metering.snapshot().listeners[0].quantities
      state.withLock { $0.seen.append(totals) }
    }

    /// One quantity at each send.
    func values(_ quantity: Quantity) -> [UInt64] {
      state.withLock { $0.seen.map { $0[Int(quantity.rawValue)] } }
    }
  }

  @Test func `bytes and the end are counted when the kernel gets them`() throws {
    let watch = Watch()
    let origin = try Origin.answering(ok("hello"))
    let rig = try ProxyRig(origin, syscalls: Syscalls(faults: SyscallFaults(observing: watch.look)))
    watch.follow(rig.metering)
    let client = try rig.client()

    try client.send("GET / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n\r\n")
    let response = try client.readResponse()
    client.close()
    _ = try rig.finish()

    // The first send is the request's head to the upstream, the second the whole answer to the client.
    #expect(watch.values(.requests) == [1, 1])
    #expect(watch.values(.requestBytes) == [client.socket.bytesSent, client.socket.bytesSent])
    #expect(watch.values(.attempts) == [1, 1])
    #expect(watch.values(.upstreamRequestBytes) == [origin.bytesReceived, origin.bytesReceived])
    #expect(watch.values(.upstreamResponseBytes) == [0, origin.bytesSent])
    #expect(watch.values(.responseBytes) == [0, response.bytes])
    #expect(watch.values(.responses2xx) == [0, 1])
    #expect(watch.values(.endedCompleted) == [0, 1])
  }

  @Test func `a tunnel's first bytes are counted when the kernel gets them`() throws {
    let watch = Watch()
    let origin = try Origin { connection in
      guard try connection.head() != nil else { return }
      try connection.send(TunnelTests.switching + "early")
      _ = try connection.drain()
    }
    let rig = try ProxyRig(origin, syscalls: Syscalls(faults: SyscallFaults(observing: watch.look)))
    watch.follow(rig.metering)
    let client = try rig.client()

    try client.send(TunnelTests.request)
    _ = try client.readHead()
    #expect(try client.readBytes(5) == Array("early".utf8))
    let received = client.socket.bytesReceived
    client.shutdownSending()
    _ = try client.readToEnd()
    client.close()
    _ = try rig.finish()

    #expect(watch.values(.upstreamResponseBytes) == [0, origin.bytesSent])
    #expect(watch.values(.responseBytes) == [0, received])
    #expect(watch.values(.responses2xx) == [0, 1])
  }

  @Test func `an answer of Weir's own is counted when the kernel gets it`() throws {
    let watch = Watch()
    let faults = SyscallFaults(observing: watch.look)
    let rig = try ProxyRig(upstream: [1], syscalls: Syscalls(faults: faults)) {
      $0.routes[0].host = "h"
    }
    watch.follow(rig.metering)
    let client = try rig.client()

    try client.send("GET / HTTP/1.1\r\nHost: other\r\n\r\n")
    let response = try client.readResponse()
    client.close()
    _ = try rig.finish()

    #expect(watch.values(.responseBytes) == [response.bytes])
    #expect(watch.values(.endedRejected) == [1])
    #expect(watch.values(.responses4xx) == [1])
  }

  @Test func `what the kernel does not take is taken back, with the status and the end`() throws {
    // The first send is the request's head to the upstream, the second the whole answer.
    let faults = SyscallFaults(failing: 1, of: [.send], with: 11)
    let origin = try Origin { connection in
      while try connection.head() != nil {
        // Time that must not be counted twice.
        Syscalls().pause(milliseconds: 20)
        try connection.send(ok("hello"))
      }
    }
    let rig = try ProxyRig(origin, syscalls: Syscalls(faults: faults))
    let client = try rig.client()

    try client.send("GET / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n\r\n")
    try awaitCondition("the answer to be refused") { faults.calls.count { $0 == .send } >= 2 }
    try awaitCondition("it to be taken back") {
      rig.live(.responses2xx) == 0 && rig.live(.endedCompleted) == 0
        && rig.live(.responseBytes) == 0
    }
    // No event tells that the socket can be written, because it always could: the next request brings one.
    try client.send("GET / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n\r\n")
    let bytes = try client.readResponse().bytes + client.readResponse().bytes
    client.close()
    // The laws of `finish` hold one end, one observation and its time for each request.
    let usage = try rig.finish()

    #expect(usage["acme/api", .responses2xx] == 2)
    #expect(usage["acme/api", .endedCompleted] == 2)
    #expect(usage["acme/api", .responseBytes] == UInt64(bytes))
  }
}
