import PlainHTTP
import Platform
import Synchronization
import TestSupport
import Testing
import Usage

@testable import Shipping

struct ShipperTests {
  private typealias Fixture = ShippingFixture

  private func shipper(_ fixture: ShippingFixture, _ spool: Spool) throws -> Shipper {
    try Shipper(
      fixture.configuration, spool: spool, syscalls: Syscalls(), clock: .system,
      logger: Fixture.silent)
  }

  @Test func `a woken shipper delivers, and stops when told`() throws {
    let fixture = try Fixture([.hangUp, .status(503)])
    let spool = try fixture.spool()
    let shipper = try shipper(fixture, spool)
    let thread = try SpawnedThread { try? shipper.run() }

    for sequence in 0..<3 as Range<UInt64> {
      try Fixture.add(Fixture.batch(sequence), to: spool)
      shipper.wake()
    }
    try awaitCondition("three deliveries") { shipper.metrics.delivered == 3 }
    shipper.stop()
    thread.join()

    #expect(shipper.metrics.retries == 2)
    #expect(shipper.metrics.spool.pendingBatches == 0)
    #expect(shipper.metrics.lastSuccessMicroseconds != nil)
  }

  @Test func `what could not be read is tried again with the next sweep, not with the next batch`()
    throws
  {
    let fixture = try Fixture()
    let faults = SyscallFaults()
    let spool = try fixture.spool(faults)
    try Fixture.add(Fixture.batch(0), to: spool)
    faults.failAll(.rename, with: 5)
    let shipper = try shipper(fixture, spool)
    let thread = try SpawnedThread { try? shipper.run() }
    try awaitCondition("a fault") { spool.status.unreadableBatches == 1 }
    faults.recover()

    try Fixture.add(Fixture.batch(1), to: spool)
    shipper.wake()
    try awaitCondition("a delivery") { !fixture.allocator.requests.isEmpty }
    shipper.stop()
    thread.join()

    #expect(fixture.allocator.requests.map(\.name) == [Fixture.batch(1).name.description])
    #expect(shipper.metrics.spool.unreadableBatches == 1)
  }

  @Test func `a shipper that is told to stop delivers first what it can`() throws {
    let fixture = try Fixture()
    let spool = try fixture.spool()
    let shipper = try shipper(fixture, spool)
    for sequence in 0..<5 as Range<UInt64> { try Fixture.add(Fixture.batch(sequence), to: spool) }
    shipper.stop()

    try shipper.run()

    #expect(fixture.allocator.stored.count == 5)
  }

  @Test func `what a drain cannot deliver is delivered at the next start`() throws {
    var fixture = try Fixture(Array(repeating: .status(503), count: 1000))
    fixture.configuration.drainTimeoutMilliseconds = 20
    do {
      let spool = try fixture.spool()
      try Fixture.add(Fixture.batch(0), to: spool)
      let stopped = try shipper(fixture, spool)
      stopped.stop()
      try stopped.run()
      #expect(spool.status.pendingBatches == 1)
    }

    fixture.allocator.record.withLock { $0.script = [] }
    let spool = try fixture.spool()
    fixture.configuration.drainTimeoutMilliseconds = 5000
    let next = try shipper(fixture, spool)
    next.stop()
    try next.run()

    #expect(fixture.allocator.stored.count == 1)
  }
}
