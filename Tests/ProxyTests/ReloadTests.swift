import Metering
import PlainHTTP
import Platform
import TestSupport
import Testing
import Usage

@testable import Proxy

/// A new configuration in a running process: nothing that is open notices, positions keep their meaning.
@Suite struct ReloadTests {
  private static let request = LifeCycleTests.request

  private static func get(_ path: String, host: String = "h") -> String {
    "GET \(path) HTTP/1.1\r\nHost: \(host)\r\nX-Tenant: acme\r\n\r\n"
  }

  /// An origin that puts its own name before the target that it was asked for.
  private static func origin(_ name: String) throws -> Origin {
    try Origin.answering { head, _ in ok("\(name) \(head.start[1])") }
  }

  private static func text(_ response: RawClient.Response) -> String {
    String(decoding: response.body, as: UTF8.self)
  }

  @Test func `routes and upstreams change under an open connection`() throws {
    let (one, two) = (try Self.origin("one"), try Self.origin("two"))
    let rig = try ProxyRig(upstream: [one.port], origins: [one, two])
    let client = try rig.client()
    func ask(_ path: String) throws -> String {
      try client.send(Self.get(path))
      return Self.text(try client.readResponse())
    }

    let before = try ask("/a")
    try rig.reload {
      $0.upstreams.append(
        UpstreamConfiguration(
          name: "other", addresses: [SocketAddress(bytes: [127, 0, 0, 1], port: two.port)!]))
      var route = RouteConfiguration(name: RouteName("beta")!, upstream: "other")
      route.path = "/b"
      $0.routes.append(route)
    }
    let (kept, added) = (try ask("/a"), try ask("/b"))
    try rig.reload {
      $0.upstreams[0].addresses = [
        UpstreamAddress(
          .endpoint(.internet(SocketAddress(bytes: [127, 0, 0, 1], port: two.port)!)))
      ]
      $0.routes.removeLast()
      $0.upstreams.removeLast()
    }
    let (changed, removed) = (try ask("/a"), try ask("/b"))
    client.close()
    let usage = try rig.finish()

    #expect([before, kept, added] == ["one /a", "one /a", "two /b"])
    #expect([changed, removed] == ["two /a", "two /b"])
    #expect(usage["acme/api", .requests] == 4)
    #expect(usage["acme/beta", .requests] == 1)
    #expect(usage[.accepted] == 1)
  }

  @Test func `a pool of an upstream that changed closes what is idle and lets the busy finish`()
    throws
  {
    let gate = Gate()
    let one = try Origin { connection in
      while let head = try connection.head() {
        if head.start[1] == "/slow" { try gate.wait() }
        try connection.send(ok("one"))
      }
    }
    let two = try Self.origin("two")
    let rig = try ProxyRig(upstream: [one.port], origins: [one, two])
    let (idle, busy) = (try rig.client(), try rig.client())

    try busy.send(Self.get("/slow"))
    try awaitCondition("the slow request") { one.heads.count == 1 }
    try idle.send(Self.get("/"))
    #expect(Self.text(try idle.readResponse()) == "one")
    try rig.reload {
      $0.upstreams[0].addresses = [
        UpstreamAddress(
          .endpoint(.internet(SocketAddress(bytes: [127, 0, 0, 1], port: two.port)!)))
      ]
    }
    try awaitCondition("the idle connection's end") { one.finished == 1 }
    gate.pass()
    #expect(Self.text(try busy.readResponse()) == "one")
    try awaitCondition("the busy connection's end") { one.finished == 2 }
    try busy.send(Self.get("/"))
    #expect(Self.text(try busy.readResponse()) == "two /")
    idle.close()
    busy.close()
    let usage = try rig.finish()

    #expect(usage["acme/api", .endedCompleted] == 3)
  }

  @Test func `an upstream that did not change keeps its connections`() throws {
    let origin = try Origin.answering(ok())
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    for _ in 0..<5 {
      try client.send(Self.request)
      #expect(try client.readResponse().status == 200)
      try rig.reload { $0.limits.fieldCountMax += 1 }
    }
    client.close()
    let usage = try rig.finish()

    #expect(origin.connections == 1)
    #expect(usage[.endedCompleted] == 5)
  }

  @Test func `a reload that is refused for want of the kernel leaves names to their positions`()
    throws
  {
    let origin = try Self.origin("one")
    let faults = SyscallFaults()
    let rig = try ProxyRig(origin, syscalls: Syscalls(faults: faults))
    let client = try rig.client()
    func add(_ name: String, _ path: String, _ configuration: inout ProxyConfiguration) {
      var route = RouteConfiguration(name: RouteName(name)!, upstream: "origin")
      route.path = path
      configuration.routes.append(route)
    }

    // The first health check of the process needs a thread with an event loop of its own.
    faults.failAll(.epollCreate, with: 24)
    #expect(throws: ProxyError.system(SystemError(.epollCreate, 24))) {
      try rig.reload {
        add("refused", "/r", &$0)
        $0.upstreams[0].health = HealthCheckConfiguration()
      }
    }
    faults.recover()
    try rig.reload { add("gamma", "/g", &$0) }
    try rig.reload {
      add("refused", "/r", &$0)
      $0.upstreams[0].health = HealthCheckConfiguration()
    }
    for path in ["/g", "/g", "/r"] {
      try client.send(Self.get(path))
      #expect(Self.text(try client.readResponse()) == "one \(path)")
    }
    client.close()
    let usage = try rig.finish()

    #expect(usage["acme/gamma", .requests] == 2)
    #expect(usage["acme/refused", .requests] == 1)
  }

  @Test func `exchanges that are open at a reload end under the names that they began with`() throws
  {
    let gate = Gate()
    let origin = try Origin { connection in
      while let head = try connection.head() {
        if head.start[1] == "/slow" { try gate.wait() }
        try connection.send(ok())
      }
    }
    let rig = try ProxyRig(origin)
    let client = try rig.client()

    try client.send(Self.get("/slow"))
    try awaitCondition("the slow request") { origin.heads.count == 1 }
    try rig.reload { $0.routes[0].name = RouteName("renamed")! }
    gate.pass()
    #expect(try client.readResponse().status == 200)
    try client.send(Self.get("/"))
    #expect(try client.readResponse().status == 200)
    try client.send("broken\r\n\r\n")
    #expect(try client.readResponse().status == 400)
    client.close()
    let usage = try rig.finish()

    #expect(usage["acme/api", .endedCompleted] == 1)
    #expect(usage["acme/renamed", .endedCompleted] == 1)
    #expect(usage["~unattributed/~none", .endedRejected] == 1)
  }

  /// Hands the workers a reload with a listener `second` that they cannot apply before the meter's tables have grown
  /// once more.
  private static func reloadTooEarly(_ rig: ProxyRig) throws {
    var next = rig.server.tables.configuration
    next.listeners.append(
      ListenerConfiguration(
        name: "second", address: SocketAddress(bytes: [127, 0, 0, 1], port: 0)!))
    try rig.server.reload(next) { (listeners, routes) throws(MeteringError) in
      try rig.metering.grow(listeners: listeners, routes: routes) + 1
    }
    #expect(rig.server.awaitReload(withinMilliseconds: 50, clock: .system) == [0])
  }

  @Test func `a drain lets an update in that came before it, and serves what waits there`() throws {
    let rig = try ProxyRig(try Origin.answering(ok()))
    try Self.reloadTooEarly(rig)
    let waiting = try RawClient(port: rig.port(1))
    try waiting.send(Self.request)

    let turns = rig.counter(.turns)
    rig.server.drain()
    try rig.waitFor(.turns) { $0 > turns }
    _ = try rig.metering.grow(listeners: ["third"], routes: [])
    let response = try waiting.readResponse()
    waiting.close()
    let usage = try rig.finish()

    #expect(response.status == 200)
    #expect(response.head.value("connection") == "close")
    #expect(usage[.endedCompleted] == 1)
  }

  @Test(arguments: [false, true])
  func `a drain does not wait for ever for an update, and leaves no socket of it open`(
    isHurried: Bool
  ) throws {
    let rig = try ProxyRig(try Origin.answering(ok()))
    try Self.reloadTooEarly(rig)
    let waiting = try RawClient(port: rig.port(1))

    rig.server.drain()
    if isHurried { rig.server.cutOff() }
    let rest = try? waiting.readToEnd()
    waiting.close()
    let usage = try rig.finish()

    #expect(rest == nil || rest == [])
    #expect((try? RawClient(port: rig.port(1))) == nil)
    #expect(usage[.requests] == 0)
  }

  @Test func `a process that drains takes no reload`() throws {
    let rig = try ProxyRig(try Origin.answering(ok()))
    rig.server.announceDrain()

    let error = #expect(throws: ProxyError.self) {
      try rig.reload { $0.limits.fieldCountMax += 1 }
    }
    _ = try rig.finish()

    #expect(error?.description.contains("drains") == true)
  }

  @Test func `a listener that is added serves, and one that is removed closes in good order`()
    throws
  {
    let rig = try ProxyRig(try Origin.answering(ok())) {
      // Time enough to use the connection once more, on the slowest machine.
      $0.timeouts.drainIdleMilliseconds = 4_000
    }
    let old = rig.port()
    let (idle, active) = (try rig.client(), try rig.client())
    for client in [idle, active] {
      try client.send(Self.request)
      #expect(try client.readResponse().status == 200)
    }

    try rig.reload {
      var listener = ListenerConfiguration(
        name: "second", address: SocketAddress(bytes: [127, 0, 0, 1], port: 0)!)
      listener.trusted = $0.listeners[0].trusted
      $0.listeners.append(listener)
    }
    let added = try RawClient(port: rig.port(1))
    try added.send(Self.request)
    #expect(try added.readResponse().status == 200)
    try rig.reload { $0.listeners.removeFirst() }
    try awaitCondition("no listener") { (try? RawClient(port: old)) == nil }
    try active.send(Self.request)
    let last = try active.readResponse()
    try added.send(Self.request)
    let kept = try added.readResponse()

    #expect(last.status == 200 && last.head.value("connection") == "close")
    #expect(kept.status == 200 && kept.head.value("connection") == nil)
    #expect(try active.readToEnd().isEmpty)
    #expect(try idle.readToEnd().isEmpty)
    for client in [idle, active, added] { client.close() }
    let usage = try rig.finish()
    #expect(usage[.endedCompleted] == 5)
    #expect(usage[.accepted] == 3)
  }

  @Test func `a listener that moves serves at its new address alone, under the same name`() throws {
    let rig = try ProxyRig(try Origin.answering(ok()))
    let old = rig.port()
    let free = try unusedPort()

    try rig.reload { $0.listeners[0].address = SocketAddress(bytes: [127, 0, 0, 1], port: free)! }
    try awaitCondition("no listener") { (try? RawClient(port: old)) == nil }
    let client = try RawClient(port: free)
    try client.send(Self.request)
    #expect(try client.readResponse().status == 200)
    client.close()
    let usage = try rig.finish()

    #expect(rig.server.tables.configuration.listeners.count == 1)
    #expect(usage[.endedCompleted] == 1)
  }

  @Test func `whom a listener trusts changes for connections that come later`() throws {
    let rig = try ProxyRig(try Origin.answering(ok()))
    let early = try rig.client()
    try early.send(Self.request)
    #expect(try early.readResponse().status == 200)

    try rig.reload { $0.listeners[0].trusted = [] }
    let late = try rig.client()
    try late.send(Self.request)
    #expect(try late.readResponse().status == 200)
    early.close()
    late.close()
    let usage = try rig.finish()

    #expect(usage["acme/api", .requests] == 1)
    #expect(usage["~unattributed/api", .requests] == 1)
  }

  /// Changes that no running process can make, or that are wrong, and the place that a fault names.
  private static let impossible:
    [(place: String, change: @Sendable (inout ProxyConfiguration) -> Void)] = [
      ("workers", { $0.workers = 2 }), ("pin_workers", { $0.pinsWorkers = true }),
      ("limits.head_bytes_max", { $0.limits.headBytesMax = 8_192 }),
      ("limits.buffer_bytes", { $0.limits.bufferBytes = 131_072 }),
      ("resolver", { $0.resolver.tries = 1 }),
      ("routes[0].upstream", { $0.routes[0].upstream = "nobody" }),
      ("listeners", { $0.listeners = [] }),
    ]

  @Test(arguments: 0..<6)
  func `what cannot be applied is named, and nothing changes`(_ index: Int) throws {
    let (place, change) = Self.impossible[index]
    let rig = try ProxyRig(try Origin.answering(ok()))
    let before = rig.server.tables

    let error = #expect(throws: ProxyError.self) {
      try rig.reload {
        $0.routes[0].path = "/elsewhere"
        change(&$0)
      }
    }

    #expect(error?.description.contains(place) == true, "\(String(describing: error))")
    #expect(rig.server.tables == before)
    let client = try rig.client()
    try client.send(Self.request)
    #expect(try client.readResponse().status == 200)
    client.close()
    _ = try rig.finish()
  }

  @Test func `an address that is taken refuses the whole reload`() throws {
    let taken = try ListeningSocket()
    let rig = try ProxyRig(try Origin.answering(ok()))
    let before = rig.server.tables

    let error = #expect(throws: ProxyError.self) {
      try rig.reload {
        $0.routes[0].name = RouteName("other")!
        $0.listeners.append(
          ListenerConfiguration(
            name: "second", address: SocketAddress(bytes: [127, 0, 0, 1], port: taken.port)!))
      }
    }

    #expect(error?.description.contains("second") == true)
    #expect(rig.server.tables == before)
    taken.stop()
    _ = try rig.finish()
  }

  @Test func `fifty reloads under load fail no request and count each once`() throws {
    let origin = try Self.origin("one")
    let rig = try ProxyRig(upstream: [origin.port], origins: [origin]) { $0.workers = 2 }
    let stop = Gate()
    let books = (0..<4).map { _ in RequestBook() }
    let port = rig.port()
    let threads = try books.map { book in
      try SpawnedThread { book.run(port: port, until: stop) }
    }

    for round in 1...50 {
      try rig.reload {
        $0.routes[0].name = RouteName("api-\(round % 7)")!
        $0.upstreams[0].idleConnectionsMax = 64 + round
      }
    }
    stop.pass()
    for thread in threads { thread.join() }
    let usage = try rig.finish()

    #expect(books.allSatisfy { $0.failures.isEmpty }, "\(books.flatMap(\.failures))")
    #expect(usage[.requests] == books.reduce(0) { $0 + $1.answered })
    #expect(usage[.endedCompleted] == usage[.requests])
    #expect(usage[.requests] > 50)
  }
}

/// One client thread that goes on asking on one connection, and what came of it.
private final class RequestBook: @unchecked Sendable {
  // Written by the thread, read after its end.
  private(set) var answered: UInt64 = 0
  private(set) var failures: [String] = []

  func run(port: UInt16, until stop: Gate) {
    do {
      let client = try RawClient(port: port)
      defer { client.close() }
      while !stop.isOpen {
        try client.send(LifeCycleTests.request)
        let response = try client.readResponse()
        answered += 1
        if response.status != 200 { failures.append("status \(response.status)") }
      }
    } catch {
      failures.append("\(error)")
    }
  }
}

extension ProxyRig {
  /// Applies a change to the configuration in force, and waits until every worker serves by it.
  func reload(_ change: (inout ProxyConfiguration) -> Void) throws {
    let tables = server.tables
    var next = tables.configuration
    next.listeners = next.listeners.enumerated().filter { tables.usesListener[$0.offset] }
      .map(\.element)
    next.upstreams = next.upstreams.enumerated().filter { tables.usesUpstream[$0.offset] }
      .map(\.element)
    next.routes = next.routes.enumerated().filter { tables.usesRoute[$0.offset] }.map(\.element)
    change(&next)
    try server.reload(next) { (listeners, routes) throws(MeteringError) in
      try metering.grow(listeners: listeners, routes: routes)
    }
    #expect(server.awaitReload(withinMilliseconds: 15_000, clock: .system).isEmpty)
  }
}
