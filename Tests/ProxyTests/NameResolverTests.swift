import PlainHTTP
import Platform
import TestSupport
import Testing
import Usage

@testable import Proxy

/// Names among upstreams' addresses, with a name server of the test's own.
@Suite struct NameResolverTests {
  static let get = "GET / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n\r\n"
  static let here: [UInt8] = [127, 0, 0, 1]
  /// A loopback address at which nobody listens.
  static let nowhere: [UInt8] = [127, 0, 0, 9]

  private static func rig(_ origin: Origin, _ names: NameServer) throws -> ProxyRig {
    try ProxyRig(origin) {
      $0.upstreams[0].addresses = [UpstreamAddress("app.weir.test:\(origin.port)")!]
      $0.upstreams[0].ejection.failures = 0
      $0.resolver.servers = [names.address]
      $0.resolver.keepMinMilliseconds = 20
      $0.resolver.timeoutMilliseconds = 100
      $0.resolver.tries = 1
    }
  }

  private static func status(_ client: RawClient) throws -> Int {
    try client.send(get)
    return try client.readResponse().status
  }

  private static func awaitStatus(_ status: Int, _ client: RawClient) throws {
    try awaitCondition("status \(status)") { try Self.status(client) == status }
  }

  @Test func `a lookup tells the addresses and the least time to live`() throws {
    let names = try NameServer(.addresses([Self.here, [10, 1, 2, 3]], secondsToLive: 77))
    defer { names.stop() }
    let lookup = NameLookup(servers: [names.address], timeoutMilliseconds: 5_000, tries: 2)

    let outcome = lookup.addresses(of: "app.weir.test", stop: try Wakeup(syscalls: Syscalls()))

    guard case .found(let addresses, let seconds) = outcome else {
      Issue.record("\(outcome)")
      return
    }
    #expect(Set(addresses) == [Self.here, [10, 1, 2, 3]])
    #expect(seconds == 77)
  }

  @Test(arguments: [
    NameServer.Mode.fault(3), .fault(2), .silence, .addresses([], secondsToLive: 1),
  ])
  func `a lookup without an answer fails with a reason`(mode: NameServer.Mode) throws {
    let names = try NameServer(mode)
    defer { names.stop() }
    let lookup = NameLookup(servers: [names.address], timeoutMilliseconds: 100, tries: 1)

    let outcome = lookup.addresses(of: "app.weir.test", stop: try Wakeup(syscalls: Syscalls()))

    guard case .failed(let reason) = outcome else {
      Issue.record("\(outcome)")
      return
    }
    #expect(!reason.isEmpty)
    #expect(names.questions > 0)
  }

  @Test func `a lookup ends when it is told to`() throws {
    let names = try NameServer(.silence)
    defer { names.stop() }
    let lookup = NameLookup(servers: [names.address], timeoutMilliseconds: 60_000, tries: 9)
    let stop = try Wakeup(syscalls: Syscalls())

    stop.signal()

    guard case .failed = lookup.addresses(of: "app.weir.test", stop: stop) else {
      Issue.record("an answer from nowhere")
      return
    }
  }

  @Test func `a name without an answer does not stop the process, and is served once it has one`()
    throws
  {
    let origin = try Origin.answering(ok())
    let names = try NameServer(.silence)
    defer { names.stop() }
    let rig = try Self.rig(origin, names)
    let client = try rig.client()

    try client.send(Self.get)
    let refused = try client.readResponse()
    names.set(.addresses([Self.here], secondsToLive: 0))
    try Self.awaitStatus(200, client)
    client.close()
    let usage = try rig.finish()

    #expect(refused.status == 503)
    #expect(String(decoding: refused.body, as: UTF8.self).contains("upstream_unresolved"))
    #expect(rig.counter(.upstreamUnresolved) >= 1)
    #expect(usage["acme/api", .attempts] == usage["acme/api", .endedCompleted])
    #expect(usage["acme/api", .endedUpstreamFailure] == rig.counter(.upstreamUnresolved))
    BalancingTests.expectExactBytes(usage, [origin])
  }

  @Test func `a name that moves is followed, and an answer that was good is kept`() throws {
    let origin = try Origin.answering(ok())
    let names = try NameServer(.addresses([Self.nowhere], secondsToLive: 0))
    defer { names.stop() }
    let rig = try Self.rig(origin, names)
    let client = try rig.client()
    let board = rig.server.boards[0]

    try Self.awaitStatus(502, client)
    names.set(.addresses([Self.here], secondsToLive: 0))
    try Self.awaitStatus(200, client)
    let failed = board.resolutionCounts.failed
    names.set(.fault(3))
    try awaitCondition("failed lookups") { board.resolutionCounts.failed > failed + 1 }
    #expect(try Self.status(client) == 200)
    #expect(board.addressCounts.all == 1)
    client.close()
    let usage = try rig.finish()

    #expect(usage[.requests] == usage[.endedCompleted] + usage[.endedUpstreamFailure])
    BalancingTests.expectExactBytes(usage, [origin])
  }

  @Test func `a request at an address that goes is finished, and its connection is not kept`()
    throws
  {
    let gate = Gate()
    let origin = try Origin { connection in
      while try connection.head() != nil {
        try gate.wait()
        try connection.send(ok())
      }
    }
    let names = try NameServer(.addresses([Self.here], secondsToLive: 0))
    defer { names.stop() }
    let rig = try Self.rig(origin, names)
    let client = try rig.client()
    let board = rig.server.boards[0]
    try awaitCondition("the first answer") { board.addressCounts.all == 1 }

    try client.send(Self.get)
    try awaitCondition("the request") { origin.heads.count == 1 }
    let before = board.listGeneration
    names.set(.addresses([Self.nowhere], secondsToLive: 0))
    try awaitCondition("the new list") { board.listGeneration > before }
    // The worker takes the list over before anything that comes after it.
    try Self.awaitStatus(502, try rig.client())
    gate.pass()
    #expect(try client.readResponse().status == 200)
    try rig.waitFor(.upstreamConnections) { $0 == 0 }
    client.close()
    let usage = try rig.finish()

    #expect(usage["acme/api", .endedCompleted] == 1)
    BalancingTests.expectExactBytes(usage, [origin])
  }

  @Test(arguments: [
    ("app.internal:8080", true), ("app:80", true), ("a-b.c_d.e1:1", true), ("localhost:80", true),
    ("app", false), ("app:", false), ("app:0", false), ("app:65536", false), ("app:+80", false),
    (".app:80", false), ("app.:80", false), ("a..b:80", false), ("-a:80", false), ("a-:80", false),
    ("127.0.0.300:80", false), ("1.2.3:80", false), ("a b:80", false), ("http://app:80", false),
    (String(repeating: "a", count: 64) + ":80", false),
  ])
  func `a name is told from a misspelt address`(text: String, isName: Bool) {
    guard isName else {
      #expect(UpstreamAddress(text) == nil)
      return
    }
    guard case .name = UpstreamAddress(text)?.place else {
      Issue.record("\(text) is no name")
      return
    }
    #expect(UpstreamAddress(text)?.place.description == text)
  }
}
