import Platform
import Synchronization
import TestSupport
import Usage

@testable import Metering

/// Two clocks that stand still until a test moves them.
final class ManualClock: Sendable {
  private let times: Mutex<(monotonic: UInt64, wall: Int64)>

  init(wallMicroseconds: Int64 = 1_800_000_000_000_000) {
    times = Mutex((1_000_000_000_000, wallMicroseconds))
  }

  var clock: Clock {
    Clock(
      monotonicNanoseconds: { self.times.withLock { $0.monotonic } },
      wallMicroseconds: { self.times.withLock { $0.wall } })
  }

  var monotonicNanoseconds: UInt64 { times.withLock { $0.monotonic } }
  var wallMicroseconds: Int64 { times.withLock { $0.wall } }

  /// Moves both clocks.
  func advance(milliseconds: UInt64) {
    times.withLock {
      $0.monotonic += milliseconds * 1_000_000
      $0.wall += Int64(milliseconds) * 1000
    }
  }

  /// Moves the wall clock alone, as a person or a bad time server does.
  func step(seconds: Int64) { times.withLock { $0.wall += seconds * 1_000_000 } }
}

/// What a service delivered and reported.
final class Received: Sendable {
  private let state = Mutex((segments: [SealedSegment](), events: [MeteringEvent]()))

  func take(_ segment: SealedSegment) { state.withLock { $0.segments.append(segment) } }
  func hear(_ event: MeteringEvent) { state.withLock { $0.events.append(event) } }
  var segments: [SealedSegment] { state.withLock { $0.segments } }
  var events: [MeteringEvent] { state.withLock { $0.events } }
}

/// A configuration of three routes (the last is `~none`) and two listeners below one directory.
func configuration(
  in directory: TemporaryDirectory, workers: Int = 1, limit: Int = 100_000
) -> MeteringConfiguration {
  MeteringConfiguration(
    instance: "proxy-1", workers: workers, intervalSeconds: 10,
    activeDirectory: directory.path + "/active", sealedDirectory: directory.path + "/sealed",
    cardinalityLimit: limit, routes: [RouteName("api")!, RouteName("web")!],
    listeners: ["public", "internal"], units: [UnitDeclaration(name: "tokens", unit: "token")])
}

/// A service without threads, whose moments a test chooses.
final class Rig {
  let directory: TemporaryDirectory
  let clock: ManualClock
  let received = Received()
  let service: MeteringService

  init(
    in given: TemporaryDirectory? = nil, clock: ManualClock = ManualClock(),
    workers: Int = 1, limit: Int = 100_000, faults: SyscallFaults? = nil
  ) throws {
    let directory = try given ?? TemporaryDirectory()
    Self.awaitLocks(in: directory)
    self.directory = directory
    self.clock = clock
    let received = received
    service = try MeteringService(
      configuration: configuration(in: directory, workers: workers, limit: limit),
      syscalls: Syscalls(faults: faults), clock: clock.clock,
      wake: Array(repeating: {}, count: workers), report: { received.hear($0) })
    let boot = "\(service.boot)"
    Self.running.withLock { _ = $0.insert(boot) }
  }

  deinit {
    let boot = "\(service.boot)"
    Self.running.withLock { _ = $0.remove(boot) }
  }

  /// Boots of rigs that are there.
  private static let running = Mutex<Set<String>>([])

  /// Waits until the locks of boots that were dropped are free, as they are when their process is dead: a child that
  /// another test starts holds copies of all descriptors, and with them locks, until it has begun.
  private static func awaitLocks(in directory: TemporaryDirectory) {
    let syscalls = Syscalls()
    for part in ["active/proxy-1", "sealed"] {
      let parent = "\(directory.path)/\(part)"
      for boot in (try? syscalls.entries(of: parent)) ?? [] {
        let isRunning = running.withLock { running in
          running.contains { boot.contains($0) }
        }
        if isRunning { continue }
        // Bound: five seconds.
        for _ in 0..<1_000 {
          guard let lock = try? syscalls.open("\(parent)/\(boot)/lock", .readOnly) else { break }
          let isFree = (try? syscalls.lock(lock)) ?? true
          syscalls.close(lock)
          if isFree { break }
          syscalls.pause(milliseconds: 5)
        }
      }
    }
  }

  func meter(_ worker: Int = 0) -> Meter { service.meter(worker: worker) }

  /// Prepares, seals and delivers what is due. Returns when the preparation would come again, in milliseconds.
  @discardableResult
  func runService() -> UInt64 { service.runOnce { received.take($0) } }

  /// Hands over to the next segment, if it is time and one is ready.
  @discardableResult
  func rotate(_ worker: Int = 0, carrying open: inout [OpenExchange]) -> Bool {
    let meter = meter(worker)
    guard meter.rotationIsDue(nowNanoseconds: clock.monotonicNanoseconds) else { return false }
    meter.beginRotation(
      nowNanoseconds: clock.monotonicNanoseconds, wallMicroseconds: clock.wallMicroseconds)
    for index in open.indices {
      open[index].row = meter.carryOver(open[index].row, listener: open[index].listener)
    }
    meter.completeRotation()
    return true
  }

  /// Hands over with nothing open.
  @discardableResult
  func rotate(_ worker: Int = 0) -> Bool {
    var none: [OpenExchange] = []
    return rotate(worker, carrying: &none)
  }

  /// Closes every meter and delivers the rest.
  func finish() {
    for worker in 0..<service.workerCount {
      meter(worker).close(
        nowNanoseconds: clock.monotonicNanoseconds, wallMicroseconds: clock.wallMicroseconds)
    }
    runService()
    service.stop()
  }
}

/// An exchange that a test holds open.
struct OpenExchange {
  var row: MeterRow
  var listener: Int
  var tenant: String
}

extension Meter {
  /// The row of an id given as text.
  func row(_ tenant: String, route: Int = 0) -> MeterRow {
    // Safe: any bit pattern of UInt8 is a valid byte.
    unsafe row(tenant: Array(tenant.utf8).span.bytes, route: route)
  }
}

extension Deltas {
  /// Deltas of these amounts.
  init(_ amounts: KeyValuePairs<Quantity, UInt64>) {
    self.init()
    for (quantity, amount) in amounts { add(quantity, amount) }
  }

  /// A request that ended, with 200 bytes sent.
  static var served: Deltas {
    Deltas([.requests: 1, .responses2xx: 1, .responseBytes: 200, .endedCompleted: 1])
  }
}

extension SealedSegment {
  /// The rows by `tenant/route`.
  func rowsByKey() throws -> [String: UsageRow] {
    Dictionary(
      uniqueKeysWithValues: try rows().usageRows.map { ("\($0.tenant)/\($0.route)", $0) })
  }
}
