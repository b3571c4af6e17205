import Synchronization

/// At most one change of the whole process at a time: a reload, an upgrade, or the drain, which ends them all.
final class Transition: Sendable {
  private let isUnderWay = Atomic<Bool>(false)

  /// Begins one; false while another is under way.
  func begin() -> Bool {
    isUnderWay.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing)
      .exchanged
  }

  /// Ends the one that was begun.
  func end() { isUnderWay.store(false, ordering: .releasing) }
}
