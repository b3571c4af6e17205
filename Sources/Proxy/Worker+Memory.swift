import Platform

extension Worker {
  /// Unused buffers and exchanges that stay when a flood of connections has gone.
  static let keptAfterEbb = 16

  /// Gives the memory of connections that have gone back to the system, when most of many have gone.
  ///
  /// Freed objects lie scattered over the allocator's pages, and it returns whole pages only when asked. That
  /// takes a moment of this worker's loop, in proportion to the memory, once after a fall from a thousand
  /// connections or more to a quarter.
  func giveBackMemory() {
    guard ebb.hasFallen(to: downstreams.count + upstreams.count) else { return }
    buffers.shrink(to: Self.keptAfterEbb)
    exchanges.shrink(to: Self.keptAfterEbb)
    syscalls.returnFreeMemory()
  }
}
