import Platform
import TestSupport
import Testing
import Usage

@testable import Metering

/// What the service's threads do by themselves, and when.
@Suite struct ServiceThreadTests {
  private let directory: TemporaryDirectory
  private let clock = ManualClock()
  private let received = Received()

  init() throws { directory = try TemporaryDirectory() }

  private func service(_ syscalls: Syscalls = Syscalls()) throws -> MeteringService {
    let received = received
    let service = try MeteringService(
      configuration: configuration(in: directory), syscalls: syscalls, clock: clock.clock,
      wake: [{}], report: { received.hear($0) })
    try service.start { received.take($0) }
    return service
  }

  private func finish(_ service: MeteringService) {
    service.meter(worker: 0).close(
      nowNanoseconds: clock.monotonicNanoseconds, wallMicroseconds: clock.wallMicroseconds)
    service.stop()
  }

  /// Hands over to the next segment, and waits until the one before has been delivered.
  private func handOver(_ meter: Meter) throws {
    let delivered = received.segments.count
    try awaitCondition("a segment to move on to") {
      meter.rotationIsDue(nowNanoseconds: clock.monotonicNanoseconds)
    }
    meter.beginRotation(
      nowNanoseconds: clock.monotonicNanoseconds, wallMicroseconds: clock.wallMicroseconds)
    meter.completeRotation()
    try awaitCondition("the segment before") { received.segments.count == delivered + 1 }
  }

  @Test func `dead boots are looked for when it is asked for`() throws {
    var dying: Rig? = try Rig(in: directory, clock: clock)
    let boot = dying?.service.boot
    dying?.meter().record(dying!.meter().row("acme"), listener: 0, .served)
    let service = try service()

    dying = nil
    service.adoptFormerProcesses()
    try awaitCondition("what the dead process left") { !received.segments.isEmpty }

    finish(service)
    #expect(received.segments.map(\.name.boot) == [boot, service.boot])
  }

  @Test func `dead boots are looked for once a minute, not at every hand-over`() throws {
    let faults = SyscallFaults()
    let service = try service(Syscalls(faults: faults))
    let meter = service.meter(worker: 0)
    func searches() -> Int { faults.calls.count { $0 == .readdir } }

    clock.advance(milliseconds: 10_000)
    try handOver(meter)
    let before = searches()
    clock.advance(milliseconds: 60_000)
    try handOver(meter)
    let after = searches()
    clock.advance(milliseconds: 10_000)
    try handOver(meter)

    #expect(after > before)
    #expect(searches() == after)
    finish(service)
  }

  @Test func `the thread that prepares comes back at the interval's end, and soon when it is late`()
    throws
  {
    let rig = try Rig(clock: clock)

    #expect(rig.runService() == 10_001)
    clock.advance(milliseconds: 4_000)
    #expect(rig.runService() == 6_001)
    clock.advance(milliseconds: 6_000)
    #expect(rig.runService() == 250)
    rig.rotate()
    #expect(rig.runService() == 10_001)
    rig.finish()
  }
}
