import Platform
import Synchronization

/// The threads that watch upstreams: one that checks addresses and one that resolves names, each only when a
/// configuration asks for it.
final class UpstreamWatch: Sendable {
  private let resolving: ResolverConfiguration
  private let syscalls: Syscalls
  private let clock: Clock
  private let report: @Sendable (UpstreamEvent) -> Void
  private let wakeWorkers: @Sendable () -> Void
  private let running = Mutex<(health: HealthChecker?, names: NameResolver?)>((nil, nil))

  /// `wakeWorkers` is called when a list of addresses has changed.
  init(
    _ resolving: ResolverConfiguration, syscalls: Syscalls, clock: Clock,
    report: @escaping @Sendable (UpstreamEvent) -> Void,
    wakeWorkers: @escaping @Sendable () -> Void
  ) {
    self.resolving = resolving
    self.syscalls = syscalls
    self.clock = clock
    self.report = report
    self.wakeWorkers = wakeWorkers
  }

  /// Starts the threads that these boards need and that do not run yet. They watch nothing new before `watch`: what
  /// can fail is here, so that a reload can be refused before anything has changed.
  func prepare(for boards: [UpstreamBoard]) throws(SystemError) {
    let (health, names) = running.withLock { $0 }
    if health == nil && boards.contains(where: { $0.configuration.health != nil }) {
      let checker = try HealthChecker(syscalls: syscalls, clock: clock, report: report)
      try checker.start()
      running.withLock { $0.health = checker }
    }
    if names == nil && boards.contains(where: \.hasNames) {
      let resolver = try NameResolver(
        resolving, syscalls: syscalls, clock: clock, report: report
      ) { [self] in
        wakeWorkers()
        running.withLock { $0.health }?.listsHaveChanged()
      }
      try resolver.start()
      running.withLock { $0.names = resolver }
    }
  }

  /// Watches these boards from now on, and no others. Call `prepare` with them before.
  func watch(_ boards: [UpstreamBoard]) {
    let (health, names) = running.withLock { $0 }
    health?.watch(boards)
    names?.watch(boards)
  }

  /// Stops the threads and waits for them.
  func stop() {
    let (health, names) = running.withLock { running in
      let was = running
      running = (nil, nil)
      return was
    }
    names?.stop()
    health?.stop()
  }
}
