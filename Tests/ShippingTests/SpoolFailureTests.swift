import Platform
import Testing
import Usage

@testable import Shipping

/// The n-th system call fails, for every n; then a fresh process finds the same folder.
struct SpoolFailureTests {
  private typealias Fixture = ShippingFixture

  @Test(arguments: [5, 28] as [Int32])
  func `whichever call fails, every batch arrives once`(code: Int32) throws {
    try failEachCall(code: code) { _ in }
  }

  @Test func `whichever call fails while batches are merged, every batch arrives once`() throws {
    try failEachCall(code: 5) { fixture in
      fixture.configuration.spoolBytesMax =
        try BatchCodec.encode(Fixture.batch(0)).count * 2 + 60
    }
  }

  /// Runs a process that stops at its first error, then one that meets no error, until the first
  /// meets none either.
  private func failEachCall(
    code: Int32, _ configure: (inout ShippingFixture) throws -> Void
  ) throws {
    let sequences = 0..<8 as Range<UInt64>
    var isFailing = true
    var position = 0
    while isFailing {
      var fixture = try Fixture([.store, .storeAndHangUp])
      try configure(&fixture)
      let faults = SyscallFaults(failing: position, with: code)
      do {
        try run(fixture, sequences.prefix(6), faults)
      } catch is ShippingError {}
      isFailing = faults.calls.count > position

      let spool = try fixture.spool()
      // Segments of batches that are not known to be spooled are still there, and some others.
      for sequence in sequences { try Fixture.add(Fixture.batch(sequence), to: spool) }
      try fixture.delivery(spool).deliverAll()

      try StoredUsage.expect(
        fixture.allocator, holds: sequences, "call \(position), \(faults.calls.last as Any)")
      #expect(spool.status.setAsideBatches == 0)
      position += 1
    }
    #expect(position > 40)
  }

  private func run(
    _ fixture: ShippingFixture, _ sequences: Range<UInt64>, _ faults: SyscallFaults
  ) throws {
    let spool = try fixture.spool(faults)
    for sequence in sequences.prefix(2) { try Fixture.add(Fixture.batch(sequence), to: spool) }
    let delivery = try fixture.delivery(spool, MetricsCell(), faults)
    for _ in 0..<2 { _ = delivery.step() }
    for sequence in sequences.dropFirst(2) {
      try Fixture.add(Fixture.batch(sequence), to: spool)
    }
    for _ in 0..<2 { _ = delivery.step() }
    spool.sweep()
  }
}
