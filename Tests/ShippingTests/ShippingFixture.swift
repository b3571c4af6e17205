import Logging
import Platform
import Synchronization
import TestSupport
import Usage

@testable import Shipping

/// A spool in a folder of its own, an allocator, and time that stands still unless moved.
struct ShippingFixture {
  let directory: TemporaryDirectory
  let allocator: FakeAllocator
  let time = TestTime()
  var configuration: ShippingConfiguration

  /// In memory, where a flush costs nothing: the tests count flushes, not their time.
  init(_ script: [FakeAllocator.Reply] = []) throws {
    directory = try TemporaryDirectory(under: "/dev/shm")
    allocator = try FakeAllocator(script)
    configuration = ShippingConfiguration(
      allocatorURL: allocator.url, tokenFile: directory.file("token"),
      spoolDirectory: directory.file("spool"))
    configuration.retryBaseMilliseconds = 1
    try write("secret\n", to: configuration.tokenFile)
  }

  func write(_ text: String, to path: String) throws {
    let syscalls = Syscalls()
    let descriptor = try syscalls.open(path, .create)
    defer { syscalls.close(descriptor) }
    // Safe: any bit pattern of UInt8 is a byte.
    try syscalls.writeAll(descriptor, unsafe Array(text.utf8).span.bytes)
  }

  /// Opens the spool. A child that another test is starting has copies of all descriptors until it runs its program, and
  /// with them a lock that this process has let go of: that is waited for, as a successor does, unless the lock is what
  /// a test is about.
  func spool(
    _ faults: SyscallFaults? = nil, waitsForLock: Bool = true
  ) throws(ShippingError) -> Spool {
    // Bound: five seconds.
    for _ in 0..<1_000 where waitsForLock {
      do throws(ShippingError) {
        return try open(faults)
      } catch {
        guard case .inUse = error else { throw error }
        Syscalls().pause(milliseconds: 5)
      }
    }
    return try open(faults)
  }

  private func open(_ faults: SyscallFaults?) throws(ShippingError) -> Spool {
    try Spool(
      configuration, syscalls: Syscalls(faults: faults), clock: time.clock, logger: Self.silent)
  }

  func delivery(
    _ spool: Spool, _ cell: MetricsCell = MetricsCell(), _ faults: SyscallFaults? = nil
  ) throws -> Delivery {
    try Delivery(
      configuration, spool: spool, syscalls: Syscalls(faults: faults), clock: time.clock,
      logger: Self.silent, metrics: cell)
  }

  /// The names of the batch files in a directory of the spool.
  func files(_ place: String = "") throws -> [String] {
    try Syscalls().entries(of: configuration.spoolDirectory + place)
      .filter { $0.hasSuffix(".weirbatch") }
  }

  static let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  static let boot = BootID(high: 1, low: 2)

  static func batch(_ sequence: UInt64, worker: UInt16 = 0) -> Batch {
    var row = UsageRow(tenant: TenantID("acme")!, route: RouteName("api")!)
    row[.requests] = sequence + 1
    row[.endedCompleted] = sequence + 1
    let name = BatchName(instance: "edge", boot: boot, worker: worker, sequence: sequence)!
    let start = Int64(1_790_000_000_000_000) + Int64(sequence) * 10_000_000
    return Batch(
      name: name,
      interval: BatchInterval(
        startMicroseconds: start, endMicroseconds: start + 10_000_000,
        lengthNanoseconds: 10_000_000_000),
      listeners: [ListenerTotals(listener: "public")], rows: [row])
  }

  static func add(_ batch: Batch, to spool: Spool) throws {
    try spool.add(
      BatchCodec.encode(batch), name: batch.name, lastSequence: batch.lastSequence,
      endMicroseconds: batch.interval.endMicroseconds)
  }
}

/// What was logged.
final class LogLines: Sendable {
  struct Line {
    let level: Logger.Level
    let metadata: Logger.Metadata
  }

  private let lines = Mutex<[Line]>([])
  var all: [Line] { lines.withLock { $0 } }
  var logger: Logger { Logger(label: "test") { _ in Handler(lines: self) } }

  private struct Handler: LogHandler {
    let lines: LogLines
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      lines.lines.withLock { $0.append(Line(level: event.level, metadata: event.metadata ?? [:])) }
    }
  }
}

/// A clock that a test moves.
final class TestTime: Sendable {
  private let microseconds = Mutex<Int64>(1_800_000_000_000_000)
  var clock: Clock {
    Clock(
      monotonicNanoseconds: { UInt64(self.microseconds.withLock { $0 }) * 1000 },
      wallMicroseconds: { self.microseconds.withLock { $0 } })
  }
  func advance(seconds: Int64) { microseconds.withLock { $0 += seconds * 1_000_000 } }
}

extension Delivery {
  /// Steps without waiting until nothing is pending. Bound: `limit` steps.
  func deliverAll(limit: Int = 200) throws {
    for _ in 0..<limit where step() == .whenWoken { return }
    throw TestSupportError.timedOut("delivery of all batches in \(limit) steps")
  }
}
