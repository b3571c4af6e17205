import Platform
import Synchronization

/// Checks the addresses of upstreams on a thread of its own, with its own event loop, and puts the verdicts on
/// their boards. Nothing of it is metered, and no worker waits for it.
final class HealthChecker: Sendable {
  private let syscalls: Syscalls
  private let clock: Clock
  private let report: @Sendable (UpstreamEvent) -> Void
  private let control: WorkerControl
  private let boards = Mutex<[UpstreamBoard]>([])
  private let thread = Mutex<OSThread?>(nil)

  init(
    syscalls: Syscalls, clock: Clock, report: @escaping @Sendable (UpstreamEvent) -> Void
  ) throws(SystemError) {
    self.syscalls = syscalls
    self.clock = clock
    self.report = report
    control = try WorkerControl(syscalls: syscalls)
  }

  /// Checks the addresses of these boards from now on, and of no others.
  func watch(_ list: [UpstreamBoard]) {
    boards.withLock { $0 = list }
    control.wakeup.signal()
  }

  /// Looks at the boards' lists of addresses again.
  func listsHaveChanged() { control.wakeup.signal() }

  /// Starts the thread.
  func start() throws(SystemError) {
    let loop = try HealthLoop(control: control, syscalls: syscalls, clock: clock, report: report)
    let box = HealthBox(loop: loop)
    let started = try OSThread(name: "weir-health") { [self] in
      box.loop.run { boards.withLock { $0 } }
    }
    thread.withLock { $0 = started }
  }

  /// Stops and waits for the thread.
  func stop() {
    control.requestStop()
    let running = thread.withLock { thread in
      let running = thread
      thread = nil
      return running
    }
    running?.join()
  }
}

/// Hands the loop to its thread. `@unchecked Sendable`: only that thread uses it.
private final class HealthBox: @unchecked Sendable {
  let loop: HealthLoop

  init(loop: HealthLoop) { self.loop = loop }
}
