import PlainHTTP
import TestSupport
import Testing
import Usage

@testable import Proxy

/// Peers that are silent in the middle of requests: one that is there says so, and one that is not is given up.
struct HTTP2SilenceTests {
  typealias Client = HTTP2Client
  typealias Peer = HTTP2Origin

  /// An origin that says nothing for a while and then answers.
  private static func slow(milliseconds: Int = 1_000) throws -> Origin {
    try Origin.http2Answering { peer, request in
      Clocks.pause(milliseconds: milliseconds)
      try peer.answer(request.id, "late")
    }
  }

  @Test func `a client that answers PING goes on`() throws {
    let rig = try http2UpstreamRig(try Self.slow(milliseconds: 3_000)) {
      $0.timeouts.pingMilliseconds = 500
    }
    let client = try rig.http2()

    try client.send(head: Client.of("acme"), stream: 1)
    var asked = 0
    while client.streams[1]?.isOver != true, let frame = try client.readFrame() {
      guard frame.type == Client.ping, frame.flags & 1 == 0 else { continue }
      asked += 1
      try client.send(Client.Frame(Client.ping, flags: 1, frame.payload))
    }
    let stream = try client.finish(1)
    try client.leave()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(stream.body == Array("late".utf8))
    #expect(asked >= 2)
    #expect(usage[.endedCompleted] == 1 && usage[.requests] == 1)
    #expect(rig.counter(.timeoutsPing) == 0)
    usage.expectEveryByte(of: [client])
  }

  @Test func `a client that does not is given up with all of its streams`() throws {
    let rig = try http2UpstreamRig(try Self.slow()) { $0.timeouts.pingMilliseconds = 250 }
    let client = try rig.http2()

    try client.send(head: Client.of("acme"), stream: 1)
    try client.send(head: Client.of("other"), stream: 3)
    try client.readToEnd()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(client.control.filter { $0.type == Client.ping && $0.flags & 1 == 0 }.count == 1)
    #expect(usage["acme/api", .endedClientAbort] == 1 && usage["other/api", .endedClientAbort] == 1)
    #expect(rig.counter(.timeoutsPing) == 1)
  }

  @Test(arguments: [0, 30_000])
  func `nobody is asked too early, or where it is turned off`(milliseconds: Int) throws {
    let rig = try http2UpstreamRig(try Self.slow()) { $0.timeouts.pingMilliseconds = milliseconds }
    let client = try rig.http2()

    try client.send(head: Client.of("acme"), stream: 1)
    let stream = try client.finish(1)
    try client.leave()
    try rig.awaitIdle()
    _ = try rig.finish()

    #expect(stream.body == Array("late".utf8))
    #expect(!client.control.contains { $0.type == Client.ping })
  }

  @Test(arguments: [true, false])
  func `an upstream that is silent is asked, and given up when it does not answer`(
    answers: Bool
  ) throws {
    let asked = Seen<Int>(0)
    let origin = try Origin.http2 { peer in
      guard let request = try peer.request() else { return }
      while asked.value < 2, let frame = try peer.readFrame() {
        guard frame.type == Client.ping, frame.flags & 1 == 0 else { continue }
        asked.change { $0 += 1 }
        if answers { try peer.send(Client.Frame(Client.ping, flags: 1, frame.payload)) }
      }
      try? peer.answer(request.id, "late")
      try? peer.drain()
    }
    let rig = try http2UpstreamRig(origin) { $0.upstreams[0].pingMilliseconds = 300 }
    let client = try rig.http2()

    try client.send(head: Client.of("acme", "POST"), stream: 1)
    let stream = try client.finish(1)
    try client.leave()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(stream.status == (answers ? 200 : 502))
    #expect(asked.value == (answers ? 2 : 1))
    #expect(usage[.endedCompleted] == (answers ? 1 : 0))
    #expect(usage[.endedUpstreamFailure] == (answers ? 0 : 1))
    #expect(rig.counter(.timeoutsPing) == (answers ? 0 : 1))
  }

  @Test func `a stream whose time is over at the same moment takes nobody's connection with it`()
    throws
  {
    let origin = try Origin { connection in
      while try connection.head() != nil {}
    }
    let rig = try http2Rig(origin) {
      $0.timeouts.pingMilliseconds = 1_000
      $0.timeouts.responseHeadMilliseconds = 1_000
    }
    // The stream gets the place of this connection, which is looked at before its own.
    let first = try rig.client()
    try first.send("GET")
    try rig.waitFor(.downstreamConnections) { $0 == 1 }
    let client = try rig.http2()
    try client.roundTrip()
    first.close()
    try rig.waitFor(.downstreamConnections) { $0 == 1 }

    try client.send(head: Client.of("acme"), stream: 1)
    let stream = try client.finish(1)
    try client.roundTrip()
    try client.leave()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(stream.status == 504)
    #expect(client.goAwayCode == nil)
    #expect(rig.counter(.timeoutsResponseHead) == 1)
    #expect(rig.counter(.timeoutsClientWrite) == 0 && rig.counter(.timeoutsKeepAlive) == 0)
    #expect(usage["acme/api", .endedUpstreamFailure] == 1)
  }

  @Test func `an upstream that had nothing to do is not asked at once`() throws {
    let asked = Seen<Int>(0)
    let origin = try Origin.http2 { peer in
      guard let first = try peer.request() else { return }
      try peer.answer(first.id)
      guard let second = try peer.request() else { return }
      Clocks.pause(milliseconds: 700)
      try peer.answer(second.id)
      try? peer.drain()
      asked.change { $0 = peer.control.count { $0.type == Client.ping && $0.flags & 1 == 0 } }
    }
    let rig = try http2UpstreamRig(origin) { $0.upstreams[0].pingMilliseconds = 1_500 }
    let client = try rig.http2()

    _ = try client.get(stream: 1)
    Clocks.pause(milliseconds: 2_000)
    let second = try client.get(stream: 3)
    try client.leave()
    try rig.awaitIdle()
    _ = try rig.finish()

    #expect(second.status == 200)
    #expect(asked.value == 0)
    #expect(origin.connections == 1)
  }
}
