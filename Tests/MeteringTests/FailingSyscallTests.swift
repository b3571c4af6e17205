import Glibc
import Platform
import TestSupport
import Testing
import Usage

@testable import Metering

@Suite struct FailingSyscallTests {
  /// Counts one request an interval; returns how many, and how many calls the kernel saw.
  private func scenario(
    in directory: TemporaryDirectory, clock: ManualClock, faults: SyscallFaults,
    into all: inout [SealedSegment]
  ) throws -> UInt64 {
    // What the test itself reads later must not fail.
    defer { faults.recover() }
    guard let rig = try? Rig(in: directory, clock: clock, faults: faults) else { return 0 }
    var counted: UInt64 = 0
    for _ in 0..<3 {
      rig.runService()
      rig.meter().record(rig.meter().row("acme"), listener: 0, .served, observing: 3)
      counted += 1
      clock.advance(milliseconds: 10_000)
      rig.rotate()
    }
    rig.finish()
    all += rig.received.segments
    return counted
  }

  /// Sum of requests over segments; copies under one name must be equal and count once.
  private func requests(_ segments: [SealedSegment], _ comment: Comment) throws -> UInt64 {
    var seen: [BatchName: [UsageRow]] = [:]
    for segment in segments {
      let rows = try segment.rows().usageRows
      if let former = seen[segment.name] { #expect(former == rows, comment) }
      seen[segment.name] = rows
      #expect(segment.conservationDifference == 0, comment)
    }
    return seen.values.joined().reduce(0) { $0 + $1[.requests] }
  }

  @Test(arguments: [ENOSPC, EIO])
  func `whichever call fails, nothing that was counted is lost or doubled`(code: Int32) throws {
    var position = 0
    while true {
      let comment = Comment(rawValue: "call \(position) failed with \(code)")
      // In memory, because every run flushes files many times.
      let directory = try TemporaryDirectory(under: "/dev/shm")
      let clock = ManualClock()
      var segments: [SealedSegment] = []
      let clean = SyscallFaults()
      var counted = try scenario(in: directory, clock: clock, faults: clean, into: &segments)
      let faults = SyscallFaults(failing: position, with: code)

      counted += try scenario(in: directory, clock: clock, faults: faults, into: &segments)
      let calls = faults.calls.count
      let last = try Rig(in: directory, clock: clock)
      last.finish()
      segments += last.received.segments

      #expect(try requests(segments, comment) == counted, comment)
      if calls <= position { break }
      position += 1
    }

    #expect(position > 50)
  }
}
