import Accounting
import PlainHTTP
import TestSupport
import Testing
import Usage

extension Integration {
  @Suite("Delivery that goes wrong") struct DeliveryTests {
    @Test(.timeLimit(.minutes(3)))
    func `an allocator that is killed, and answers that are lost, change no total`() throws {
      let seed = TestSeed()
      let note: Comment = "\(seed)"
      let chain = try Chain()
      chain.relay.mode = .loseAnswers
      try chain.startProxy()
      let traffic = try chain.startTraffic(tenants: 20, scale: 1, seed: seed)
      try awaitCondition("lost answers") { chain.relay.lostAnswers >= 3 }
      chain.relay.mode = .pass
      try awaitCondition("duplicates") { Self.duplicates(chain) >= 1 }
      try chain.killAllocator()
      try awaitCondition("batches of several intervals") {
        try chain.spool.files(.pending).count >= 6
      }
      chain.relay.mode = .loseAnswers
      let lostBefore = chain.relay.lostAnswers
      try chain.startAllocator()
      try awaitCondition("more lost answers") { chain.relay.lostAnswers >= lostBefore + 2 }
      try chain.killAllocator()
      try chain.startAllocator()
      chain.relay.mode = .pass
      let books = try traffic.books()
      try chain.drainUntilShipped()

      #expect(books.differences(from: try chain.api().usage()) == [], note)
      let batches = try chain.spool.batches(.acknowledged)
      #expect(try chain.api().batchCount("stored") == Int64(batches.count), note)
      #expect(batches.flatMap(Conservation.faults(of:)) == [], note)
      #expect(Self.duplicates(chain) >= 2, note)
      let offered = chain.relay.deliveries.count
      #expect(offered > batches.count, note)
    }

    @Test(.timeLimit(.minutes(3)))
    func `an allocator that is killed at eight moments has every batch once`() throws {
      let seed = TestSeed()
      let note: Comment = "\(seed)"
      var random = seed.generator
      let chain = try Chain()
      try chain.startProxy()
      let traffic = try chain.startTraffic(tenants: 30, scale: 2, seed: seed)
      for _ in 0..<8 {
        Clocks.pause(milliseconds: Int.random(in: 0...700, using: &random))
        try chain.killAllocator()
        try chain.startAllocator()
      }
      let books = try traffic.books()
      try chain.drainUntilShipped()

      #expect(books.differences(from: try chain.api().usage()) == [], note)
      let batches = try chain.spool.batches(.acknowledged)
      #expect(try chain.api().batchCount("stored") == Int64(batches.count), note)
      #expect(try chain.api().usage() == UsageByTenant(batches), note)
      #expect(try chain.weir("ledger", "verify").status == .exited(0), note)
    }

    private static func duplicates(_ chain: Chain) -> Int {
      chain.relay.deliveries.count { $0.answer.contains(#""status":"duplicate""#) }
    }

    @Test(.timeLimit(.minutes(3)))
    func `batches that come twice and out of order are stored once`() throws {
      let seed = TestSeed()
      let note: Comment = "\(seed)"
      var random = seed.generator
      let chain = try Chain()
      try chain.startProxy()
      let books = try chain.sendTraffic(tenants: 20, scale: 1, seed: seed)
      try chain.drainUntilShipped()
      let before = try chain.api().usage()
      let contents = try chain.spool.contents(.acknowledged)
      let other = try Chain(chain.settings, upstream: 1)

      for bytes in (contents + contents).shuffled(using: &random) {
        let known = try chain.api(.ingest).deliver(bytes)
        #expect(known.json["status"] == .string("duplicate"), "\(seed) \(known)")
        let fresh = try other.api(.ingest).deliver(bytes)
        #expect(fresh.status == 200, "\(seed) \(fresh)")
      }

      #expect(contents.count >= 4, note)
      #expect(try chain.api().usage() == before, note)
      #expect(try other.api().usage() == before, note)
      #expect(books.differences(from: before) == [], note)
      #expect(try other.api().batchCount("stored") == Int64(contents.count), note)
      let proxies = try other.api().status()["proxies"]?.asArray ?? []
      #expect(proxies.map { $0["batches_missing"] } == [.number("0")], note)
    }

    @Test(.timeLimit(.minutes(1)))
    func `the same name with other bytes is refused, kept aside and shown`() throws {
      let chain = try Chain()
      chain.relay.mode = .refuse
      try chain.startProxy()
      let client = try RawClient(port: chain.proxyPort)
      try client.send("GET /api/items HTTP/1.1\r\nHost: a\r\nX-Tenant: acme\r\n\r\n")
      #expect(try client.readResponse().status == 200)
      let genuine = try awaitValue("a batch with the request") {
        try chain.spool.batches(.pending).first { $0.rows.contains { $0[.requests] == 1 } }
      }
      let forged = try chain.api(.ingest).deliver(try Self.forgery(of: genuine))
      #expect(forged.json["status"] == .string("stored"), "\(forged)")
      chain.relay.mode = .pass
      try awaitCondition("the batch in conflict/") {
        try chain.spool.files(.conflict).count == 1
      }
      client.close()
      try chain.drainUntilShipped()

      #expect(try chain.spool.batches(.conflict) == [genuine])
      let refused = chain.relay.deliveries.filter { $0.status == 409 }
      #expect(refused.count == 1)
      #expect(refused.first?.answer.contains("batch_conflict") == true)
      #expect(try chain.api().usage()["acme", "requests"] == 2)
      #expect(try chain.api().batchCount("conflicts") == 1)
      let status = try chain.weir("status")
      #expect(status.status == .exited(1))
      #expect(status.output.contains("conflicts 1"))
    }

    /// A batch that keeps every law under the same name, with one request more.
    private static func forgery(of batch: Batch) throws -> [UInt8] {
      var forged = batch
      let row = try #require(forged.rows.firstIndex { $0[.requests] == 1 })
      for quantity in [Usage.Quantity.requests, .endedCompleted, .responses2xx] {
        forged.rows[row][quantity] += 1
        forged.listeners[0].quantities[Int(quantity.rawValue)] += 1
      }
      return try BatchCodec.encode(forged)
    }
  }
}
