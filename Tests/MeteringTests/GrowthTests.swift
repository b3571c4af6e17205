import Platform
import TestSupport
import Testing
import Usage

@testable import Metering

/// Tables of names that grow while a process counts: positions keep their meaning, nothing is lost.
@Suite struct GrowthTests {
  private static let none = 2
  private static let lateRoute = 3
  private static let lateListener = 2

  /// Lets the service and the worker take turns until the worker knows a revision.
  private func settle(_ rig: Rig, at revision: Int, carrying open: inout [OpenExchange]) {
    // Bound: the spare segment and its successor.
    for _ in 0..<3 where rig.meter().tablesRevision < revision {
      rig.runService()
      rig.rotate(carrying: &open)
    }
    rig.runService()
  }

  @Test func `exchanges open across the growth keep their rows, and new names are counted`() throws
  {
    let rig = try Rig()
    rig.runService()
    let meter = rig.meter()
    var open = [
      OpenExchange(row: meter.row("acme", route: 1), listener: 1, tenant: "acme"),
      OpenExchange(
        row: meter.row(reserved: .invalid, route: Self.none), listener: 0, tenant: "~invalid"),
    ]
    for exchange in open {
      meter.record(exchange.row, listener: exchange.listener, Deltas([.requests: 1]))
    }

    let revision = try rig.service.grow(listeners: ["late"], routes: [RouteName("beta")!])
    settle(rig, at: revision, carrying: &open)
    #expect(meter.tablesRevision == revision && revision == 1)
    meter.record(
      meter.row("acme", route: Self.lateRoute), listener: Self.lateListener, .served, observing: 9)
    meter.record(
      meter.row(reserved: .unattributed, route: Self.lateRoute), listener: Self.lateListener,
      .served, observing: 9)
    meter.record(open[0].row, listener: 1, Deltas([.endedCompleted: 1]), observing: 5)
    meter.record(open[1].row, listener: 0, Deltas([.endedRejected: 1]), observing: 5)
    let live = rig.service.snapshot()
    rig.finish()

    let segments = rig.received.segments
    #expect(segments.map(\.name.sequence) == (0..<UInt64(segments.count)).map { $0 })
    #expect(segments.allSatisfy { $0.conservationDifference == 0 })
    let last = try #require(segments.last)
    let rows = try last.rowsByKey()
    #expect(rows["acme/web"]?.openStart == 1 && rows["acme/web"]?[.endedCompleted] == 1)
    #expect(rows["~invalid/~none"]?.openStart == 1 && rows["~invalid/~none"]?[.endedRejected] == 1)
    #expect(rows["acme/beta"]?[.requests] == 1 && rows["~unattributed/beta"]?[.requests] == 1)
    #expect(last.listeners.map(\.listener) == ["public", "internal", "late"])
    #expect(last.listeners[2].quantities[Int(Quantity.requests.rawValue)] == 2)
    #expect(live.listeners.map(\.listener) == ["public", "internal", "late"])
    #expect(rig.service.snapshot().conservationDifference == 0)
    #expect(segments[0].listeners.count == 2)
  }

  @Test func `an idle worker moves on too, though it counted nothing`() throws {
    let rig = try Rig(workers: 2)
    rig.runService()

    let revision = try rig.service.grow(listeners: [], routes: [RouteName("beta")!])
    for _ in 0..<3 {
      rig.runService()
      for worker in 0..<2 { rig.rotate(worker) }
    }

    #expect(rig.meter(0).tablesRevision == revision)
    #expect(rig.meter(1).tablesRevision == revision)
    rig.finish()
    let names = rig.received.segments.map(\.name).filter { $0.worker == 1 }.map(\.sequence)
    #expect(names == (0..<UInt64(names.count)).map { $0 })
  }

  @Test func `once the names are known, hand-overs come at their usual time again`() throws {
    let rig = try Rig()
    rig.runService()
    var none: [OpenExchange] = []
    let revision = try rig.service.grow(listeners: ["late"], routes: [])
    settle(rig, at: revision, carrying: &none)

    let rotatedEarly = rig.rotate()
    rig.clock.advance(milliseconds: 10_000)
    let rotatedInTime = rig.rotate()

    #expect(!rotatedEarly && rotatedInTime)
  }

  @Test(arguments: [
    (["public"], [String]()), ([], ["api"]), (["late", "late"], []), ([], ["beta", "beta"]),
  ]) func `a name that is there already is refused, and nothing changes`(
    _ listeners: [String], _ routes: [String]
  ) throws {
    let rig = try Rig()

    #expect(throws: MeteringError.self) {
      try rig.service.grow(listeners: listeners, routes: routes.map { RouteName($0)! })
    }

    #expect(try rig.service.grow(listeners: [], routes: []) == 0)
    rig.finish()
  }

  @Test func `an interval that is cut on demand spans no multiple of its length`() throws {
    let clock = ManualClock(wallMicroseconds: 1_800_000_005_000_000)
    let rig = try Rig(clock: clock)
    rig.runService()
    // Half a second before the multiple.
    clock.advance(milliseconds: 4_500)
    rig.service.requestRotation()
    rig.rotate()
    rig.runService()
    clock.advance(milliseconds: 500)
    rig.rotate()
    rig.finish()

    let starts = rig.received.segments.map(\.interval.startMicroseconds)
    #expect(
      starts == [1_800_000_005_000_000, 1_800_000_009_500_000, 1_800_000_010_000_000])
  }

  @Test(arguments: [0, 1, 2, 3])
  func `a kill at any point of the way to new names loses and doubles nothing`(_ point: Int) throws
  {
    let directory = try TemporaryDirectory()
    let clock = ManualClock()
    try killed(at: point, in: directory, clock)

    let rig = try Rig(in: directory, clock: clock)
    rig.runService()

    let rows = try rig.received.segments.map { try $0.rowsByKey() }
    func sum(_ quantity: Quantity) -> UInt64 {
      rows.reduce(0) { $0 + $1.values.reduce(0) { $0 + $1[quantity] } }
    }
    #expect(rig.received.segments.allSatisfy { $0.conservationDifference == 0 })
    #expect(sum(.requests) == (point == 3 ? 2 : 1))
    #expect(sum(.endedCrashed) == 1)
    #expect(sum(.endedCompleted) == (point == 3 ? 1 : 0))
    #expect(rows.last?["acme/api"]?[.endedCrashed] == 1)
    let names = rig.received.segments.map(\.name.sequence)
    #expect(names == (0..<UInt64(names.count)).map { $0 })
  }

  /// Grows, and drops everything as a kill would: 0 before the first hand-over, 1 in the middle of the one to
  /// the new plan, 2 after it, 3 after something was counted under a new name.
  private func killed(at point: Int, in directory: TemporaryDirectory, _ clock: ManualClock) throws
  {
    let rig = try Rig(in: directory, clock: clock)
    rig.runService()
    let meter = rig.meter()
    var open = [OpenExchange(row: meter.row("acme"), listener: 0, tenant: "acme")]
    meter.record(open[0].row, listener: 0, Deltas([.requests: 1]))
    let revision = try rig.service.grow(listeners: ["late"], routes: [RouteName("beta")!])
    rig.runService()
    if point == 0 { return }
    rig.rotate(carrying: &open)
    rig.runService()
    if point == 1 {
      let now = clock.monotonicNanoseconds
      #expect(meter.rotationIsDue(nowNanoseconds: now))
      meter.beginRotation(nowNanoseconds: now, wallMicroseconds: clock.wallMicroseconds)
      #expect(meter.tablesRevision == revision)
      _ = meter.carryOver(open[0].row, listener: 0)
      return
    }
    rig.rotate(carrying: &open)
    #expect(meter.tablesRevision == revision)
    if point == 3 {
      meter.record(
        meter.row("acme", route: Self.lateRoute), listener: Self.lateListener, .served,
        observing: 3)
    }
  }
}
