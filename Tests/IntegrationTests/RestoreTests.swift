import Accounting
import Foundation
import TestSupport
import Testing
import Usage

extension Integration {
  @Suite("An allocator that was restored") struct RestoreTests {
    @Test(.timeLimit(.minutes(2)), arguments: [true, false])
    func `a store from an older backup gets what it lacks`(isOffline: Bool) throws {
      let seed = TestSeed()
      let note: Comment = "\(seed)"
      let chain = try Chain()
      let backup = chain.folders.disk.file("backup.sqlite")
      try chain.startProxy()
      let first = try chain.sendTraffic(tenants: 8, scale: 0.2, seed: seed)
      try Self.awaitRequests(first.requests, in: chain)
      let made =
        try isOffline
        ? chain.weir("backup", backup, "--store", chain.folders.store, connects: false)
        : chain.weir("backup", backup)
      #expect(made.status == .exited(0), "\(made)")
      let second = try chain.sendTraffic(tenants: 8, scale: 0.2, seed: TestSeed(seed.value ^ 1))
      try Self.awaitRequests(first.requests + second.requests, in: chain)
      let before = try chain.api().usage()
      let epoch = try chain.api().status()["epoch"]
      try chain.stopAllocator()

      try Self.moveStoreAway(chain)
      let restored = try chain.weir(
        "restore", backup, "--store", chain.folders.store, connects: false)
      #expect(restored.status == .exited(0), "\(restored)")
      try chain.startAllocator()
      #expect(try chain.api().status()["epoch"] != epoch, note)
      try awaitCondition("what the backup lacks") { try chain.api().usage() == before }
      try chain.drainUntilShipped()

      #expect(try chain.api().usage() == before, note)
      let batches = try chain.spool.batches(.acknowledged)
      #expect(try chain.api().batchCount("stored") == Int64(batches.count), note)
      #expect(try chain.weir("ledger", "verify").status == .exited(0), note)
    }

    /// Waits until so many requests are stored with their ends: from then on nothing is added to
    /// them.
    private static func awaitRequests(_ count: UInt64, in chain: Chain) throws {
      try awaitCondition("\(count) stored requests") {
        let usage = try chain.api().usage()
        let ended = Usage.Quantity.ended.reduce(UInt64(0)) { $0 + usage.total($1.name) }
        return usage.total("requests") == count && ended == count
      }
    }

    private static func moveStoreAway(_ chain: Chain) throws {
      let files = FileManager.default
      let aside = chain.folders.disk.file("aside")
      try files.createDirectory(atPath: aside, withIntermediateDirectories: false)
      for ending in ["", "-wal", "-shm"]
      where files.fileExists(
        atPath: chain.folders.store + ending)
      {
        try files.moveItem(
          atPath: chain.folders.store + ending, toPath: "\(aside)/weir.sqlite\(ending)")
      }
    }
  }
}
