import Platform
import Synchronization

/// What other threads may say to a worker: take over a new configuration, drain, end at once.
final class WorkerControl: Sendable {
  let wakeup: Wakeup
  private let stop = Atomic<Bool>(false)
  private let cut = Atomic<Bool>(false)
  private let finished = Atomic<Bool>(false)
  private let update = Mutex<WorkerUpdate?>(nil)
  private let applied = Atomic<Int>(0)

  init(syscalls: Syscalls) throws(SystemError) {
    wakeup = try Wakeup(syscalls: syscalls)
  }

  /// Asks the worker to drain and end.
  func requestStop() {
    // Released before the signal, acquired after it: the worker that wakes sees it.
    stop.store(true, ordering: .releasing)
    wakeup.signal()
  }

  /// Asks a worker that drains not to wait any longer.
  func requestCut() {
    cut.store(true, ordering: .releasing)
    wakeup.signal()
  }

  /// Leaves a new configuration for the worker, which applies it at the end of a loop turn.
  func hand(_ new: WorkerUpdate) {
    update.withLock { $0 = new }
    wakeup.signal()
  }

  /// Takes what was left; the worker calls it when it is woken, never on the request path.
  func takeUpdate() -> WorkerUpdate? { update.withLock { $0.take() } }

  /// Notes that the worker serves by this reload.
  func noteApplied(_ number: Int) { applied.store(number, ordering: .releasing) }

  /// The reload that the worker serves by, 0 for the configuration of the start.
  var appliedNumber: Int { applied.load(ordering: .acquiring) }

  /// Notes that the worker's thread has nothing left to do.
  func noteFinished() { finished.store(true, ordering: .releasing) }

  var isFinished: Bool { finished.load(ordering: .acquiring) }
  var isStopRequested: Bool { stop.load(ordering: .acquiring) }
  var isCutRequested: Bool { cut.load(ordering: .acquiring) }
}
