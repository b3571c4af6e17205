import Foundation
import Glibc
import Platform
import TestSupport
import Testing
import Usage

@testable import Metering

/// What the service says about itself, and what its files say about themselves.
@Suite struct FiguresTests {
  /// Paths of the segment files below one of the service's directories.
  private func segmentFiles(_ directory: String) throws -> [String] {
    let syscalls = Syscalls()
    return try syscalls.entries(of: directory)
      .filter { BootDirectory.parse($0) != nil }
      .flatMap { boot in
        try syscalls.entries(of: "\(directory)/\(boot)")
          .filter { SegmentFile.parse($0) != nil }.map { "\(directory)/\(boot)/\($0)" }
      }
      .sorted()
  }

  @Test func `what a killed process left is one recovered segment in the figures`() throws {
    let directory = try TemporaryDirectory()
    let clock = ManualClock()
    try { () throws in
      let killed = try Rig(in: directory, clock: clock)
      killed.meter().record(killed.meter().row("acme"), listener: 0, .served)
    }()

    let rig = try Rig(in: directory, clock: clock)
    rig.runService()

    let figures = rig.service.snapshot()
    #expect(figures.recoveredSegments == 1 && figures.sealedSegments == 1)
    #expect(figures.volatileSegments == 0 && figures.sealFailures == 0)
  }

  @Test func `a total that is not the sum of its rows is found, summed up and named`() throws {
    let rig = try Rig()
    rig.runService()
    for round in 1...2 {
      rig.meter().record(rig.meter().row("acme"), listener: 0, .served)
      let path = try #require(
        try segmentFiles(rig.directory.path + "/active/proxy-1").first { path in
          try SegmentImage.open(path, syscalls: Syscalls()).state == .active
        })
      let image = try SegmentImage.open(path, syscalls: Syscalls())
      let offset = image.listenerOffset(0) + Int(Quantity.requestBytes.rawValue) * 8
      let file = try #require(FileHandle(forUpdatingAtPath: path))
      try file.seek(toOffset: UInt64(offset))
      try file.write(contentsOf: Data([UInt8(round * 5), 0, 0, 0, 0, 0, 0, 0]))
      try file.close()
      rig.clock.advance(milliseconds: 10_000)
      rig.rotate()
      rig.runService()
    }

    let figures = rig.service.snapshot()
    #expect(rig.received.segments.map(\.conservationDifference) == [5, 10])
    #expect(figures.conservationDifference == 15)
    #expect(figures.conservationDifferences[Int(Quantity.requestBytes.rawValue)] == 15)
    let names = rig.received.segments.map(\.name)
    #expect(rig.received.events.contains(.conservationBroken(names[0], ["request_bytes: 5"])))
  }

  @Test func `observations that lost their tenant are in the figures after a hand-over`() throws {
    let faults = SyscallFaults()
    let rig = try Rig(limit: 1_400, faults: faults)
    rig.runService()
    faults.failAll(.fallocate, with: ENOSPC)
    for number in 0..<1_400 {
      for exponent in 0..<31 {
        rig.meter().record(
          rig.meter().row("tenant-\(number)"), listener: 0, .served,
          observing: UInt64(1) << UInt64(exponent))
      }
    }
    let before = rig.service.snapshot().displacedObservations
    rig.clock.advance(milliseconds: 10_000)
    rig.rotate()
    let after = rig.service.snapshot().displacedObservations
    faults.recover()
    rig.runService()
    rig.clock.advance(milliseconds: 10_000)
    rig.rotate()

    #expect(before == 0)
    #expect(after > 0)
    #expect(rig.service.snapshot().displacedObservations == after)
    rig.finish()
  }

  @Test func `live totals hold what is being counted, what waits for delivery and what is gone`()
    throws
  {
    let rig = try Rig()
    rig.runService()
    func live() -> (requests: UInt64, open: UInt64, received: UInt64, observations: UInt64) {
      let totals = rig.service.snapshot().listeners[1]
      return (
        totals.quantities[0], totals.openEnd,
        totals.connectionQuantities[Int(ConnectionQuantity.receivedBytes.rawValue)],
        totals.observations
      )
    }
    func count() {
      rig.meter().record(rig.meter().row("acme"), listener: 1, .served, observing: 5)
      rig.meter().recordConnection(listener: 1, .receivedBytes, 7)
    }
    rig.meter().record(rig.meter().row("acme"), listener: 1, Deltas([.requests: 1]))
    var open = [OpenExchange(row: rig.meter().row("acme"), listener: 1, tenant: "acme")]

    count()
    let counting = live()
    rig.clock.advance(milliseconds: 10_000)
    rig.rotate(carrying: &open)
    count()
    let waiting = live()
    rig.runService()
    count()
    let gone = live()

    #expect(counting == (2, 1, 7, 1))
    #expect(waiting == (3, 1, 14, 2))
    #expect(gone == (4, 1, 21, 3))
  }

  @Test func `a sealed segment's file says that it is sealed, the last one too`() throws {
    let rig = try Rig()
    rig.runService()
    rig.meter().record(rig.meter().row("acme"), listener: 0, .served)
    rig.clock.advance(milliseconds: 10_000)
    rig.rotate()
    rig.runService()
    rig.finish()

    let files = try segmentFiles(rig.directory.path + "/sealed")
    let states = try files.map { try SegmentImage.open($0, syscalls: Syscalls()).state }

    #expect(states == [.sealed, .sealed])
  }

  @Test func `an idle worker begins its next interval at the same cut as the others`() throws {
    let rig = try Rig(workers: 2)
    rig.runService()
    rig.clock.advance(milliseconds: 10_000)
    rig.rotate(1)

    let now = rig.clock.monotonicNanoseconds
    #expect(!rig.meter(1).rotationIsDue(nowNanoseconds: now))
    #expect(!rig.meter(1).rotationIsDue(nowNanoseconds: now + 9_900_000_000))
    #expect(rig.meter(1).rotationIsDue(nowNanoseconds: now + 10_000_000_000))
  }

  @Test func `a closed meter refuses to count`() async {
    await #expect(processExitsWith: .failure) {
      let rig = try Rig()
      let row = rig.meter().row("acme")
      rig.finish()
      rig.meter().record(row, listener: 0, .served)
    }
  }
}
