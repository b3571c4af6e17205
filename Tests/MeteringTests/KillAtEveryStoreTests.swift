import Platform
import Testing
import Usage

@testable import Metering

/// Looks at the memory of a segment before each store into it: what a kill there would leave.
private final class StoreWatch: StoreObserver {
  var onStore: () -> Void = {}
  func willStore() { onStore() }
}

/// What a reader finds after recovery, in sum.
private struct Outcome: Equatable {
  var rows: [UInt64]
  var histograms: UInt64
  var clamped: UInt64
  var connections: UInt64
}

/// A segment in memory and a writer that tells of its stores.
private final class Bench {
  let storage: SegmentStorage
  let watch = StoreWatch()
  let writer: SegmentWriter<StoreWatch>
  let rule = AdmissionRule(limit: 100, workers: 1, registered: 0, routes: 2)
  let hash = SegmentHash(key: (1, 2))
  private(set) var images = 0

  init() throws {
    let plan = SegmentPlan(
      instance: "proxy-1", workerCount: 1, intervalSeconds: 10, listeners: ["a", "b"],
      routes: [RouteName("api")!, .none], units: [], predecessorCount: 0)
    let name = BatchName(
      instance: "proxy-1", boot: BootID(high: 1, low: 2), worker: 0, sequence: 0)!
    storage = try SegmentStorage.volatile(
      SegmentStorage.Request(
        name: name, plan: plan, predecessor: nil, extents: 4, extentsMax: 4, rowsExpected: 0),
      syscalls: Syscalls())
    writer = SegmentWriter(storage, observer: watch)
    writer.begin(wallMicroseconds: 1_000_000, monotonicNanoseconds: 1_000_000)
    writer.setState(.active)
  }

  func row(_ tenant: String) -> MeterRow {
    let bytes = Array(tenant.utf8)
    // Safe: any bit pattern of UInt8 is a valid byte.
    let id = unsafe bytes.span.bytes
    let rowHash = SegmentHash.row(hash.callAsFunction(id), route: 0)
    return writer.find(id, route: 0, hash: rowHash)
      ?? writer.admit(id, route: 0, hash: rowHash, isRegistered: false, rule: rule)!
  }

  /// Recovers a copy of the memory as it is now; conservation must hold in it.
  func recovered() throws -> Outcome {
    let byteCount = storage.plan.byteCount(extents: 4)
    let copy = try SegmentMemory(anonymous: byteCount, syscalls: Syscalls())
    for offset in stride(from: 0, to: byteCount, by: 8) {
      copy.store(storage.memory.load(offset), at: offset)
    }
    let image = try SegmentImage(copy, byteCount: byteCount, path: "image")
    _ = image.settleOrphans()
    images += 1
    #expect(SegmentConservation.differences(image).allSatisfy { $0 == 0 })
    var outcome = Outcome(
      rows: Array(repeating: 0, count: Quantity.count), histograms: 0, clamped: 0,
      connections: image.listenerTotals.reduce(0) { $0 + $1.connectionQuantities.reduce(0, +) })
    for row in SegmentRows(image).usageRows {
      outcome.rows = zip(outcome.rows, row.quantities).map { $0 + $1 }
      outcome.histograms += row.histogram.total
      outcome.clamped += row.histogram.clampedLow + row.histogram.clampedHigh
      #expect(row.openEnd == 0)
      #expect(
        row.openStart + row[.requests] == Quantity.ended.reduce(0) { $0 + row[$1] })
    }
    return outcome
  }

  /// Runs an event and recovers before each of its stores: every outcome must be that of before or that of
  /// after, and the change happens once.
  func checkEvery(_ event: () -> Void, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let before = try recovered()
    var seen: [Outcome] = []
    watch.onStore = { [unowned self] in seen.append(try! recovered()) }
    event()
    watch.onStore = {}
    let after = try recovered()
    seen.append(after)
    let turn = seen.firstIndex(of: after) ?? seen.count
    #expect(seen[..<turn].allSatisfy { $0 == before }, sourceLocation: sourceLocation)
    #expect(seen[turn...].allSatisfy { $0 == after }, sourceLocation: sourceLocation)
  }
}

@Suite struct KillAtEveryStoreTests {
  /// The life of two exchanges, with clamped and plain observations, a partial write and idle time.
  private func scenario(_ bench: Bench, _ event: (() -> Void) throws -> Void) throws {
    let arrived = Deltas([.requests: 1, .requestBytes: 300, .attempts: 1])
    var ended = Deltas([
      .responses2xx: 1, .endedCompleted: 1, .responseBytes: 4096, .responseBodyBytes: 4000,
      .durationMicroseconds: 1500, .upstreamCPUMicroseconds: 90, .cpuHintedRequests: 1, .units3: 7,
    ])
    try event {
      bench.writer.record(
        bench.row("acme"), listener: 0, arrived, observing: nil, takingBack: false)
    }
    try event {
      bench.writer.record(
        bench.row("bolt"), listener: 1, arrived, observing: nil, takingBack: false)
    }
    try event {
      bench.writer.record(
        bench.row("acme"), listener: 0, ended, observing: 1500, takingBack: false)
    }
    try event {
      bench.writer.record(
        bench.row("acme"), listener: 0, ended, observing: 1500, takingBack: true)
    }
    ended.add(.responseBytes, 12)
    try event {
      bench.writer.record(
        bench.row("acme"), listener: 0, ended, observing: 0, takingBack: false)
    }
    try event {
      bench.writer.record(
        bench.row("bolt"), listener: 1, Deltas([.endedClientAbort: 1]),
        observing: 4_000_000_000, takingBack: false)
    }
    // Once more: what a kill must bring back is not zero this time.
    for _ in 0..<2 {
      try event {
        bench.writer.record(
          bench.row("acme"), listener: 1, arrived, observing: nil, takingBack: false)
      }
      try event {
        bench.writer.record(
          bench.row("acme"), listener: 1, ended, observing: 0, takingBack: false)
      }
    }
    try event {
      bench.writer.record(
        bench.row("acme"), listener: 1, ended, observing: 0, takingBack: true)
    }
    try event {
      bench.writer.record(
        bench.row("acme"), listener: 1, ended, observing: 4_000_000_000, takingBack: false)
    }
    try event { bench.writer.recordConnection(listener: 1, .idleMilliseconds, 5) }
  }

  @Test func `a kill before any store leaves the event wholly there or wholly not`() throws {
    let bench = try Bench()

    try scenario(bench) { try bench.checkEvery($0) }

    #expect(bench.images > 150)
  }

  @Test func `recovery that is itself killed and run again changes nothing more`() throws {
    let bench = try Bench()
    try scenario(bench) { $0() }
    let undo = SegmentLayout.undoOffset
    let row = bench.row("acme")
    bench.storage.memory.store(200, at: undo + SegmentLayout.Undo.rowValues * 8)
    bench.storage.memory.store(300, at: undo + SegmentLayout.Undo.listenerValues * 8)
    bench.storage.memory.store(0, at: undo + SegmentLayout.Undo.listener * 8)
    let key = UInt64(row.unit) << 32 | 1 << UInt64(Quantity.requestBytes.rawValue)
    let cells = bench.storage.plan.listenersOffset
    func restore() -> [UInt64] {
      bench.storage.memory.store(key, at: undo)
      SegmentUndo(bench.storage.memory).restore(listenerOffset: cells)
      return [
        bench.storage.memory.load(row.offset + Int(Quantity.requestBytes.rawValue) * 8),
        bench.storage.memory.load(cells + Int(Quantity.requestBytes.rawValue) * 8),
      ]
    }

    let first = restore()
    let second = restore()

    #expect(first == [200, 300])
    #expect(!SegmentUndo(bench.storage.memory).isInForce)
    #expect(second == first)
  }
}
