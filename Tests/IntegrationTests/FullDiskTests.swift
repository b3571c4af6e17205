import Accounting
import PlainHTTP
import TestSupport
import Testing
import Usage

extension Integration {
  /// A full disk without privileges: `prlimit` takes a running process's right to grow any file,
  /// and gives it back. Writes and allocations then fail as on a full file system, in files and in
  /// memory file systems alike.
  @Suite("A disk that is full") struct FullDiskTests {
    private static let full = "--fsize=0:unlimited"
    private static let roomy = "--fsize=unlimited:unlimited"

    @Test(.timeLimit(.minutes(2)))
    func `a proxy without a byte of disk serves on and ships everything later`() throws {
      let seed = TestSeed()
      let note: Comment = "\(seed)"
      let chain = try Chain(Settings(ignoresFileSizeSignal: true))
      try chain.startProxy()
      let proxy = try #require(chain.proxy)
      let first = try chain.sendTraffic(tenants: 6, scale: 0.1, seed: seed)
      try Self.limit(proxy, Self.full, in: chain)
      let second = try chain.sendTraffic(tenants: 12, scale: 0.3, seed: TestSeed(seed.value ^ 1))
      try awaitCondition("volatile segments", withinMilliseconds: 20_000) {
        try chain.proxyMetric("weir_segments_volatile_total") >= 4
      }
      try Self.limit(proxy, Self.roomy, in: chain)
      try chain.drainUntilShipped()

      let usage = try chain.api().usage()
      let batches = try chain.spool.batches(.acknowledged)
      for tenant in Set(first.names + second.names).sorted() {
        for field in TrafficBooks.exact {
          let clients = first.value(field, of: tenant) + second.value(field, of: tenant)
          #expect(usage[tenant, field] == clients, "\(seed) \(tenant) \(field)")
        }
      }
      #expect(batches.contains { $0.flags.contains(.volatile) }, note)
      #expect(batches.flatMap(Conservation.faults(of:)) == [], note)
      #expect(Conservation.faults(ofNames: batches) == [], note)
      #expect(try chain.api().batchCount("stored") == Int64(batches.count), note)
    }

    @Test(.timeLimit(.minutes(2)))
    func `an allocator without a byte of disk refuses, and nothing is lost`() throws {
      let seed = TestSeed()
      let note: Comment = "\(seed)"
      let chain = try Chain(Settings(ignoresFileSizeSignal: true))
      try chain.startProxy()
      let allocator = try #require(chain.allocator)
      try Self.limit(allocator, Self.full, in: chain)
      let books = try chain.sendTraffic(tenants: 10, scale: 0.3, seed: seed)
      try awaitCondition("refusals") { chain.relay.deliveries.contains { $0.status == 503 } }
      #expect(chain.relay.deliveries.allSatisfy { $0.status == 503 || $0.status == 200 }, note)
      try Self.limit(allocator, Self.roomy, in: chain)
      try chain.drainUntilShipped()

      #expect(books.differences(from: try chain.api().usage()) == [], note)
      #expect(try chain.spool.files(.rejected) == [], note)
      #expect(try chain.weir("ledger", "verify").status == .exited(0), note)
    }

    private static func limit(
      _ process: ChildProcess, _ limit: String, in chain: Chain
    ) throws {
      let tool = try ChildProcess(
        "/usr/bin/prlimit", ["--pid", "\(process.pid)", limit],
        outputIn: chain.folders.disk.path)
      let status = try tool.waitForExit()
      guard status == .exited(0) else {
        throw TestSupportError.process("prlimit ended with \(status): \(tool.errorOutput)")
      }
    }
  }
}
