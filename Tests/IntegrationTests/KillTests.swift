import Accounting
import PlainHTTP
import TestSupport
import Testing
import Usage

extension Integration {
  @Suite("A proxy that is killed under load") struct KillTests {
    private static let kills = 20
    private static let tenants = (0..<12).map { "tenant-\($0)" }
    private static let clients: [(LoadClient.Shape, Int)] = [
      (.stream, 36), (.download, 28), (.upload, 32), (.tunnel, 28), (.chatty, 8),
    ]
    /// Open exchanges, at least, at each kill.
    private static let openAtKill = 110

    @Test(.timeLimit(.minutes(4)))
    func `kill -9 at twenty moments loses nothing and counts nothing twice`() throws {
      let seed = TestSeed()
      let note: Comment = "\(seed)"
      var random = seed.generator
      let chain = try Chain()
      let books = LoadBooks()
      let threads = try Self.startClients(books)
      defer {
        books.stop()
        for thread in threads { thread.join() }
      }
      for _ in 0..<Self.kills {
        try chain.startProxy()
        books.proxyPort = chain.proxyPort
        try chain.proxy?.waitUntil("\(Self.openAtKill) open exchanges") {
          books.openExchanges >= Self.openAtKill
        }
        Clocks.pause(milliseconds: Int.random(in: 0...900, using: &random))
        try chain.killProxy()
        books.proxyPort = 0
        try awaitCondition("all clients to see the kill") { books.openExchanges == 0 }
      }
      books.stop()
      try chain.startProxy()
      try chain.drainUntilShipped()

      let (batches, usage) = try Self.checkLaws(chain, books, note)
      #expect(Set(batches.map(\.name.boot)).count == Self.kills + 1, note)
      #expect(Set(usage.tenants) == Set(Self.tenants), note)
      Self.checkOrphans(usage, books, batches, note)
    }

    @Test(.timeLimit(.minutes(3)))
    func `kill -9 in the middle of starts, recoveries and drains changes nothing`() throws {
      let seed = TestSeed()
      let note: Comment = "\(seed)"
      var random = seed.generator
      let chain = try Chain()
      let books = LoadBooks()
      let threads = try Self.startClients(books)
      defer {
        books.stop()
        for thread in threads { thread.join() }
      }
      for round in 0..<8 {
        try chain.startProxy()
        books.proxyPort = chain.proxyPort
        try chain.proxy?.waitUntil("open exchanges") { books.openExchanges >= 60 }
        // Every other one is killed while it drains.
        if round % 2 == 1 { chain.proxy?.terminate() }
        Clocks.pause(milliseconds: Int.random(in: 0...400, using: &random))
        try chain.killProxy()
        books.proxyPort = 0
        try awaitCondition("all clients to see the kill") { books.openExchanges == 0 }
        for _ in 0..<3 {
          try chain.startProxyForAMoment(milliseconds: Int.random(in: 0...120, using: &random))
        }
      }
      books.stop()
      try chain.startProxy()
      try chain.drainUntilShipped()

      _ = try Self.checkLaws(chain, books, note)
    }

    /// Holds batches, clients and the allocator against each other.
    private static func checkLaws(
      _ chain: Chain, _ books: LoadBooks, _ note: Comment
    ) throws -> (batches: [Batch], usage: UsageByTenant) {
      let batches = try chain.spool.batches(.acknowledged)
      let usage = UsageByTenant(batches)
      #expect(batches.flatMap(Conservation.faults(of:)) == [], note)
      #expect(Conservation.faults(ofNames: batches) == [], note)
      #expect(Conservation.faults(ofOpen: batches) == [], note)
      for (tenant, account) in books.all.sorted(by: { $0.key < $1.key }) {
        check(usage, account, tenant, note)
      }
      try checkStore(chain, usage, batches, note)
      return (batches, usage)
    }

    private static func startClients(_ books: LoadBooks) throws -> [SpawnedThread] {
      var threads: [SpawnedThread] = []
      for (shape, count) in clients {
        for index in 0..<count {
          threads.append(try LoadClient.start(books, tenants[index % tenants.count], shape))
        }
      }
      return threads
    }

    /// What a client has seen is counted; what it never began is not.
    private static func check(
      _ usage: UsageByTenant, _ account: LoadBooks.Account, _ tenant: String, _ note: Comment
    ) {
      let requests = usage[tenant, "requests"]
      let ended = Usage.Quantity.ended.reduce(UInt64(0)) { $0 + usage[tenant, $1.name] }
      #expect(max(account.seen, account.completed) <= requests, note)
      #expect(requests <= account.begun, note)
      #expect(ended == requests, note)
      #expect(account.completed <= usage[tenant, "ended_completed"], note)
      #expect(account.seen <= usage[tenant, "responses_2xx"], note)
      #expect(usage[tenant, "responses_2xx"] <= requests, note)
      #expect(account.bytesReceived <= usage[tenant, "response_bytes"], note)
      #expect(usage[tenant, "request_bytes"] <= account.bytesSent, note)
    }

    /// Exchanges that only the kill ended are ended as crashed, and no exchange that was not cut
    /// off is.
    private static func checkOrphans(
      _ usage: UsageByTenant, _ books: LoadBooks, _ batches: [Batch], _ note: Comment
    ) {
      let accounts = books.all.values
      let begun = accounts.reduce(UInt64(0)) { $0 + $1.begun }
      let completed = accounts.reduce(UInt64(0)) { $0 + $1.completed }
      let cutOff = accounts.reduce(UInt64(0)) { $0 + $1.cutOff }
      let crashed = usage.total("ended_crashed")
      #expect(cutOff >= UInt64(kills * 70), note)
      #expect(cutOff <= crashed && crashed <= begun - completed, note)
      let outside = batches.filter { !$0.flags.contains(.recovered) }.flatMap(\.rows)
      #expect(outside.allSatisfy { $0[.endedCrashed] == 0 }, note)
    }

    /// The allocator has what the spool had, to the last count.
    private static func checkStore(
      _ chain: Chain, _ usage: UsageByTenant, _ batches: [Batch], _ note: Comment
    ) throws {
      let api = try chain.api()
      #expect(try api.usage() == usage, note)
      #expect(try api.batchCount("stored") == Int64(batches.count), note)
      #expect(try api.batchCount("unconserved") == 0, note)
      #expect(try api.batchCount("conflicts") == 0, note)
      let proxies = try api.status()["proxies"]?.asArray ?? []
      #expect(proxies.map { $0["batches_missing"] } == [.number("0")], note)
    }
  }
}
