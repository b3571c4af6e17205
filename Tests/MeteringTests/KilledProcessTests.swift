import Glibc
import Platform
import Synchronization
import TestSupport
import Testing
import Usage

@testable import Metering

@Suite(.serialized) struct KilledProcessTests {
  /// Counts until another thread kills the process; `completed` in a mapped file says how far it came.
  private static func countUntilKilled(in path: String, afterMicroseconds delay: UInt64) throws {
    let syscalls = Syscalls()
    let fd = try syscalls.open(path + "/completed", .create)
    try syscalls.allocate(fd, offset: 0, length: 4096)
    let completed = try SegmentMemory(sharing: fd, byteCount: 4096, syscalls: syscalls)
    let service = try MeteringService(
      configuration: MeteringConfiguration(
        instance: "proxy-1", workers: 1, activeDirectory: path + "/active",
        sealedDirectory: path + "/sealed", routes: [RouteName("api")!], listeners: ["public"]),
      syscalls: syscalls, clock: .system, wake: [{}], report: { _ in })
    try service.start { _ in }
    let meter = service.meter(worker: 0)
    for number in 0..<UInt64.max {
      let row = meter.row("tenant-\(number % 100)")
      meter.record(row, listener: 0, Deltas([.requests: 1, .requestBytes: 10]))
      meter.record(
        row, listener: 0, Deltas([.endedCompleted: 1, .responseBytes: 20]), observing: 7)
      completed.store(number + 1, at: 0)
      if number == 0 { try startKiller(afterMicroseconds: delay) }
      if number % 1000 == 0 { service.requestRotation() }
      let now = Clock.system.monotonicNanoseconds()
      if meter.rotationIsDue(nowNanoseconds: now) {
        meter.beginRotation(
          nowNanoseconds: now, wallMicroseconds: Clock.system.wallMicroseconds())
        meter.completeRotation()
      }
    }
  }

  private static func startKiller(afterMicroseconds delay: UInt64) throws {
    _ = try OSThread(name: "killer") {
      let end = Clock.system.monotonicNanoseconds() + delay * 1000
      while Clock.system.monotonicNanoseconds() < end {}
      kill(getpid(), SIGKILL)
    }
  }

  @Test(arguments: [1000, 5000, 20_000, 60_000] as [UInt64])
  func `a process killed while counting has counted what was completed`(_ delay: UInt64)
    async throws
  {
    let directory = try TemporaryDirectory()
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = directory.path as String, delay] in
      try Self.countUntilKilled(in: path, afterMicroseconds: delay)
    }
    let completed = try Syscalls().readFile(directory.path + "/completed", bytesMax: 4096)[..<8]
      .reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }

    let received = Received()
    let service = try MeteringService(
      configuration: MeteringConfiguration(
        instance: "proxy-1", workers: 1, activeDirectory: directory.path + "/active",
        sealedDirectory: directory.path + "/sealed", routes: [RouteName("api")!],
        listeners: ["public"]),
      syscalls: Syscalls(), clock: .system, wake: [{}], report: { received.hear($0) })
    service.runOnce { received.take($0) }

    var ended: UInt64 = 0
    var requests: UInt64 = 0
    for segment in received.segments {
      #expect(segment.conservationDifference == 0)
      for row in try segment.rows().usageRows {
        requests += row[.requests]
        ended += row[.endedCompleted]
      }
    }
    #expect(
      received.segments.map(\.name.sequence) == (0..<UInt64(received.segments.count)).map { $0 })
    #expect(ended >= completed && ended <= completed + 1)
    #expect(requests >= completed && requests <= completed + 1)
    #expect(completed > 0)
  }
}
