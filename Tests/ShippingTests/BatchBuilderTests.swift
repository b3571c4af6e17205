import Metering
import Platform
import Synchronization
import TestSupport
import Testing
import Usage

@testable import Shipping

/// Real segments of a real meter on their way into the spool.
struct BatchBuilderTests {
  private typealias Fixture = ShippingFixture

  /// The sealed segment of a meter that counted three requests of each of some tenants.
  private func segment(
    _ fixture: ShippingFixture, tenants: Int, bytes: UInt64 = 1000, faults: SyscallFaults? = nil
  ) throws -> SealedSegment {
    let service = try MeteringService(
      configuration: MeteringConfiguration(
        instance: "edge", workers: 1, activeDirectory: fixture.directory.file("active"),
        sealedDirectory: fixture.directory.file("sealed"), routes: [RouteName("api")!],
        listeners: ["public"]),
      syscalls: Syscalls(faults: faults), clock: fixture.time.clock, wake: [{}],
      report: { _ in })
    let meter = service.meter(worker: 0)
    for tenant in 0..<tenants {
      let id = Array("tenant-\(tenant)".utf8)
      for _ in 0..<3 { count(meter, id, bytes) }
    }
    fixture.time.advance(seconds: 10)
    let now = fixture.time.clock
    meter.close(
      nowNanoseconds: now.monotonicNanoseconds(), wallMicroseconds: now.wallMicroseconds())
    let sealed = Mutex<[SealedSegment]>([])
    try service.start { segment in sealed.withLock { $0.append(segment) } }
    service.stop()
    return try #require(sealed.withLock { $0.last })
  }

  private func count(_ meter: Meter, _ id: [UInt8], _ bytes: UInt64) {
    // Safe: any bit pattern of UInt8 is a byte.
    let row = meter.row(tenant: unsafe id.span.bytes, route: 0)
    var deltas = Deltas()
    deltas.add(.requests, 1)
    deltas.add(.endedCompleted, 1)
    deltas.add(.responseBytes, bytes)
    meter.record(row, listener: 0, deltas, observing: 1500)
  }

  @Test func `what a meter counted is what the allocator stores`() throws {
    let fixture = try Fixture()
    let spool = try fixture.spool()
    let wakes = Atomic<Int>(0)
    let builder = BatchBuilder(spool: spool, logger: Fixture.silent) {
      wakes.add(1, ordering: .relaxed)
    }
    let segment = try segment(fixture, tenants: 40)

    builder.take(segment)
    try fixture.delivery(spool).deliverAll()

    let stored = try #require(fixture.allocator.stored[segment.name.description])
    let batch = try BatchCodec.decode(stored)
    #expect(batch.head == segment.head)
    #expect(batch.rows.count == 40)
    #expect(batch.rows.allSatisfy { $0[.requests] == 3 && $0[.responseBytes] == 3000 })
    #expect(batch.rows.allSatisfy { $0.histogram.total == 3 })
    #expect(batch.listeners[0].quantities[Int(Quantity.requests.rawValue)] == 120)
    #expect(wakes.load(ordering: .relaxed) == 1)
    #expect(throws: MeteringError.self, "the segment is gone") { try segment.rows() }
  }

  @Test func `a full disk keeps the segment until the spool takes it`() throws {
    let fixture = try Fixture()
    let faults = SyscallFaults()
    let spool = try fixture.spool(faults)
    let builder = BatchBuilder(spool: spool, logger: Fixture.silent) {}
    let segment = try segment(fixture, tenants: 2)
    faults.failAll(.write, with: 28)

    builder.take(segment)
    #expect(builder.status.waitingSegments == 1)
    #expect(try segment.rows().rowCount == 2)

    faults.recover()
    #expect(builder.retryWaiting() == 0)
    #expect(spool.status.pendingBatches == 1)
  }

  @Test func `a segment that is no batch is counted, stays on disk and holds up no other`() throws {
    let fixture = try Fixture()
    let spool = try fixture.spool()
    let builder = BatchBuilder(spool: spool, logger: Fixture.silent) {}
    let impossible = try segment(fixture, tenants: 1, bytes: 1 << 62)
    let sound = try segment(fixture, tenants: 1)

    builder.take(impossible)
    builder.take(sound)

    #expect(builder.status == BatchBuilder.Status(waitingSegments: 0, refusedSegments: 1))
    #expect(try impossible.rows().rowCount == 1)
    #expect(spool.status.pendingBatches == 1)
  }

  @Test func `a builder without a spool keeps its segments in order until there is one`() throws {
    let fixture = try Fixture()
    let builder = BatchBuilder(logger: Fixture.silent) {}
    let segments = [try segment(fixture, tenants: 1), try segment(fixture, tenants: 2)]
    for segment in segments { builder.take(segment) }
    let waiting = builder.status.waitingSegments
    let spool = try fixture.spool()

    builder.open(spool)
    builder.take(try segment(fixture, tenants: 3))
    try fixture.delivery(spool).deliverAll()

    #expect(waiting == 2)
    #expect(builder.status.waitingSegments == 0)
    #expect(fixture.allocator.stored.count == 3)
  }

  @Test func `a segment that was spooled but not removed is shipped once`() throws {
    let fixture = try Fixture()
    let faults = SyscallFaults()
    let spool = try fixture.spool()
    let builder = BatchBuilder(spool: spool, logger: Fixture.silent) {}
    let segment = try segment(fixture, tenants: 2, faults: faults)
    faults.failAll(.unlink, with: 5)
    builder.take(segment)
    try fixture.delivery(spool).deliverAll()
    faults.recover()

    builder.take(segment)
    try fixture.delivery(spool).deliverAll()

    #expect(fixture.allocator.requests.count == 1)
    #expect(spool.status.acknowledgedBatches == 1)
  }
}
