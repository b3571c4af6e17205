import Glibc
import Platform
import TestSupport
import Testing
import Usage

@testable import Metering

@Suite struct CardinalityTests {
  @Test func `what does not fit goes to the overflow row of its route`() throws {
    let rig = try Rig(limit: 10)
    let meter = rig.meter()
    for number in 0..<25 {
      meter.record(meter.row("t\(number)", route: number % 2), listener: 0, .served, observing: 9)
    }
    meter.record(meter.row("t3", route: 1), listener: 0, .served)
    rig.finish()

    let segment = rig.received.segments[0]
    let rows = try segment.rowsByKey()

    #expect(rows.count == 12)
    #expect(rows["t3/web"]?[.requests] == 2)
    #expect(rows["~overflow/api"]?[.requests] == 8 && rows["~overflow/web"]?[.requests] == 7)
    #expect(rows["~overflow/api"]?.histogram.total == 8)
    #expect(segment.conservationDifference == 0)
    #expect(rig.service.snapshot().overflowedLookups == 15)
  }

  @Test func `each interval has room for as many new names`() throws {
    let rig = try Rig(limit: 10)
    rig.runService()
    for interval in 0..<3 {
      for number in 0..<10 { _ = rig.meter().row("t\(interval)-\(number)") }
      rig.clock.advance(milliseconds: 10_000)
      #expect(rig.rotate())
      rig.runService()
    }

    #expect(rig.service.snapshot().overflowedLookups == 0)
    rig.finish()
  }

  @Test func `a flood of made-up ids does not push out registered tenants`() throws {
    let rig = try Rig(limit: 100)
    let registered = (0..<20).map { "paying-\($0)" }
    rig.service.updateRegister(Set(registered.map { TenantID($0)! }))
    let meter = rig.meter()
    for number in 0..<1000 { meter.record(meter.row("fake-\(number)"), listener: 0, .served) }
    for id in registered {
      for route in 0..<3 { meter.record(meter.row(id, route: route), listener: 0, .served) }
    }
    rig.finish()

    let rows = try rig.received.segments[0].rowsByKey()

    #expect(registered.allSatisfy { rows["\($0)/api"]?[.requests] == 1 })
    #expect(registered.allSatisfy { rows["\($0)/~none"]?[.requests] == 1 })
    #expect(rows.keys.filter { $0.hasPrefix("fake-") }.count == 40)
    #expect(rows["~overflow/api"]?[.requests] == 960)
  }

  @Test func `registered tenants too have no more rows than the limit`() throws {
    let rig = try Rig(limit: 10)
    rig.service.updateRegister(Set((0..<30).map { TenantID("paying-\($0)")! }))
    for number in 0..<30 { _ = rig.meter().row("paying-\(number)") }

    #expect(rig.service.snapshot().overflowedLookups == 20)
    rig.finish()
  }

  @Test(arguments: [
    (limit: 100, workers: 1, registered: 0, routes: 3, rows: 100, unregistered: 100),
    (limit: 100, workers: 4, registered: 5, routes: 2, rows: 25, unregistered: 15),
    (limit: 80, workers: 1, registered: 1000, routes: 3, rows: 80, unregistered: 10),
    (limit: 1, workers: 8, registered: 1, routes: 1, rows: 1, unregistered: 0),
  ])
  func `a worker's share keeps places for the register and an eighth for others`(
    _ example: (
      limit: Int, workers: Int, registered: Int, routes: Int, rows: Int, unregistered: Int
    )
  ) {
    let rule = AdmissionRule(
      limit: example.limit, workers: example.workers, registered: example.registered,
      routes: example.routes)

    #expect(rule.rowsMax == example.rows)
    #expect(rule.unregisteredRowsMax == example.unregistered)
  }

  @Test func `the register knows its ids and no others`() {
    let hash = SegmentHash(key: (3, 4))
    let ids = Set((0..<3000).map { TenantID("tenant-\($0)")! })
    let register = TenantRegister(ids, hash: hash)
    func isKnown(_ text: String) -> Bool {
      let bytes = Array(text.utf8)
      // Safe: any bit pattern of UInt8 is a valid byte.
      let span = unsafe bytes.span.bytes
      return register.contains(span, hashed: hash.callAsFunction(span))
    }

    #expect(ids.allSatisfy { isKnown($0.text) })
    #expect(!(3000..<6000).contains { isKnown("tenant-\($0)") })
    #expect(!isKnown("tenant-") && !isKnown("tenant-1x"))
  }

  @Test func `memory that is not there in time costs the name and nothing else`() throws {
    let faults = SyscallFaults()
    let rig = try Rig(limit: 100_000, faults: faults)
    let meter = rig.meter()
    faults.failAll(.fallocate, with: ENOSPC)
    for number in 0..<12_000 {
      meter.record(
        meter.row("tenant-\(number)"), listener: 0, .served,
        observing: UInt64(1) << UInt64(number % 30))
      if number % 500 == 0 { rig.runService() }
    }
    for number in 0..<100 {
      for exponent in 0..<31 {
        meter.record(
          meter.row("tenant-\(number)"), listener: 0, .served,
          observing: UInt64(1) << UInt64(exponent))
      }
    }
    faults.recover()
    rig.finish()

    let segment = rig.received.segments[0]
    let rows = try segment.rows().usageRows
    #expect(segment.conservationDifference == 0)
    #expect(rows.reduce(0) { $0 + $1[.requests] } == 15_100)
    #expect(rows.reduce(0) { $0 + $1.histogram.total } == 15_100)
    #expect(rows.contains { $0.tenant == .overflow && $0[.requests] > 100 })
    #expect(rig.service.snapshot().displacedObservations > 0)
    #expect(
      rig.received.events.contains(.growthFailed(segment.name, SystemError(.fallocate, ENOSPC))))
    _ = try BatchCodec.encode(segment.head, rows: try segment.rows())
  }

  @Test func `a segment grows with its tenants, and its index with it`() throws {
    let rig = try Rig(limit: 1_000_000)
    let meter = rig.meter()
    for number in 0..<30_000 {
      meter.record(meter.row("acme-\(number)"), listener: 0, .served, observing: 800)
      if number % 300 == 0 { rig.runService() }
    }
    let rows = Set((0..<30_000).map { meter.row("acme-\($0)").unit })
    rig.finish()

    #expect(rows.count == 30_000)
    #expect(rig.service.snapshot().overflowedLookups == 0)
    let used = try #require(rig.received.segments.first).rows()
    #expect(used.rowCount == 30_000)
  }

  /// Opens rows of tenants with these numbers.
  private func open(_ numbers: Range<Int>, _ rig: Rig) {
    for number in numbers { _ = rig.meter().row("t\(number)") }
  }

  @Test func `an index that is a quarter full asks for more, long before it is full`() throws {
    let rig = try Rig()
    let quarter = SegmentIndex.slotsMin / 4
    open(0..<quarter - 1, rig)
    // Has given more space for rows by now, so that nothing else asks.
    rig.runService()
    open(quarter - 1..<quarter, rig)
    rig.runService()

    open(quarter..<SegmentIndex.slotsMin + 1000, rig)

    #expect(rig.service.snapshot().overflowedLookups == 0)
    rig.finish()
  }

  @Test func `an index that could not be extended asks again when it is full`() throws {
    let faults = SyscallFaults()
    let rig = try Rig(faults: faults)
    let quarter = SegmentIndex.slotsMin / 4
    let full = SegmentIndex.slotsMin / 10 * 7
    open(0..<quarter - 1, rig)
    rig.runService()
    faults.failAll(.mmap, with: ENOMEM)
    open(quarter - 1..<full, rig)
    rig.runService()
    faults.recover()

    open(full..<full + 1, rig)
    rig.runService()
    open(full + 1..<SegmentIndex.slotsMin + 1000, rig)

    #expect(rig.service.snapshot().overflowedLookups == 0)
    #expect(rig.service.snapshot().allocationFailures == 1)
    rig.finish()
  }

  @Test func `a later level of the index asks for the next one as early as the first`() throws {
    let rig = try Rig()
    let first = SegmentIndex.slotsMin / 10 * 7
    let quarter = SegmentIndex.slotsMin * 2 / 4
    for number in 0..<first + quarter - 1 {
      open(number..<number + 1, rig)
      if number % 100 == 0 { rig.runService() }
    }
    rig.runService()
    open(first + quarter - 1..<first + quarter, rig)
    rig.runService()

    open(first + quarter..<first + 2 * SegmentIndex.slotsMin, rig)

    #expect(rig.service.snapshot().overflowedLookups == 0)
    rig.finish()
  }

  @Test func `the index of a segment is as large as the interval before needed`() throws {
    let rig = try Rig()
    for number in 0..<9_000 {
      open(number..<number + 1, rig)
      if number % 100 == 0 { rig.runService() }
    }
    for _ in 0..<2 {
      // What is prepared from here on knows how many rows there were.
      rig.clock.advance(milliseconds: 10_000)
      rig.rotate()
      rig.runService()
    }

    // More than the smallest index takes, though nobody makes it larger now.
    open(0..<7_600, rig)

    #expect(rig.service.snapshot().overflowedLookups == 0)
    rig.finish()
  }

  @Test func `an interval begins with an empty index`() throws {
    let rig = try Rig()
    for interval in 0..<3 {
      rig.runService()
      // As many as fit in what a segment has from the start.
      open(interval * 5_000..<interval * 5_000 + 5_000, rig)
      rig.clock.advance(milliseconds: 10_000)
      #expect(rig.rotate())
    }

    #expect(rig.service.snapshot().overflowedLookups == 0)
    rig.finish()
  }

  @Test func `wide histograms of few tenants get more memory before it is used up`() throws {
    let rig = try Rig(limit: 1_000)
    let meter = rig.meter()
    for number in 0..<1_000 {
      for exponent in 0..<31 {
        meter.record(
          meter.row("t\(number)"), listener: 0, .served,
          observing: UInt64(1) << UInt64(exponent))
      }
      if number % 50 == 0 { rig.runService() }
    }
    rig.finish()

    #expect(rig.service.snapshot().displacedObservations == 0)
  }

  @Test func `every failure to extend a segment is counted, and told once`() throws {
    let faults = SyscallFaults()
    let rig = try Rig(faults: faults)
    rig.runService()
    faults.failAll(.fallocate, with: ENOSPC)
    open(0..<2_000, rig)
    rig.runService()
    // Nothing more is asked for, so nothing is tried.
    rig.runService()
    let first = rig.service.snapshot().allocationFailures
    open(2_000..<4_000, rig)
    rig.runService()

    #expect(first == 1)
    #expect(rig.service.snapshot().allocationFailures == 2)
    let failures = rig.received.events.filter { event in
      if case .growthFailed = event { true } else { false }
    }
    #expect(failures.count == 1)
    faults.recover()
    rig.finish()
  }

  @Test func `ids that differ in one byte, in length or in route have rows of their own`() throws {
    let rig = try Rig()
    let meter = rig.meter()
    var ids = [
      "a", "ab", "abc", "abcd", "abcdefgh", "abcdefghi", String(repeating: "x", count: 128),
    ]
    ids += (0..<128).map { position in
      String(repeating: "y", count: position) + "z" + String(repeating: "y", count: 127 - position)
    }

    let rows = ids.flatMap { id in (0..<3).map { meter.row(id, route: $0).unit } }
    let again = ids.flatMap { id in (0..<3).map { meter.row(id, route: $0).unit } }

    #expect(Set(rows).count == ids.count * 3)
    #expect(rows == again)
  }
}
