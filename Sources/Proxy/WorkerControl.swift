import Platform
import Synchronization

/// What other threads may say to a worker: stop.
final class WorkerControl: Sendable {
  let wakeup: Wakeup
  private let stop = Atomic<Bool>(false)

  init(syscalls: Syscalls) throws(SystemError) {
    wakeup = try Wakeup(syscalls: syscalls)
  }

  /// Asks the worker to drain and end.
  func requestStop() {
    // Released before the signal, acquired after it: the worker that wakes sees it.
    stop.store(true, ordering: .releasing)
    wakeup.signal()
  }

  var isStopRequested: Bool { stop.load(ordering: .acquiring) }
}
