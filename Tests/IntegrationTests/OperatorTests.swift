import Accounting
import Foundation
import PlainHTTP
import TestSupport
import Testing
import Usage

extension Integration {
  @Suite("What an operator is told") struct OperatorTests {
    @Test(.timeLimit(.minutes(1)))
    func `a dry run names everything that is in the way, and a refused close posts nothing`() throws
    {
      let chain = try Chain()
      let month = CurrentMonth()
      try chain.startProxy()
      try Self.request(chain, tenant: "acme")
      try chain.drainUntilShipped()

      let bare = try chain.weir("close", month.text, "--dry-run")
      #expect(bare.status == .exited(1), "\(bare)")
      #expect(bare.output.contains("period-not-over:") && bare.output.contains("policy-missing:"))
      try chain.furnish(month)
      let trial = try chain.weir("close", month.text, "--dry-run")
      let refused = try chain.weir("close", month.text, "--reason", "too early")

      #expect(trial.status == .exited(1), "\(trial)")
      #expect(trial.output.contains("blocked  period-not-over:"), "\(trial)")
      #expect(!trial.output.contains("policy-missing") && !trial.output.contains("costs-missing"))
      #expect(refused.status == .exited(1))
      #expect(refused.errorOutput.contains("period-not-over"), "\(refused)")
      let verified = try chain.weir("ledger", "verify", "--json").json()
      #expect(verified["entries"] == .number("0"))
      #expect(verified["sound"] == .bool(true))
    }

    @Test(.timeLimit(.minutes(2)))
    func `a byte that was flipped in the database is found, wherever the ledger has it`() throws {
      let (chain, month) = try Self.closedMonth()
      try chain.stopAllocator()
      let store = chain.folders.store
      #expect(!FileManager.default.fileExists(atPath: store + "-wal"))
      #expect(try Self.verify(chain).status == .exited(0))
      let pristine = try Data(contentsOf: URL(fileURLWithPath: store))
      let places = Self.places(of: "quartz-october", in: pristine)
      #expect(places.count >= 4)

      var unnoticed: [Int] = []
      for place in places.prefix(12) {
        var tampered = pristine
        tampered[place] ^= 0x01
        try tampered.write(to: URL(fileURLWithPath: store))
        let verified = try Self.verify(chain)
        if verified.status != .exited(1) { unnoticed.append(place) }
      }
      try pristine.write(to: URL(fileURLWithPath: store))

      #expect(unnoticed == [], "of \(places)")
      #expect(try Self.verify(chain).status == .exited(0))

      // A statement is not in the chain; its own digest keeps it from being handed out.
      // It is stored in a zstd frame, right behind the tenant of its key.
      let frame = try #require(
        pristine.range(of: Data("acme".utf8) + Data([0x28, 0xB5, 0x2F, 0xFD])))
      var tampered = pristine
      tampered[frame.upperBound + 40] ^= 0x01
      try tampered.write(to: URL(fileURLWithPath: store))
      try chain.startAllocator()
      let statement = try chain.weir("statement", "acme", "--period", month.text)
      #expect(statement.status == .exited(1), "\(statement)")
      #expect(statement.errorOutput.contains("was changed"), "\(statement)")
    }

    @Test(.timeLimit(.minutes(1)))
    func `status shows a silent proxy, missing batches and flags`() throws {
      let chain = try Chain(Settings(expected: ["ghost"]), upstream: 1)
      let ghost = try chain.weir("status")
      #expect(ghost.status == .exited(1), "\(ghost)")
      #expect(Self.row("ghost", ghost.output)?[1] == "yes")

      // What a stepped clock does to a proxy is tested in MeteringTests, where the clock is the
      // test's own; here: that its flag, like the others, comes through delivery and store to the
      // operator.
      for (sequence, flags) in [
        (0, BatchFlags.clockStepped), (1, [.volatile, .clockStepped]), (3, .recovered),
      ] as [(UInt64, BatchFlags)] {
        let answer = try chain.api(.ingest).deliver(try Self.batch(sequence, flags))
        #expect(answer.status == 200, "\(answer)")
        #expect(answer.json["missing"]?.asArray?.count == (sequence == 3 ? 1 : 0))
      }
      let gap = try chain.weir("status")
      let batches = try chain.api(.reader).status()["batches"]

      #expect(gap.status == .exited(1))
      #expect(Self.row("edge-9", gap.output)?[1] == "no")
      #expect(Self.row("edge-9", gap.output)?.suffix(3) == ["3", "1", "-"])
      #expect(batches?["clock_stepped"] == .number("2"))
      #expect(batches?["volatile"] == .number("1"))
      #expect(batches?["recovered"] == .number("1"))
      #expect(gap.output.contains("volatile 1, recovered 1, clock_stepped 2"), "\(gap)")
    }

    @Test(.timeLimit(.minutes(1)))
    func `a proxy that stops reporting becomes silent`() throws {
      let chain = try Chain(Settings(silenceSeconds: 10))
      try chain.startProxy()
      try awaitCondition("a first batch") { try chain.api().batchCount("stored") >= 1 }
      let well = try chain.weir("status")
      try chain.killProxy()

      #expect(well.status == .exited(0), "\(well)")
      try awaitCondition("silence", withinMilliseconds: 30_000) {
        let proxies = try chain.api().status()["proxies"]?.asArray ?? []
        return proxies.map { $0["silent"] } == [.bool(true)]
      }
      #expect(try chain.weir("status").status == .exited(1))
    }

    @Test(.timeLimit(.minutes(1)))
    func `each role may do its own work and no other`() throws {
      let chain = try Chain(upstream: 1)
      let batch = try Self.batch(0, [])
      func status(_ role: TokenRole, _ method: String, _ path: String) throws -> Int {
        try chain.api(role).call(path, method: method, body: method == "GET" ? [] : batch).status
      }

      #expect(try status(.ingest, "POST", "/v1/batches") == 200)
      #expect(try status(.operator, "POST", "/v1/batches") == 403)
      #expect(try status(.reader, "POST", "/v1/batches") == 403)
      #expect(try status(.ingest, "GET", "/v1/status") == 403)
      #expect(try status(.reader, "GET", "/v1/status") == 200)
      #expect(try status(.reader, "POST", "/v1/periods/2026-10/close") == 403)
      #expect(try status(.reader, "GET", "/v1/backup") == 403)
      for token in [nil, "not-a-token"] {
        let answer = try AllocatorAPI(port: chain.allocatorPort, token: token).call("/v1/status")
        #expect(answer.status == 401)
        #expect(answer.code == "unauthorized")
      }
      let refused = try chain.weir("close", "2026-10", "--dry-run", role: .reader)
      #expect(refused.status == .exited(1), "\(refused)")
    }

    // MARK: tools

    /// A chain whose month is closed, with one tenant's usage and a reason that is easy to find.
    private static func closedMonth() throws -> (Chain, CurrentMonth) {
      let chain = try Chain()
      let month = CurrentMonth()
      try chain.startProxy()
      try request(chain, tenant: "acme")
      try chain.drainUntilShipped()
      try chain.furnish(month)
      let closed = try chain.weir(
        "close", month.text, "--reason", "quartz-october", "--waive", "period-not-over", "--waive",
        "coverage-hole")
      #expect(closed.status == .exited(0), "\(closed)")
      return (chain, month)
    }

    private static func request(_ chain: Chain, tenant: String) throws {
      let client = try RawClient(port: chain.proxyPort)
      defer { client.close() }
      try client.send("GET /api/items HTTP/1.1\r\nHost: a\r\nX-Tenant: \(tenant)\r\n\r\n")
      #expect(try client.readResponse().status == 200)
    }

    private static func verify(_ chain: Chain) throws -> Chain.Outcome {
      try chain.weir("ledger", "verify", "--store", chain.folders.store, connects: false)
    }

    /// Where a text begins in the file.
    private static func places(of text: String, in data: Data) -> [Int] {
      var places: [Int] = []
      var rest = data.startIndex..<data.endIndex
      while let found = data.range(of: Data(text.utf8), in: rest) {
        places.append(found.lowerBound)
        rest = found.upperBound..<data.endIndex
      }
      return places
    }

    /// The cells of the line of a table that begins with a word.
    private static func row(_ name: String, _ table: String) -> [String]? {
      table.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }.first {
        $0.first == name
      }
    }

    /// A batch of this minute with one request.
    private static func batch(_ sequence: UInt64, _ flags: BatchFlags) throws -> [UInt8] {
      let name = try #require(
        BatchName(
          instance: "edge-9", boot: BootID(high: 7, low: 7), worker: 0, sequence: sequence))
      let now = Int64(Date().timeIntervalSince1970 * 1_000_000)
      var row = UsageRow(
        tenant: try #require(TenantID("acme")), route: try #require(RouteName("api")))
      var totals = ListenerTotals(listener: "main")
      for quantity in [Usage.Quantity.requests, .endedCompleted] {
        row[quantity] = 1
        totals.quantities[Int(quantity.rawValue)] = 1
      }
      row.histogram = SparseHistogram(bins: [.init(bucket: 50, count: 1)])
      totals.observations = 1
      return try BatchCodec.encode(
        Batch(
          name: name,
          interval: BatchInterval(
            startMicroseconds: now - 1_000_000, endMicroseconds: now,
            lengthNanoseconds: 1_000_000_000), flags: flags, listeners: [totals], rows: [row]))
    }
  }
}
