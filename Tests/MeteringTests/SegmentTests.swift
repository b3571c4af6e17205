import Glibc
import Platform
import TestSupport
import Testing
import Usage

@testable import Metering

@Suite struct SegmentTests {
  @Test func `the histogram of a row is that of its observations`() throws {
    let seed = TestSeed()
    var random = seed.generator
    let rig = try Rig()
    let meter = rig.meter()
    var counts: [Int: UInt64] = [:]
    var values = (0..<2000).map { _ in UInt64(1) << UInt64.random(in: 0..<33, using: &random) }
    values = values.map { $0 + UInt64.random(in: 0..<$0, using: &random) } + [0, 0, .max]
    for value in values {
      meter.record(meter.row("acme"), listener: 0, .served, observing: value)
      counts[HistogramBuckets.bucket(of: value), default: 0] += 1
    }
    rig.finish()

    let row = try #require(try rig.received.segments[0].rowsByKey()["acme/api"])

    let comment = Comment(rawValue: "\(seed)")
    #expect(
      Dictionary(uniqueKeysWithValues: row.histogram.bins.map { (Int($0.bucket), $0.count) })
        == counts, comment)
    #expect(row.histogram.clampedLow == 2, comment)
    #expect(
      row.histogram.clampedHigh == UInt64(values.filter { $0 > HistogramBuckets.valueMax }.count),
      comment)
    #expect(rig.received.segments[0].listeners[0].observations == UInt64(values.count), comment)
  }

  @Test func `rows come in the order of a batch`() throws {
    let rig = try Rig()
    let meter = rig.meter()
    let ids = ["b", "a", "ab", "abcdefghij", "abcdefghia", "A", "~", "0"].filter { $0 != "~" }
    for id in ids {
      for route in [2, 1, 0] { meter.record(meter.row(id, route: route), listener: 0, .served) }
    }
    meter.record(meter.row(reserved: .unattributed, route: 2), listener: 0, .served)
    rig.finish()

    let rows = try rig.received.segments[0].rows().usageRows

    #expect(rows.count == 22)
    for (left, right) in zip(rows, rows.dropFirst()) {
      #expect((left.tenant, left.route) < (right.tenant, right.route))
    }
    #expect(rows.last?.tenant == .unattributed && rows.last?.route == RouteName.none)
  }

  @Test func `a segment says what was configured`() throws {
    let rig = try Rig()
    rig.finish()

    let head = rig.received.segments[0].head

    #expect(head.name.instance == "proxy-1" && head.name.boot == rig.service.boot)
    #expect(head.listeners.map(\.listener) == ["public", "internal"])
    #expect(head.units == [UnitDeclaration(name: "tokens", unit: "token")])
    #expect(try rig.received.segments[0].rows().routes.map(\.text) == ["api", "web", "~none"])
  }

  @Test func `connection totals stay apart from the attributed ones`() throws {
    let rig = try Rig()
    for (position, quantity) in ConnectionQuantity.allCases.enumerated() {
      rig.meter().recordConnection(listener: 1, quantity, UInt64(position + 1))
    }
    rig.finish()

    let segment = rig.received.segments[0]

    #expect(segment.listeners[1].connectionQuantities == [1, 2, 3, 4, 5, 6])
    #expect(segment.listeners[1].quantities.allSatisfy { $0 == 0 })
    #expect(segment.listeners[0].connectionQuantities.allSatisfy { $0 == 0 })
    #expect(try segment.rows().rowCount == 0)
  }

  @Test func `without room for a file the segment is volatile, and says so`() throws {
    let faults = SyscallFaults()
    faults.failAll(.fallocate, with: ENOSPC)
    let rig = try Rig(faults: faults)
    rig.runService()
    let meter = rig.meter()
    meter.record(meter.row("acme"), listener: 0, .served)
    rig.clock.advance(milliseconds: 10_000)
    faults.recover()
    rig.rotate()
    meter.record(meter.row("acme"), listener: 0, .served)
    rig.runService()
    rig.clock.advance(milliseconds: 10_000)
    rig.rotate()
    rig.finish()

    let segments = rig.received.segments

    #expect(segments.map(\.flags) == [.volatile, .volatile, .final])
    #expect(try segments.map { try $0.rowsByKey()["acme/api"]?[.requests] } == [1, 1, nil])
    #expect(segments.allSatisfy { $0.isDurable })
    #expect(
      rig.received.events.first
        == .segmentIsVolatile(segments[0].name, SystemError(.fallocate, ENOSPC)))
    #expect(rig.service.snapshot().volatileSegments == 2)
    #expect(rig.service.snapshot().allocationFailures == 2)
  }

  @Test func `an idle worker leaves a volatile segment as soon as it can`() throws {
    let faults = SyscallFaults()
    faults.failAll(.fallocate, with: ENOSPC)
    let rig = try Rig(workers: 2, faults: faults)
    faults.recover()
    for _ in 0..<3 {
      rig.runService()
      rig.clock.advance(milliseconds: 10_000)
      rig.rotate(1)
    }
    rig.runService()

    #expect(rig.received.segments.map(\.flags) == [.volatile])
    #expect(rig.received.segments.map(\.name.worker) == [1])
  }

  @Test(arguments: [Syscall.fsync, .write, .rename])
  func `a segment that the disk refuses is delivered from memory`(_ call: Syscall) throws {
    let faults = SyscallFaults()
    let rig = try Rig(faults: faults)
    rig.runService()
    rig.meter().record(rig.meter().row("acme"), listener: 0, .served)
    rig.clock.advance(milliseconds: 10_000)
    rig.rotate()
    faults.failAll(call, with: EIO)
    rig.runService()
    faults.recover()

    let segment = try #require(rig.received.segments.first)
    #expect(!segment.isDurable)
    #expect(try segment.rowsByKey()["acme/api"]?[.requests] == 1)
    #expect(rig.received.events == [.sealFailed(segment.name, SystemError(call, EIO))])
    #expect(rig.service.snapshot().sealFailures == 1)
    try segment.remove()
  }

  @Test func `faults of a configuration are named together`() throws {
    let directory = try TemporaryDirectory()
    var wrong = configuration(in: directory)
    wrong.instance = "no spaces"
    wrong.intervalSeconds = 7
    wrong.listeners = []
    wrong.cardinalityLimit = 0

    let error = #expect(throws: MeteringError.self) {
      try MeteringService(
        configuration: wrong, syscalls: Syscalls(), clock: .system, wake: [{}], report: { _ in })
    }

    guard case .invalidConfiguration(let faults) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(faults.count == 4)
  }

  @Test func `the page on metering names every quantity in the order of its number`() throws {
    let page = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let text = String(
      decoding: try Syscalls().readFile("/\(page)/docs/metering.md", bytesMax: 1 << 20),
      as: UTF8.self)
    var rest = try #require(text.split(separator: "## The quantities").last)[...]

    for quantity in Quantity.allCases where ![.units1, .units2].contains(quantity) {
      let range = rest.firstRange(of: "`\(quantity.name)`")
      #expect(range != nil, "\(quantity.name)")
      if let range { rest = rest[range.upperBound...] }
    }
  }

  @Test func `the layout is what the format page says`() {
    SegmentLayout.checkSizes()

    #expect(SegmentLayout.rowBytes == 320 && SegmentLayout.listenerBytes == 384)
    #expect(SegmentLayout.chunkBytes == 72 && SegmentLayout.rowsPerExtent == 204)
    #expect(SegmentLayout.magic == "WEIRSEGM".utf8.reversed().reduce(0) { $0 << 8 | UInt64($1) })
    #expect(SegmentLayout.Header.state.offset == 256)
  }
}
