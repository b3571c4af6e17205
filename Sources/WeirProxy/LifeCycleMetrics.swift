import Synchronization

/// What the process tells the admin port about its own life. Written by the main thread.
final class LifeCycleMetrics: Sendable {
  /// Configurations that were read on SIGHUP and are in force.
  let reloadsApplied = Atomic<UInt64>(0)
  /// Configurations that were read on SIGHUP and changed nothing, because something in them is wrong.
  let reloadsRefused = Atomic<UInt64>(0)
  /// When the configuration in force was read, in seconds since 1970 UTC.
  let configurationSeconds = Atomic<Int64>(0)
  /// Workers whose event loop does not turn.
  let stuckWorkers = Atomic<Int>(0)
}

/// Adds one; for a counter of which the calling thread is the only writer, read with relaxed loads.
func count(_ counter: borrowing Atomic<UInt64>) {
  counter.store(counter.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
}
