import PlainHTTP
import TestSupport
import Testing
import Usage

extension Integration {
  @Suite("A proxy that runs short of descriptors") struct OverloadTests {
    private static func upstream() throws -> ScriptedUpstream {
      try ScriptedUpstream([
        .readHead, .send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), .startOver,
      ])
    }

    private static func proxy(_ upstreams: [ScriptedUpstream], _ shares: String) throws -> LoneProxy
    {
      try LoneProxy(
        upstreams: upstreams.map(\.port),
        routes: "{ name: all, upstream: app }, "
          + "{ name: low, path: /low, upstream: app, priority: low }",
        further: """
          overload: { \(shares) }
          tenant_limits: { tenants: { vip: { priority: high } } }
          """)
    }

    private static func start(_ rig: LoneProxy, descriptors: Int) throws -> ChildProcess {
      try rig.start(under: ["sh", "-c", "ulimit -n \(descriptors); exec \"$@\"", "sh"])
    }

    @Test(.timeLimit(.minutes(2)))
    func `it sheds by priority, counts what it sheds to the tenant, and recovers`() throws {
      let upstream = try Self.upstream()
      let rig = try Self.proxy([upstream], "close_percent: 50, shed_percent: 60, stop_percent: 70")
      // A per cent is three of them, so that a few more or less change no level.
      let proxy = try Self.start(rig, descriptors: 300)
      let crowd = Crowd(port: rig.port)
      let kept = try RawClient(port: rig.port)

      let before = try crowd.ask(kept, "/", "acme")
      #expect(before == "200 kept")
      try awaitCondition("a look") { try rig.metric("weir_open_descriptors_max") == 300 }
      #expect(try rig.metric("weir_overload_level") == 0)

      try crowd.grow(by: 185 - rig.descriptors(of: proxy))
      try awaitCondition("level 2") { try rig.metric("weir_overload_level") == 2 }
      let rest = try kept.readToEnd()
      let shedding = [
        try crowd.ask("/low", "acme"), try crowd.ask("/", "acme"), try crowd.ask("/low", "vip"),
      ]
      // What it goes by is what is there, one look and the connection that asks for it apart.
      try awaitCondition("the count of descriptors") {
        let told = Int(try rig.metric("weir_open_descriptors"))
        return abs(told - (try rig.descriptors(of: proxy))) <= 1
      }

      try crowd.grow(by: 225 - rig.descriptors(of: proxy))
      try awaitCondition("level 3") { try rig.metric("weir_overload_level") == 3 }
      let queued = try RawClient(port: rig.port)
      try crowd.send(queued, "/", "acme")
      let stopped = [
        try crowd.ask("/low", "acme"), try crowd.ask("/", "acme"), try crowd.ask("/", "vip"),
      ]
      let isAccepted = queued.socket.isReadable(withinMilliseconds: 300)

      crowd.leave()
      let late = try crowd.answer(queued, "acme")
      try awaitCondition("the end of it") { try rig.metric("weir_overload_level") == 0 }
      let after = try RawClient(port: rig.port)
      let well = [try crowd.ask(after, "/low", "acme"), try crowd.ask(after, "/", "acme")]
      let shed = (
        low: try rig.metric("weir_overload_sheds_total", label: "low"),
        normal: try rig.metric("weir_overload_sheds_total", label: "normal")
      )
      let closed = try rig.metric("weir_overload_closed_connections_total")
      let failures = try rig.metric("weir_accept_failures_total")
      let difference = try rig.metric("weir_conservation_difference")
      for client in [kept, queued, after] { client.close() }
      proxy.terminate()
      let status = try proxy.waitForExit()

      #expect(rest.isEmpty)
      #expect(shedding == ["503 overloaded closed", "200 closed", "200 closed"])
      #expect(stopped == ["503 overloaded closed", "503 overloaded closed", "200 closed"])
      #expect(!isAccepted)
      #expect(late.hasPrefix("200"))
      #expect(well == ["200 kept", "200 kept"])
      #expect(shed == (2, 1))
      #expect(closed == 1)
      #expect(failures == 0)
      #expect(difference == 0)
      #expect(status == .exited(0))
      let usage = SpooledUsage(try rig.spooledBatches())
      #expect(usage["acme", .requests] == 8)
      #expect(usage["acme", .endedRejected] == 3)
      #expect(usage["acme", .responses5xx] == 3)
      #expect(usage["acme", .endedCompleted] == 5)
      #expect(usage["acme", .attempts] == 5)
      #expect(usage["vip", .endedCompleted] == 2)
      for tenant in ["acme", "vip"] {
        #expect(usage[tenant, .requestBytes] == crowd.sent[tenant])
        #expect(usage[tenant, .responseBytes] == crowd.received[tenant])
      }
      #expect(usage.differences == [])
    }

    @Test(.timeLimit(.minutes(2)))
    func `without a single one left it answers whom it has, blames no upstream, and counts on`()
      throws
    {
      let (one, two) = (try Self.upstream(), try Self.upstream())
      let rig = try Self.proxy([one, two], "leave_percent: 5")
      let proxy = try Self.start(rig, descriptors: 300)
      let crowd = Crowd(port: rig.port)
      let client = try RawClient(port: rig.port)
      try awaitCondition("the connection") { try rig.metric("weir_downstream_connections") == 1 }

      // From here on the kernel gives it none, whatever it closes.
      try Self.limit(proxy, descriptors: 3)
      // More than the failures in a row that an address is left alone for.
      let refused = try (0..<12).map { _ in try crowd.ask(client, "/", "acme") }
      let queued = try RawClient(port: rig.port)
      try crowd.send(queued, "/", "acme")
      // Counting goes on without a segment on the disk, too.
      _ = try proxy.waitForLine(containing: "a segment could not be allocated")
      try Self.limit(proxy, descriptors: 300)
      let served =
        [try crowd.answer(queued, "acme")]
        + (try (0..<4).map { _ in try crowd.ask(client, "/", "acme") })

      let exhausted = try rig.metric("weir_connection_resources_exhausted_total")
      let retries = try rig.metric("weir_retries_total")
      let ejections = try rig.metric("weir_upstream_ejections_total")
      let failures = try rig.metric("weir_accept_failures_total")
      let difference = try rig.metric("weir_conservation_difference")
      for client in [client, queued] { client.close() }
      proxy.terminate()
      let status = try proxy.waitForExit()

      #expect(Set(refused) == ["503 connection_resources_exhausted kept"])
      #expect(Set(served) == ["200 kept"])
      #expect(one.connections > 0 && two.connections > 0)
      #expect((exhausted, retries, ejections) == (12, 0, 0))
      #expect(failures > 0)
      #expect(difference == 0)
      #expect(status == .exited(0))
      let usage = SpooledUsage(try rig.spooledBatches())
      #expect(usage["acme", .requests] == 17)
      #expect(usage["acme", .endedUpstreamFailure] == 12)
      #expect(usage["acme", .endedCompleted] == 5)
      #expect(usage["acme", .requestBytes] == crowd.sent["acme"])
      #expect(usage["acme", .responseBytes] == crowd.received["acme"])
      #expect(usage.differences == [])
    }

    /// Changes how many descriptors a running process may have.
    private static func limit(_ process: ChildProcess, descriptors: Int) throws {
      let directory = try TemporaryDirectory()
      let tool = try ChildProcess(
        "/usr/bin/prlimit", ["--pid", "\(process.pid)", "--nofile=\(descriptors):300"],
        outputIn: directory.path)
      let status = try tool.waitForExit()
      guard status == .exited(0) else {
        throw TestSupportError.process("prlimit ended with \(status): \(tool.errorOutput)")
      }
    }
  }
}

/// Many connections that say nothing until one of them is asked to, and the clients' own books.
private final class Crowd {
  private let port: UInt16
  private var waiting: [RawClient] = []
  /// Requests, and bytes of each tenant both ways.
  private(set) var asked: [String: UInt64] = [:]
  private(set) var sent: [String: UInt64] = [:]
  private(set) var received: [String: UInt64] = [:]

  init(port: UInt16) { self.port = port }

  /// Opens so many connections.
  func grow(by count: Int) throws {
    for _ in 0..<count { waiting.append(try RawClient(port: port)) }
  }

  /// Closes all that are left.
  func leave() {
    for client in waiting { client.close() }
    waiting = []
  }

  /// Has the connection that waits longest make a request, and closes it.
  func ask(_ path: String, _ tenant: String) throws -> String {
    let client = waiting.removeFirst()
    defer { client.close() }
    return try ask(client, path, tenant)
  }

  /// Makes a request; see `answer`.
  func ask(_ client: RawClient, _ path: String, _ tenant: String) throws -> String {
    try send(client, path, tenant)
    return try answer(client, tenant)
  }

  /// Makes a request whose answer is read later.
  func send(_ client: RawClient, _ path: String, _ tenant: String) throws {
    let text = "GET \(path) HTTP/1.1\r\nHost: a\r\nX-Tenant: \(tenant)\r\n\r\n"
    try client.send(text)
    asked[tenant, default: 0] += 1
    sent[tenant, default: 0] += UInt64(text.utf8.count)
  }

  /// The answer in words: its status, the code if Weir made it, and what becomes of the connection.
  func answer(_ client: RawClient, _ tenant: String) throws -> String {
    let response = try client.readResponse()
    received[tenant, default: 0] += response.bytes
    var words = ["\(response.status)"]
    if response.status == 503 {
      let body = String(decoding: response.body, as: UTF8.self)
      words.append(body.split(separator: "\"").dropFirst(5).first.map(String.init) ?? body)
      #expect(response.head.value("retry-after") == "1")
    }
    words.append(response.head.value("connection") == "close" ? "closed" : "kept")
    return words.joined(separator: " ")
  }
}

/// Usage by tenant over all batches of a spool, and the conservation law over them.
private struct SpooledUsage {
  private var sums: [String: [UInt64]] = [:]
  /// Quantities whose sum over all tenants is not the listeners' total.
  let differences: [String]

  init(_ batches: [Batch]) {
    var sums: [String: [UInt64]] = [:]
    var rest = [Int64](repeating: 0, count: Quantity.allCases.count)
    for batch in batches {
      for row in batch.rows {
        for quantity in Quantity.allCases {
          let index = Int(quantity.rawValue)
          sums["\(row.tenant)", default: rest.map { _ in 0 }][index] += row[quantity]
          rest[index] += Int64(row[quantity])
        }
      }
      for listener in batch.listeners {
        for quantity in Quantity.allCases {
          rest[Int(quantity.rawValue)] -= Int64(listener.quantities[Int(quantity.rawValue)])
        }
      }
    }
    self.sums = sums
    differences = Quantity.allCases.filter { rest[Int($0.rawValue)] != 0 }.map(\.name)
  }

  subscript(tenant: String, quantity: Quantity) -> UInt64 {
    sums[tenant]?[Int(quantity.rawValue)] ?? 0
  }
}
