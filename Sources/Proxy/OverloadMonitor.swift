import Platform
import Synchronization

/// What the process uses of what it may use, at one look.
public struct OverloadReading: Sendable, Equatable {
  /// Resident memory, and its bound; 0 without one.
  public var memoryBytes = 0
  /// The memory that is 100 %; 0 when there is no bound.
  public var memoryBytesMax = 0
  /// Descriptors that the process has open, of whatever kind (`DescriptorCount`).
  public var descriptors = 0
  /// The soft limit of descriptors; 0 when it is unknown.
  public var descriptorsMax = 0

  /// Nothing known.
  public init() {}

  /// The larger share, in per cent.
  var percent: Int {
    let memory = memoryBytesMax > 0 ? memoryBytes / max(1, memoryBytesMax / 100) : 0
    let open = descriptorsMax > 0 ? descriptors * 100 / descriptorsMax : 0
    return max(memory, open)
  }
}

/// Something about fairness that a person may want to read.
public enum EnforcementEvent: Sendable, Equatable {
  /// A tenant was refused for the first time in a minute.
  case limited(TenantLimitNotice)
  /// That many tenants more were refused than the log takes.
  case limitedNotTold(UInt64)
  /// The level of overload changed.
  case level(Int, OverloadReading)
}

/// Looks at memory and descriptors four times a second on a thread of its own, and publishes the level of overload.
///
/// Also hands on the workers' notices about tenants. Off the data plane: workers read one word.
final class OverloadMonitor: Sendable {
  /// Changes with a reload; the monitor's thread reads it once a look.
  private let configuration: Mutex<OverloadConfiguration>
  private let enforcement: Enforcement
  private let read: @Sendable (OverloadConfiguration) -> OverloadReading
  private let report: @Sendable (EnforcementEvent) -> Void
  private let wakeup: Wakeup
  private let syscalls: Syscalls
  /// Looks that found the process short of something.
  private let looks = Atomic<Int>(0)
  private let isStopped = Atomic<Bool>(false)
  private let thread = Mutex<OSThread?>(nil)

  static let lookMilliseconds: Int32 = 250

  /// A monitor that is not running yet; `read` measures.
  init(
    _ configuration: OverloadConfiguration, _ enforcement: Enforcement, syscalls: Syscalls,
    read: @escaping @Sendable (OverloadConfiguration) -> OverloadReading,
    report: @escaping @Sendable (EnforcementEvent) -> Void
  ) throws(SystemError) {
    self.configuration = Mutex(configuration)
    self.enforcement = enforcement
    self.read = read
    self.report = report
    self.syscalls = syscalls
    wakeup = try Wakeup(syscalls: syscalls)
  }

  /// Starts the thread.
  func start() throws(SystemError) {
    let started = try OSThread(name: "weir-overload") { [self] in
      while !isStopped.load(ordering: .relaxed) {
        _ = wakeup.wait(timeoutMilliseconds: Self.lookMilliseconds)
        look()
      }
    }
    thread.withLock { $0 = started }
  }

  /// Goes by other shares from the next look on. Any thread.
  func follow(_ next: OverloadConfiguration) { configuration.withLock { $0 = next } }

  /// One look: measures, moves the level, hands notices on.
  func look() {
    let (notices, dropped) = enforcement.notices.take()
    for notice in notices { report(.limited(notice)) }
    if dropped > 0 { report(.limitedNotTold(dropped)) }
    let configuration = configuration.withLock { $0 }
    let reading = read(configuration)
    enforcement.overload.note(reading)
    let level = enforcement.overload.level
    let next = level.next(percent: reading.percent, configuration)
    // What was freed goes back to the system, else the resident size would never fall.
    if next != .none && looks.wrappingAdd(1, ordering: .relaxed).oldValue % 4 == 0 {
      syscalls.returnFreeMemory()
    }
    guard next != level else { return }
    enforcement.overload.set(next)
    report(.level(next.rawValue, reading))
  }

  /// Ends the thread and waits for it.
  func stop() {
    isStopped.store(true, ordering: .relaxed)
    wakeup.signal()
    let running = thread.withLock { thread in
      let running = thread
      thread = nil
      return running
    }
    running?.join()
  }
}

/// The level of overload that workers read: one word, relaxed. A level that is seen a moment late does no harm.
final class OverloadState: Sendable {
  private let word = Atomic<Int>(0)
  private let open = Atomic<Int>(0)
  private let openMax = Atomic<Int>(0)

  @inline(__always)
  var level: OverloadLevel { OverloadLevel(rawValue: word.load(ordering: .relaxed)) ?? .none }

  /// Whether anything has to be done without: the one question on the request path.
  @inline(__always)
  var isOn: Bool { word.load(ordering: .relaxed) != 0 }

  /// Notes what was found, for the admin port.
  func note(_ reading: OverloadReading) {
    open.store(reading.descriptors, ordering: .relaxed)
    openMax.store(reading.descriptorsMax, ordering: .relaxed)
  }

  /// Descriptors in use at the last look, and how many may be; 0 for unknown.
  var descriptors: (open: Int, max: Int) {
    (open.load(ordering: .relaxed), openMax.load(ordering: .relaxed))
  }

  func set(_ level: OverloadLevel) { word.store(level.rawValue, ordering: .relaxed) }
}
