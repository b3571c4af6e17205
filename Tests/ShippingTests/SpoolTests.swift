import Platform
import Synchronization
import TestSupport
import Testing
import Usage

@testable import Shipping

struct SpoolTests {
  private typealias Fixture = ShippingFixture

  @Test func `a file name says everything about a batch and is read back`() throws {
    let name = BatchName(
      instance: "edge-1.eu_west", boot: Fixture.boot, worker: 65_535, sequence: 12)!
    for isOffered in [false, true] {
      let file = SpoolFile(
        name: name, lastSequence: 20, seconds: 1_790_000_000, isOffered: isOffered)
      #expect(SpoolFile(fileName: file.fileName) == file)
    }
  }

  @Test(arguments: [
    "", "x", ".weirbatch", "edge~1~0~0~0~5.weirbatch",
    "edge~00000000000000010000000000000002~0~5~4~9.weirbatch",
    "edge~00000000000000010000000000000002~0~5~05~9.weirbatch",
    "edge~00000000000000010000000000000002~0~5~5~9.offered.offered.weirbatch",
  ])
  func `a name that the spool did not write is none of its files`(fileName: String) {
    #expect(SpoolFile(fileName: fileName) == nil)
  }

  @Test func `a batch spooled twice is there once, whatever became of it`() throws {
    let fixture = try Fixture([.store, .status(409)])
    let spool = try fixture.spool()
    let batches = (0..<3).map { Fixture.batch($0) }
    for batch in batches { try Fixture.add(batch, to: spool) }
    let delivery = try fixture.delivery(spool)
    _ = delivery.step()
    _ = delivery.step()

    for batch in batches { try Fixture.add(batch, to: spool) }

    #expect(spool.status.pendingBatches == 1)
    #expect(spool.status.acknowledgedBatches == 1)
    #expect(spool.status.setAsideBatches == 1)
  }

  @Test func `a full disk refuses a batch, leaves no half file, and takes it later`() throws {
    let fixture = try Fixture()
    let faults = SyscallFaults()
    let spool = try fixture.spool(faults)
    faults.failAll(.write, with: 28)

    #expect(throws: ShippingError.self) { try Fixture.add(Fixture.batch(0), to: spool) }
    #expect(spool.status.pendingBatches == 0)
    #expect(try Syscalls().entries(of: fixture.configuration.spoolDirectory).count == 4)

    faults.recover()
    try Fixture.add(Fixture.batch(0), to: spool)
    try fixture.delivery(spool).deliverAll()
    #expect(fixture.allocator.stored.count == 1)
  }

  @Test(arguments: [Syscall.open, .write, .fsync, .rename])
  func `what is not durable is not called spooled`(call: Syscall) throws {
    let fixture = try Fixture()
    let faults = SyscallFaults()
    let spool = try fixture.spool(faults)
    faults.failAll(call, with: 5)

    #expect(throws: ShippingError.self) { try Fixture.add(Fixture.batch(0), to: spool) }

    #expect(spool.status.pendingBatches == 0)
  }

  @Test(arguments: [Syscall.fsync, .rename])
  func `nothing is sent before it is durably marked as offered`(call: Syscall) throws {
    let fixture = try Fixture()
    let faults = SyscallFaults()
    let spool = try fixture.spool(faults)
    try Fixture.add(Fixture.batch(0), to: spool)
    faults.failAll(call, with: 5)

    _ = try fixture.delivery(spool).step()

    #expect(fixture.allocator.requests.isEmpty)
  }

  @Test func `a batch whose exchanges do not continue in the next is left as it is`() throws {
    var fixture = try Fixture()
    fixture.configuration.spoolBytesMax = 1
    let spool = try fixture.spool()
    var first = Fixture.batch(0)
    first.rows[0].openEnd = 1
    first.rows[0][.requests] += 1
    try Fixture.add(first, to: spool)
    for sequence in 1..<4 as Range<UInt64> { try Fixture.add(Fixture.batch(sequence), to: spool) }

    try fixture.delivery(spool).deliverAll()

    #expect(try BatchCodec.decode(fixture.allocator.stored[first.name.description]!) == first)
    #expect(fixture.allocator.stored.count == 2)
  }

  @Test func `at the limit the batches never offered are merged and nothing is lost`() throws {
    var fixture = try Fixture()
    let size = try BatchCodec.encode(Fixture.batch(0)).count
    fixture.configuration.spoolBytesMax = size * 3 + 60
    let spool = try fixture.spool()
    for sequence in 0..<12 as Range<UInt64> { try Fixture.add(Fixture.batch(sequence), to: spool) }

    #expect(spool.status.pendingBytes <= fixture.configuration.spoolBytesMax)
    #expect(spool.status.mergedBatches == UInt64(12 - spool.status.pendingBatches))
    try fixture.delivery(spool).deliverAll()

    try expectAllOnce(fixture, sequences: 0..<12)
  }

  @Test func `what was offered is never merged, also not after a restart`() throws {
    var fixture = try Fixture([.storeAndHangUp])
    do {
      let first = try fixture.spool()
      for sequence in 0..<3 as Range<UInt64> { try Fixture.add(Fixture.batch(sequence), to: first) }
      _ = try fixture.delivery(first).step()
    }

    fixture.configuration.spoolBytesMax = 1
    let spool = try fixture.spool()
    for sequence in 3..<6 as Range<UInt64> { try Fixture.add(Fixture.batch(sequence), to: spool) }
    #expect(spool.status.isOverLimit)
    try fixture.delivery(spool).deliverAll()

    #expect(fixture.allocator.stored[Fixture.batch(0).name.description] != nil)
    #expect(fixture.allocator.stored.count == 2)
    try expectAllOnce(fixture, sequences: 0..<6)
  }

  @Test func `whichever call of a merge fails, what does not count goes with the next sweep`()
    throws
  {
    /// Merges two batches while nothing can be removed; which calls that took, and whether both were spooled.
    func merge(_ faults: SyscallFaults) throws -> (calls: Range<Int>, files: Int, batches: Int)? {
      var fixture = try Fixture()
      fixture.configuration.spoolBytesMax = 1
      let spool = try fixture.spool(faults)
      try Fixture.add(Fixture.batch(0), to: spool)
      let before = faults.calls.count
      faults.failAll(.unlink, with: 5)
      guard (try? Fixture.add(Fixture.batch(1), to: spool)) != nil else { return nil }
      let calls = before..<faults.calls.count
      faults.recover()
      spool.sweep()
      return (calls, try fixture.files().count, spool.status.pendingBatches)
    }

    let undisturbed = try #require(try merge(SyscallFaults()))
    #expect(undisturbed.files == 1 && undisturbed.batches == 1)
    var outcomes: Set<Int> = []
    for position in undisturbed.calls {
      guard let merged = try merge(SyscallFaults(failing: position, with: 5)) else { continue }
      #expect(merged.files == merged.batches, "call \(position)")
      outcomes.insert(merged.batches)
    }

    #expect(outcomes == [1, 2])
  }

  @Test func `one new batch makes sixteen merges at most`() throws {
    var fixture = try Fixture()
    do {
      let first = try fixture.spool()
      for sequence in 0..<40 as Range<UInt64> {
        try Fixture.add(Fixture.batch(sequence), to: first)
      }
    }
    fixture.configuration.spoolBytesMax = 1
    let spool = try fixture.spool()

    try Fixture.add(Fixture.batch(40), to: spool)

    #expect(spool.status.mergedBatches == 16)
    #expect(spool.status.pendingBatches == 25)
  }

  @Test func `the figures of what is on disk are the same after a restart`() throws {
    let fixture = try Fixture([.store, .status(409), .store, .status(422)])
    let before: SpoolStatus
    do {
      let spool = try fixture.spool()
      let delivery = try fixture.delivery(spool)
      for sequence in [3, 0, 4, 1, 6, 2] as [UInt64] {
        try Fixture.add(Fixture.batch(sequence), to: spool)
      }
      for _ in 0..<4 { _ = delivery.step() }
      before = spool.status
    }

    let after = try fixture.spool().status

    #expect(after == before)
    #expect(after.pendingBatches == 2 && after.pendingBytes > 0)
    #expect(after.acknowledgedBatches == 2 && after.acknowledgedBytes > 0)
    #expect(after.setAsideBatches == 2)
  }

  @Test func `an acknowledged batch is kept under the time of its acknowledgement`() throws {
    let fixture = try Fixture()
    let spool = try fixture.spool()
    try Fixture.add(Fixture.batch(0), to: spool)
    try fixture.delivery(spool).deliverAll()

    let file = SpoolFile(name: Fixture.batch(0).name, lastSequence: 0, seconds: 1_800_000_000)
    #expect(try fixture.files("/acked") == [file.fileName])
  }

  @Test func `a batch that is offered again waits from then on, and is marked as offered`() throws {
    let fixture = try Fixture()
    let spool = try fixture.spool()
    try Fixture.add(Fixture.batch(0), to: spool)
    try fixture.delivery(spool).deliverAll()
    fixture.time.advance(seconds: 100)

    #expect(try spool.offerAgain(Fixture.batch(0).name))

    let file = SpoolFile(
      name: Fixture.batch(0).name, lastSequence: 0, seconds: 1_800_000_100, isOffered: true)
    #expect(try fixture.files() == [file.fileName])
    #expect(spool.status.oldestPendingSeconds == 1_800_000_100)
    #expect(spool.status.pendingBytes > 0)
  }

  @Test func `the mark of an offer is made durable once`() throws {
    let fixture = try Fixture([.hangUp, .hangUp])
    let faults = SyscallFaults()
    do {
      let spool = try fixture.spool(faults)
      try Fixture.add(Fixture.batch(0), to: spool)
      let delivery = try fixture.delivery(spool)
      _ = delivery.step()
      let flushes = faults.calls.count { $0 == .fsync }
      _ = delivery.step()
      #expect(faults.calls.count { $0 == .fsync } == flushes)
    }

    // The start has made durable what it found.
    let spool = try fixture.spool(faults)
    let flushes = faults.calls.count { $0 == .fsync }
    _ = try spool.nextOffer()

    #expect(faults.calls.count { $0 == .fsync } == flushes)
  }

  @Test func `two processes cannot have one spool`() throws {
    let fixture = try Fixture()
    do {
      let spool = try fixture.spool()
      #expect(throws: ShippingError.inUse(path: fixture.configuration.spoolDirectory)) {
        try fixture.spool(waitsForLock: false)
      }
      #expect(spool.status.pendingBatches == 0)
    }
    #expect(throws: Never.self) { try fixture.spool() }
  }

  @Test func `a file that cannot be read holds up no other, and is tried again`() throws {
    let fixture = try Fixture()
    let faults = SyscallFaults()
    let spool = try fixture.spool(faults)
    for sequence in 0..<2 as Range<UInt64> { try Fixture.add(Fixture.batch(sequence), to: spool) }
    faults.failAll(.rename, with: 5)
    #expect(throws: ShippingError.self) { try spool.nextOffer() }
    faults.recover()

    try fixture.delivery(spool).deliverAll()
    #expect(spool.status.unreadableBatches == 1)
    #expect(fixture.allocator.requests.map(\.name) == [Fixture.batch(1).name.description])

    spool.sweep()
    try fixture.delivery(spool).deliverAll()
    #expect(fixture.allocator.stored.count == 2)
  }

  @Test func `acknowledged batches go after the retention and not before`() throws {
    let fixture = try Fixture()
    let spool = try fixture.spool()
    try Fixture.add(Fixture.batch(0), to: spool)
    try fixture.delivery(spool).deliverAll()

    fixture.time.advance(seconds: 7 * 86_400 - 1)
    spool.sweep()
    #expect(try fixture.files("/acked").count == 1)

    fixture.time.advance(seconds: 1)
    spool.sweep()
    #expect(try fixture.files("/acked").isEmpty)
    #expect(spool.status.acknowledgedBytes == 0)
  }

  @Test func `acknowledged batches above their limit go early and are counted`() throws {
    var fixture = try Fixture()
    fixture.configuration.acknowledgedBytesMax = 1
    let spool = try fixture.spool()
    try Fixture.add(Fixture.batch(0), to: spool)
    try fixture.delivery(spool).deliverAll()

    spool.sweep()

    #expect(spool.status.acknowledgedBatches == 0)
    #expect(spool.status.acknowledgedRemovedEarly == 1)
  }

  @Test func `a state file of another version is refused and both versions are named`() throws {
    let fixture = try Fixture()
    _ = try fixture.spool()
    try fixture.write(
      "weir-spool-state 2\nepoch aa\nposition 1\n",
      to: fixture.configuration.spoolDirectory + "/state")

    let error = #expect(throws: ShippingError.self) { try fixture.spool() }

    #expect(error?.description.contains("version 2") == true)
    #expect(error?.description.contains("version 1") == true)
  }

  @Test(arguments: ["", "weir-spool-state", "weir-spool-state 1\n", "\u{0}\u{0}"])
  func `a damaged state file makes the kept batches be offered again`(text: String) throws {
    let fixture = try Fixture()
    do {
      let first = try fixture.spool()
      try Fixture.add(Fixture.batch(0), to: first)
      try fixture.delivery(first).deliverAll()
    }
    try fixture.write(text, to: fixture.configuration.spoolDirectory + "/state")

    let spool = try fixture.spool()
    try Fixture.add(Fixture.batch(1), to: spool)
    try fixture.delivery(spool).deliverAll()

    #expect(fixture.allocator.requests.count == 3)
    #expect(fixture.allocator.stored.count == 2)
  }

  /// Every sequence is in exactly one stored batch, and its requests with it.
  private func expectAllOnce(_ fixture: Fixture, sequences: Range<UInt64>) throws {
    try StoredUsage.expect(fixture.allocator, holds: sequences)
  }
}

/// What a fake allocator has stored, added up.
enum StoredUsage {
  static func expect(
    _ allocator: FakeAllocator, holds sequences: Range<UInt64>, _ comment: Comment? = nil
  ) throws {
    let batches = try allocator.stored.values.map { try BatchCodec.decode($0) }
    let names = batches.flatMap { $0.name.sequence...$0.lastSequence }.sorted()
    let requests = batches.flatMap(\.rows).reduce(0) { $0 + $1[.requests] }
    #expect(names == Array(sequences), comment)
    #expect(requests == sequences.reduce(0) { $0 + $1 + 1 }, comment)
    #expect(allocator.record.withLock { $0.conflicts } == [], comment)
  }
}
