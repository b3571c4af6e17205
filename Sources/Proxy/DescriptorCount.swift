import Synchronization

/// How many descriptors the process has open.
///
/// The kernel knows, and later ones tell it for nothing. Where it does not, listing them at each look would cost
/// milliseconds of the processor; there the workers' own count of connections and pipes, which is what moves fast, is
/// fresh at each look, and all else (listeners, event loops, segments, the spool, the log, the admin port, idle pipes,
/// health checks) is what a listing found beyond them a while ago.
final class DescriptorCount: Sendable {
  private let exactly: @Sendable () -> Int?
  private let listing: @Sendable () -> Int?
  private let state = Mutex((looks: 0, others: 0))

  /// Looks from one listing to the next: ten seconds.
  static let looksPerListing = 40

  /// `exactly` tells without cost, or nil; `listing` counts one by one, or nil.
  init(exactly: @escaping @Sendable () -> Int?, listing: @escaping @Sendable () -> Int?) {
    self.exactly = exactly
    self.listing = listing
  }

  /// One look; `connections` is the workers' own count. Only the monitor calls it.
  func look(connections: Int) -> Int {
    if let count = exactly() { return count }
    return state.withLock { state in
      if state.looks % Self.looksPerListing == 0, let listed = listing() {
        state.others = max(0, listed - connections)
      }
      state.looks &+= 1
      return connections + state.others
    }
  }
}
