import Platform
import Synchronization

/// What one worker and the service share. Each atomic has one writer; the lock is the service's alone.
final class WorkerSlot: Sendable {
  /// Index of the worker.
  let worker: Int
  /// When the worker hands over next, by the monotonic clock. Written by the worker; the service writes 0 to
  /// ask for it now.
  let deadlineNanoseconds = Atomic<UInt64>(.max)
  /// The revision of the tables that the worker should move on to. Written by the service.
  let wantedRevision = Atomic<Int>(0)
  /// When the active segment was begun. Written by the worker.
  let beganNanoseconds = Atomic<UInt64>(0)
  /// Lookups answered with `~overflow`. Written by the worker.
  let overflowedLookups = Atomic<UInt64>(0)
  /// Observations displaced in segments before the active one. Written by the worker.
  let displacedObservations = Atomic<UInt64>(0)
  /// Extents and rows of the segment before the active one. Written by the worker.
  let lastExtents = Atomic<Int>(0)
  let lastRows = Atomic<Int>(0)
  /// Set when the worker has closed its meter.
  let isClosed = Atomic<Bool>(false)
  /// Wakes the thread that prepares segments.
  let preparation: Wakeup
  /// Wakes the thread that delivers sealed ones.
  let delivery: Wakeup
  /// Segments that were issued and whose totals are not accounted yet, oldest first. Service only.
  let segments = Mutex<[SegmentStorage]>([])

  /// A slot of one worker.
  init(worker: Int, preparation: Wakeup, delivery: Wakeup) {
    self.worker = worker
    self.preparation = preparation
    self.delivery = delivery
  }

  /// Whether the worker counts in a segment that does not know the newest names.
  var isBehind: Bool {
    let active = segments.withLock { $0.last { $0.phase == .active } }
    guard let active else { return false }
    return active.plan.revision < wantedRevision.load(ordering: .acquiring)
  }

  /// The segment issued last.
  var newest: SegmentStorage? { segments.withLock { $0.last } }
}

/// Adds to a counter that only this thread writes: no lock prefix.
@inline(__always)
func addAsSoleWriter(_ amount: UInt64, to counter: borrowing Atomic<UInt64>) {
  counter.store(counter.load(ordering: .relaxed) &+ amount, ordering: .relaxed)
}
