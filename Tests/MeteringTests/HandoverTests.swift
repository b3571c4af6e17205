import Glibc
import Platform
import TestSupport
import Testing
import Usage

@testable import Metering

@Suite struct HandoverTests {
  @Test func `an exchange open for several intervals is counted in each`() throws {
    let rig = try Rig()
    rig.runService()
    let meter = rig.meter()
    var open = [OpenExchange(row: meter.row("acme"), listener: 1, tenant: "acme")]
    meter.record(open[0].row, listener: 1, Deltas([.requests: 1]))
    for _ in 0..<3 {
      meter.record(open[0].row, listener: 1, Deltas([.responseBytes: 100]))
      rig.clock.advance(milliseconds: 10_000)
      rig.rotate(carrying: &open)
      rig.runService()
    }
    meter.record(open[0].row, listener: 1, Deltas([.endedCompleted: 1]), observing: 30_000_000)
    rig.finish()

    let rows = try rig.received.segments.map { try #require(try $0.rowsByKey()["acme/api"]) }

    #expect(rows.map(\.openStart) == [0, 1, 1, 1])
    #expect(rows.map(\.openEnd) == [1, 1, 1, 0])
    #expect(rows.map { $0[.requests] } == [1, 0, 0, 0])
    #expect(rows.map { $0[.responseBytes] } == [100, 100, 100, 0])
    #expect(rows.map { $0.histogram.total } == [0, 0, 0, 1])
    #expect(rig.received.segments.map { $0.listeners[1].openEnd } == [1, 1, 1, 0])
    #expect(rig.received.segments.last?.flags == .final)
  }

  @Test func `reserved tenants are carried over to the same row`() throws {
    let rig = try Rig()
    rig.runService()
    let meter = rig.meter()
    let row = meter.row(reserved: .invalid, route: 1)
    var open = [OpenExchange(row: row, listener: 0, tenant: "~invalid")]
    meter.record(row, listener: 0, Deltas([.requests: 1]))
    rig.clock.advance(milliseconds: 10_000)
    rig.rotate(carrying: &open)
    meter.record(open[0].row, listener: 0, Deltas([.endedRejected: 1]))
    rig.finish()

    let rows = try rig.received.segments.map { try $0.rowsByKey()["~invalid/web"] }

    #expect(rows.map { $0?.openEnd } == [1, 0])
    #expect(rows[1]?[.endedRejected] == 1)
  }

  @Test func `intervals are cut at multiples in UTC however late the worker is`() throws {
    let clock = ManualClock(wallMicroseconds: 1_800_000_003_000_000)
    let rig = try Rig(clock: clock)
    rig.runService()
    clock.advance(milliseconds: 7003)
    rig.rotate()
    rig.runService()
    clock.advance(milliseconds: 9998)
    rig.rotate()
    rig.runService()
    clock.advance(milliseconds: 25_000)
    rig.rotate()
    rig.finish()

    let intervals = rig.received.segments.map(\.interval)

    #expect(
      intervals.map(\.startMicroseconds) == [
        1_800_000_003_000_000, 1_800_000_010_000_000, 1_800_000_020_000_000,
        1_800_000_045_001_000,
      ])
    #expect(
      intervals.map(\.endMicroseconds)[..<3] == [
        1_800_000_010_000_000, 1_800_000_020_000_000, 1_800_000_045_001_000,
      ])
    #expect(
      intervals.map(\.lengthNanoseconds) == [7_003_000_000, 9_998_000_000, 25_000_000_000, 0])
  }

  @Test(arguments: [-3600, -2, 2, 3600] as [Int64])
  func `a stepped wall clock is noted and lengths stay right`(_ seconds: Int64) throws {
    let rig = try Rig()
    rig.runService()
    rig.clock.advance(milliseconds: 4000)
    rig.clock.step(seconds: seconds)
    rig.clock.advance(milliseconds: 6000)
    rig.rotate()
    rig.runService()
    rig.clock.advance(milliseconds: 20_000)
    rig.rotate()
    rig.finish()

    let segments = rig.received.segments

    #expect(segments[0].flags == .clockStepped)
    #expect(segments[0].interval.lengthNanoseconds == 10_000_000_000)
    #expect(segments.count == 3 && segments[1].flags == [])
    #expect(rig.received.events.contains(.clockStepped(segments[0].name)))
  }

  @Test func `an idle process ships one heartbeat an interval, without holes`() throws {
    let rig = try Rig(workers: 3)
    rig.runService()
    for round in 0..<4 {
      if round == 2 {
        rig.meter(2).record(rig.meter(2).row("acme"), listener: 0, .served)
      }
      rig.clock.advance(milliseconds: 10_000)
      for worker in 0..<3 { rig.rotate(worker) }
      rig.runService()
    }

    let names = rig.received.segments.map(\.name)

    #expect(names.filter { $0.worker == 0 }.map(\.sequence) == [0, 1, 2, 3])
    #expect(names.filter { $0.worker == 1 }.isEmpty)
    #expect(names.filter { $0.worker == 2 }.map(\.sequence) == [0])
    let busy = try #require(rig.received.segments.first { $0.name.worker == 2 })
    #expect(busy.interval.lengthNanoseconds == 10_000_000_000)
    #expect(busy.interval.startMicroseconds % 10_000_000 == 0)
  }

  @Test func `without a prepared segment the interval goes on`() throws {
    let rig = try Rig()
    rig.meter().record(rig.meter().row("acme"), listener: 0, .served)
    rig.clock.advance(milliseconds: 35_000)

    let rotatedUnprepared = rig.rotate()
    rig.meter().record(rig.meter().row("acme"), listener: 0, .served)
    rig.runService()
    let rotatedPrepared = rig.rotate()
    rig.runService()

    #expect(!rotatedUnprepared && rotatedPrepared)
    #expect(rig.received.segments.count == 1)
    #expect(try rig.received.segments[0].rowsByKey()["acme/api"]?[.requests] == 2)
    #expect(rig.received.segments[0].interval.lengthNanoseconds == 35_000_000_000)
  }

  @Test func `a worker that misses two intervals is reported, and so is its return`() throws {
    let rig = try Rig()
    rig.runService()
    rig.clock.advance(milliseconds: 29_000)
    rig.runService()
    let early = rig.service.snapshot().lateWorkers
    rig.clock.advance(milliseconds: 2000)
    rig.runService()
    let late = rig.service.snapshot().lateWorkers
    rig.rotate()
    rig.runService()

    #expect(early == 0 && late == 1)
    #expect(rig.service.snapshot().lateWorkers == 0)
    #expect(
      rig.received.events.contains(.workerIsLate(worker: 0, seconds: 21))
        && rig.received.events.contains(.workerIsBack(worker: 0)))
  }

  @Test func `the live totals never fall while segments come and go`() throws {
    let rig = try Rig()
    rig.runService()
    var last: UInt64 = 0
    for _ in 0..<5 {
      rig.meter().record(rig.meter().row("acme"), listener: 0, .served)
      for action in [
        {
          rig.clock.advance(milliseconds: 10_000)
          rig.rotate()
        }, { rig.runService() }, {},
      ] {
        action()
        let now = rig.service.snapshot().listeners[0].quantities[0]
        #expect(now >= last)
        last = now
      }
    }

    #expect(last == 5)
    #expect(rig.service.snapshot().openExchanges == 0)
  }

  @Test func `threads deliver everything, rotations on demand included`() throws {
    let directory = try TemporaryDirectory()
    let received = Received()
    let service = try MeteringService(
      configuration: configuration(in: directory), syscalls: Syscalls(), clock: .system,
      wake: [{}], report: { received.hear($0) })
    try service.start { received.take($0) }
    let meter = service.meter(worker: 0)
    var rotations = 0
    for number in 0..<200_000 {
      meter.record(meter.row("t\(number % 5000)"), listener: 0, .served, observing: 5)
      if number % 20_000 == 0 { service.requestRotation() }
      let now = Clock.system.monotonicNanoseconds()
      if meter.rotationIsDue(nowNanoseconds: now) {
        meter.beginRotation(
          nowNanoseconds: now, wallMicroseconds: Clock.system.wallMicroseconds())
        meter.completeRotation()
        rotations += 1
      }
    }
    meter.close(
      nowNanoseconds: Clock.system.monotonicNanoseconds(),
      wallMicroseconds: Clock.system.wallMicroseconds())
    service.stop()

    let requests = try received.segments.reduce(0) { sum, segment in
      try sum + segment.rows().usageRows.reduce(0) { $0 + $1[.requests] }
    }
    #expect(requests == 200_000)
    #expect(received.segments.count == rotations + 1)
    #expect(received.segments.allSatisfy { $0.conservationDifference == 0 && $0.isDurable })
    let left = try Syscalls().entries(of: directory.path + "/active/proxy-1")
    #expect(left.isEmpty)
  }

  @Test func `a row of an earlier segment is refused`() async {
    await #expect(processExitsWith: .failure) {
      let rig = try Rig()
      rig.runService()
      let row = rig.meter().row("acme")
      rig.clock.advance(milliseconds: 10_000)
      rig.rotate()
      rig.meter().record(row, listener: 0, .served)
    }
  }

  @Test func `an exchange that ends twice is refused`() async {
    await #expect(processExitsWith: .failure) {
      let rig = try Rig()
      rig.meter().record(rig.meter().row("acme"), listener: 0, .served)
      rig.meter().record(rig.meter().row("acme"), listener: 0, Deltas([.endedCompleted: 1]))
    }
  }

  @Test func `an open exchange that is not carried over is refused`() async {
    await #expect(processExitsWith: .failure) {
      let rig = try Rig()
      rig.runService()
      rig.meter().record(rig.meter().row("acme"), listener: 0, Deltas([.requests: 1]))
      rig.clock.advance(milliseconds: 10_000)
      rig.rotate()
    }
  }

  @Test func `taking back what was not counted is refused`() async {
    await #expect(processExitsWith: .failure) {
      let rig = try Rig()
      rig.meter().takeBack(rig.meter().row("acme"), listener: 0, Deltas([.responseBytes: 1]))
    }
  }
}
