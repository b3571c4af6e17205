import Glibc
import Platform
import Synchronization
import TestSupport
import Testing
import Usage

@testable import Metering

@Suite struct RecoveryTests {
  /// Starts a service, counts, and drops it as a kill would: locks free, segments as they are.
  private func killedBoot(
    in directory: TemporaryDirectory, clock: ManualClock, _ body: (Rig) -> Void
  ) throws -> BootID {
    let rig = try Rig(in: directory, clock: clock)
    body(rig)
    return rig.service.boot
  }

  @Test func `open exchanges of a killed process are ended as crashed, once`() throws {
    let directory = try TemporaryDirectory()
    let clock = ManualClock()
    let boot = try killedBoot(in: directory, clock: clock) { rig in
      let meter = rig.meter()
      meter.record(meter.row("acme"), listener: 0, .served, observing: 10)
      meter.record(meter.row("acme"), listener: 0, Deltas([.requests: 1]))
      meter.record(meter.row("bolt"), listener: 1, Deltas([.requests: 2, .requestBytes: 7]))
      clock.advance(milliseconds: 2500)
      _ = meter.rotationIsDue(nowNanoseconds: clock.monotonicNanoseconds)
    }

    let rig = try Rig(in: directory, clock: clock)
    rig.runService()

    let segment = try #require(rig.received.segments.first)
    let rows = try segment.rowsByKey()
    #expect(rig.received.segments.count == 1)
    #expect(segment.name.boot == boot && segment.name.sequence == 0)
    #expect(segment.flags == [.recovered, .final])
    #expect(rows["acme/api"]?[.endedCrashed] == 1 && rows["acme/api"]?[.endedCompleted] == 1)
    #expect(rows["bolt/api"]?[.endedCrashed] == 2 && rows["bolt/api"]?[.requestBytes] == 7)
    #expect(segment.listeners.map { $0.quantities[Int(Quantity.endedCrashed.rawValue)] } == [1, 2])
    #expect(segment.conservationDifference == 0)
    #expect(segment.interval.lengthNanoseconds == 2_500_000_000)
    #expect(
      segment.interval.endMicroseconds == segment.interval.startMicroseconds + 2_500_000)
    #expect(rig.received.events == [.recovered(segment.name, orphans: 3)])
  }

  @Test func `what was recovered twice becomes the same bytes`() throws {
    let directory = try TemporaryDirectory()
    let clock = ManualClock()
    _ = try killedBoot(in: directory, clock: clock) { rig in
      for number in 0..<300 {
        let meter = rig.meter()
        meter.record(meter.row("tenant-\(number)"), listener: 0, Deltas([.requests: 1]))
      }
    }
    func recover() throws -> [UInt8] {
      let rig = try Rig(in: directory, clock: clock)
      rig.runService()
      let segment = try #require(rig.received.segments.first)
      return try BatchCodec.encode(segment.head, rows: try segment.rows())
    }

    let first = try recover()
    clock.advance(milliseconds: 60_000)
    let second = try recover()

    #expect(first == second)
  }

  @Test func `segments of several boots arrive in order, and the newest is the predecessor`() throws
  {
    let directory = try TemporaryDirectory()
    let clock = ManualClock()
    var boots: [BootID] = []
    for _ in 0..<3 {
      boots.append(
        try killedBoot(in: directory, clock: clock) { rig in
          rig.runService()
          rig.meter().record(rig.meter().row("acme"), listener: 0, .served)
          clock.advance(milliseconds: 10_000)
          rig.rotate()
          rig.meter().record(rig.meter().row("acme"), listener: 0, .served)
        })
    }

    let rig = try Rig(in: directory, clock: clock)
    rig.finish()

    let names = rig.received.segments.map(\.name)
    #expect(names.map(\.boot) == boots.flatMap { [$0, $0] } + [rig.service.boot])
    #expect(names.map(\.sequence) == [0, 1, 0, 1, 0, 1, 0])
    let own = try #require(rig.received.segments.last)
    #expect(own.head.predecessor == Batch.Predecessor(boot: boots[2], lastSequences: [1]))
    let requests = try rig.received.segments.map { try $0.rowsByKey()["acme/api"]?[.requests] ?? 0 }
    #expect(requests.reduce(0, +) == 6)
  }

  @Test func `a boot whose process lives is not touched`() throws {
    let directory = try TemporaryDirectory()
    let clock = ManualClock()
    let living = try Rig(in: directory, clock: clock)
    living.meter().record(living.meter().row("acme"), listener: 0, .served)

    let other = try Rig(in: directory, clock: clock)
    other.finish()
    living.finish()

    #expect(other.received.segments.map(\.name.boot) == [other.service.boot])
    #expect(other.received.segments.first?.head.predecessor == nil)
    #expect(living.received.segments.map(\.name.boot) == [living.service.boot])
    #expect(try living.received.segments[0].rowsByKey()["acme/api"]?[.requests] == 1)
  }

  @Test func `a process that dies later is taken over by one that runs`() throws {
    let directory = try TemporaryDirectory()
    let clock = ManualClock()
    var first: Rig? = try Rig(in: directory, clock: clock)
    let boot = first?.service.boot
    first?.meter().record(first!.meter().row("acme"), listener: 0, .served)
    let second = try Rig(in: directory, clock: clock)

    second.service.adoptMore { second.received.take($0) }
    let whileAlive = second.received.segments.count
    first = nil
    second.service.adoptMore { second.received.take($0) }
    second.service.adoptMore { second.received.take($0) }

    #expect(whileAlive == 0)
    #expect(second.received.segments.map(\.name.boot) == [boot])
    #expect(second.received.segments.first?.flags == [.recovered, .final])
  }

  @Test func `a kill inside a hand-over counts open exchanges in one segment`() throws {
    for isCommitted in [false, true] {
      let directory = try TemporaryDirectory()
      let clock = ManualClock()
      _ = try killedBoot(in: directory, clock: clock) { rig in
        rig.runService()
        let meter = rig.meter()
        let row = meter.row("acme")
        meter.record(row, listener: 0, Deltas([.requests: 1]))
        clock.advance(milliseconds: 10_000)
        #expect(meter.rotationIsDue(nowNanoseconds: clock.monotonicNanoseconds))
        meter.beginRotation(
          nowNanoseconds: clock.monotonicNanoseconds, wallMicroseconds: clock.wallMicroseconds)
        _ = meter.carryOver(row, listener: 0)
        if isCommitted { meter.completeRotation() }
      }
      if isCommitted { try markActive("0-0.segment", in: directory) }

      let rig = try Rig(in: directory, clock: clock)
      rig.runService()

      let crashed = try rig.received.segments.map {
        try $0.rowsByKey()["acme/api"]?[.endedCrashed] ?? 0
      }
      #expect(crashed == (isCommitted ? [0, 1] : [1]))
      #expect(rig.received.segments.allSatisfy { $0.conservationDifference == 0 })
      #expect(
        try rig.received.segments.map { try $0.rowsByKey()["acme/api"]?.openStart ?? 0 }
          == (isCommitted ? [0, 1] : [0]))
      #expect(try sealedStates(directory) == (isCommitted ? [.sealed, .sealed] : [.sealed]))
    }
  }

  @Test(arguments: [false, true])
  func `after a kill inside a hand-over the next boot names the sequence that counted last`(
    _ isCommitted: Bool
  ) throws {
    let directory = try TemporaryDirectory()
    let clock = ManualClock()
    let boot = try killedBoot(in: directory, clock: clock) { rig in
      rig.runService()
      let meter = rig.meter()
      clock.advance(milliseconds: 10_000)
      #expect(meter.rotationIsDue(nowNanoseconds: clock.monotonicNanoseconds))
      meter.beginRotation(
        nowNanoseconds: clock.monotonicNanoseconds, wallMicroseconds: clock.wallMicroseconds)
      if isCommitted { meter.completeRotation() }
    }
    if isCommitted { try markActive("0-0.segment", in: directory) }

    let rig = try Rig(in: directory, clock: clock)
    rig.finish()

    let own = try #require(rig.received.segments.last)
    let last: UInt64 = isCommitted ? 1 : 0
    #expect(own.head.predecessor == Batch.Predecessor(boot: boot, lastSequences: [last]))
  }

  @Test func `a boot that was killed in its start is not named, the one before it is`() throws {
    let directory = try TemporaryDirectory()
    let clock = ManualClock()
    let counted = try killedBoot(in: directory, clock: clock) { rig in
      rig.meter().record(rig.meter().row("acme"), listener: 0, .served)
    }
    let second = try killedBoot(in: directory, clock: clock) { $0.runService() }
    let path = try #require(try activeFiles(directory).first { $0.hasSuffix("/0-0.segment") })
    #expect(path.contains("\(second)"))
    try rewrite(path, word: .state, SegmentLayout.State.prepared.rawValue)

    let rig = try Rig(in: directory, clock: clock)
    rig.finish()

    let own = try #require(rig.received.segments.last)
    #expect(own.head.predecessor == Batch.Predecessor(boot: counted, lastSequences: [0]))
  }

  /// Takes back the last store of a hand-over: the old segment's state.
  private func markActive(_ file: String, in directory: TemporaryDirectory) throws {
    let path = try #require(try activeFiles(directory).first { $0.hasSuffix("/" + file) })
    try rewrite(path, word: .state, SegmentLayout.State.active.rawValue)
  }

  private func activeFiles(_ directory: TemporaryDirectory) throws -> [String] {
    try files(ofBootsIn: directory.path + "/active/proxy-1")
  }

  private func files(ofBootsIn parent: String) throws -> [String] {
    try Syscalls().entries(of: parent).filter { BootDirectory.parse($0) != nil }.flatMap { boot in
      try Syscalls().entries(of: parent + "/" + boot).map { parent + "/" + boot + "/" + $0 }
    }
  }

  /// The states that the files of the sealed directory name, in the order of their names.
  private func sealedStates(_ directory: TemporaryDirectory) throws -> [SegmentLayout.State] {
    try files(ofBootsIn: directory.path + "/sealed").sorted()
      .filter { $0.hasSuffix(SegmentFile.suffix) }
      .map { try SegmentImage.open($0, syscalls: Syscalls()).state }
  }

  private func rewrite(_ path: String, word: SegmentLayout.Header, _ value: UInt64) throws {
    let fd = try Syscalls().open(path, .readWrite)
    defer { Syscalls().close(fd) }
    let memory = try SegmentMemory(sharing: fd, byteCount: 4096, syscalls: Syscalls())
    memory.store(value, at: word.offset)
  }

  @Test func `a segment of another version is set aside, naming both versions`() throws {
    let directory = try TemporaryDirectory()
    let clock = ManualClock()
    _ = try killedBoot(in: directory, clock: clock) { rig in
      rig.meter().record(rig.meter().row("acme"), listener: 0, .served)
    }
    let path = try #require(try activeFiles(directory).first { $0.hasSuffix("0-0.segment") })
    try rewrite(path, word: .version, 9)

    let rig = try Rig(in: directory, clock: clock)
    rig.runService()

    let refusal = MeteringError.unsupportedVersion(found: 9, supported: 2, path: path)
    #expect(rig.received.segments.isEmpty)
    #expect(rig.received.events == [.refused(refusal)])
    #expect("\(refusal)".contains("version 9") && "\(refusal)".contains("version 2"))
    #expect(try activeFiles(directory).contains(path + ".refused"))
  }

  @Test(arguments: [
    SegmentLayout.Header.magic, .sequence, .checksum, .listenersOffset, .claimedExtents,
    .firstExtentOffset, .routeCount, .bootHigh,
  ])
  func `a damaged header is refused and never followed`(_ word: SegmentLayout.Header) throws {
    let directory = try TemporaryDirectory()
    let clock = ManualClock()
    _ = try killedBoot(in: directory, clock: clock) { rig in
      rig.meter().record(rig.meter().row("acme"), listener: 0, .served)
    }
    let path = try #require(try activeFiles(directory).first { $0.hasSuffix("0-0.segment") })
    try rewrite(path, word: word, 0x7FFF_FFFF_FFFF_FFF1)

    let rig = try Rig(in: directory, clock: clock)
    rig.runService()

    #expect(rig.received.segments.isEmpty)
    #expect(rig.received.events.count == 1)
  }

  @Test func `a flipped bit of the header or of a name is found, wherever it is`() throws {
    let directory = try TemporaryDirectory()
    _ = try killedBoot(in: directory, clock: ManualClock()) { _ in }
    let path = try #require(try activeFiles(directory).first { $0.hasSuffix("0-0.segment") })
    let fd = try Syscalls().open(path, .readWrite)
    defer { Syscalls().close(fd) }
    let memory = try SegmentMemory(sharing: fd, byteCount: 8192, syscalls: Syscalls())
    let namesEnd = Int(memory.load(SegmentLayout.Header.listenersOffset.offset))
    try #require(namesEnd <= 8192)
    let words = SegmentLayout.Header.allCases
      .filter { $0.rawValue <= SegmentLayout.Header.checksum.rawValue }.map(\.offset)

    var unnoticed: [Int] = []
    for offset in words + stride(from: SegmentLayout.headerBytes, to: namesEnd, by: 8) {
      for bit in [0, 33, 63] as [UInt64] {
        let sound = memory.load(offset)
        memory.store(sound ^ 1 << bit, at: offset)
        if (try? SegmentImage.open(path, syscalls: Syscalls())) != nil { unnoticed.append(offset) }
        memory.store(sound, at: offset)
      }
    }

    #expect(unnoticed == [])
    #expect(throws: Never.self) { try SegmentImage.open(path, syscalls: Syscalls()) }
  }

  @Test func `a sealed copy and its original in memory are one segment`() throws {
    let directory = try TemporaryDirectory()
    let clock = ManualClock()
    let faults = SyscallFaults()
    let boot = try {
      let rig = try Rig(in: directory, clock: clock, faults: faults)
      rig.runService()
      rig.meter().record(rig.meter().row("acme"), listener: 0, .served)
      clock.advance(milliseconds: 10_000)
      rig.rotate()
      faults.failAll(.unlink, with: EIO)
      rig.runService()
      return rig.service.boot
    }()

    let rig = try Rig(in: directory, clock: clock)
    rig.runService()

    #expect(rig.received.segments.map(\.name.sequence) == [0, 1])
    #expect(rig.received.segments.allSatisfy { $0.name.boot == boot })
    #expect(try rig.received.segments[0].rowsByKey()["acme/api"]?[.requests] == 1)
  }

  @Test func `a loss of the memory file system shows as a hole`() throws {
    let directory = try TemporaryDirectory()
    let clock = ManualClock()
    let boot = try killedBoot(in: directory, clock: clock) { rig in
      rig.runService()
      clock.advance(milliseconds: 10_000)
      rig.rotate()
      rig.runService()
    }
    for path in try activeFiles(directory) { try Syscalls().unlink(path) }

    let rig = try Rig(in: directory, clock: clock)
    rig.finish()

    let own = try #require(rig.received.segments.last)
    #expect(rig.received.segments.map(\.name.sequence) == [0, 0])
    #expect(own.head.predecessor == Batch.Predecessor(boot: boot, lastSequences: [1]))
  }

  @Test func `a sealed segment tells that its worker began another, when its mark is lost`() throws
  {
    let directory = try TemporaryDirectory()
    let clock = ManualClock()
    let boot = try killedBoot(in: directory, clock: clock) { rig in
      rig.runService()
      clock.advance(milliseconds: 10_000)
      rig.rotate()
      rig.runService()
    }
    let marks = try files(ofBootsIn: directory.path + "/sealed").filter { $0.contains("/mark-") }
    #expect(marks.count == 1)
    for path in try activeFiles(directory) + marks { try Syscalls().unlink(path) }

    let rig = try Rig(in: directory, clock: clock)
    rig.finish()

    let own = try #require(rig.received.segments.last)
    #expect(own.head.predecessor == Batch.Predecessor(boot: boot, lastSequences: [1]))
  }

  @Test(arguments: [false, true])
  func `so does one that was not on the disk yet, unless it was the last`(_ isLast: Bool) throws {
    let directory = try TemporaryDirectory()
    let clock = ManualClock()
    let faults = SyscallFaults()
    let boot = try {
      let rig = try Rig(in: directory, clock: clock, faults: faults)
      // The next segment is in memory alone, and is lost with the process.
      faults.failAll(.fallocate, with: ENOSPC)
      rig.runService()
      faults.recover()
      clock.advance(milliseconds: 10_000)
      if isLast {
        rig.meter().close(
          nowNanoseconds: clock.monotonicNanoseconds, wallMicroseconds: clock.wallMicroseconds)
      } else {
        rig.rotate()
      }
      return rig.service.boot
    }()

    let rig = try Rig(in: directory, clock: clock)
    rig.finish()

    let own = try #require(rig.received.segments.last)
    let last: UInt64 = isLast ? 0 : 1
    #expect(rig.received.segments.map(\.name.sequence) == [0, 0])
    #expect(own.head.predecessor == Batch.Predecessor(boot: boot, lastSequences: [last]))
  }

  @Test func `a removed segment does not come back, and the marks still name the last`() throws {
    let directory = try TemporaryDirectory()
    let clock = ManualClock()
    let boot = try {
      let rig = try Rig(in: directory, clock: clock)
      rig.runService()
      clock.advance(milliseconds: 10_000)
      rig.rotate()
      rig.finish()
      for segment in rig.received.segments { try segment.remove() }
      return rig.service.boot
    }()

    let rig = try Rig(in: directory, clock: clock)
    rig.finish()

    #expect(rig.received.segments.map(\.name.boot) == [rig.service.boot])
    #expect(
      rig.received.segments[0].head.predecessor
        == Batch.Predecessor(boot: boot, lastSequences: [1]))
  }

  @Test func `a made instance name is kept`() throws {
    let directory = try TemporaryDirectory()
    var configuration = configuration(in: directory)
    configuration.instance = nil

    let first = try InstanceName.resolve(configuration, syscalls: Syscalls())
    let second = try InstanceName.resolve(configuration, syscalls: Syscalls())

    #expect(first == second && RouteName(first) != nil)
  }
}
