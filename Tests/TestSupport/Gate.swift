import Synchronization

/// Opens once; who waits at it goes on then. Lets a test decide when another thread continues.
public final class Gate: Sendable {
  private let open = Atomic<Bool>(false)

  /// A closed gate.
  public init() {}

  /// True after `pass`.
  public var isOpen: Bool { open.load(ordering: .acquiring) }

  /// Opens it for good.
  public func pass() { open.store(true, ordering: .releasing) }

  /// Waits until it is open.
  public func wait(withinMilliseconds limit: UInt64 = 15_000) throws {
    try awaitCondition("a gate", withinMilliseconds: limit) { isOpen }
  }
}
