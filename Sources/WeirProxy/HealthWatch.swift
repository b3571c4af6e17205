import Logging
import Platform
import Proxy
import Synchronization

/// Looks at the workers now and then: reports those that are stuck, and tells the service manager that all is well.
///
/// Main thread only.
final class HealthWatch {
  private let watchdog: WorkerWatchdog?
  private let notifier: ServiceNotifier
  private let metrics: LifeCycleMetrics
  private let logger: Logger

  /// How long to wait between two looks: a fourth of the shortest limit, a second at least, a minute at most.
  let pauseMilliseconds: Int

  /// The watch of a server's workers; 0 seconds for none, and then the service manager hears of no fault.
  init(
    _ server: ProxyServer, limitSeconds: Int, notifier: ServiceNotifier, metrics: LifeCycleMetrics,
    clock: Clock, logger: Logger
  ) {
    watchdog =
      limitSeconds > 0 ? WorkerWatchdog(server, limitSeconds: limitSeconds, clock: clock) : nil
    self.notifier = notifier
    self.metrics = metrics
    self.logger = logger
    var limits: [Int] = limitSeconds > 0 ? [limitSeconds * 1_000] : []
    if let microseconds = notifier.watchdogMicroseconds {
      limits.append(Int(clamping: microseconds / 1_000))
    }
    let shortest = limits.min() ?? 240_000
    pauseMilliseconds = min(
      60_000, max(notifier.watchdogMicroseconds == nil ? 1_000 : 50, shortest / 4))
  }

  /// One look.
  func look() {
    for finding in watchdog?.look() ?? [] {
      switch finding {
      case .stuck(let worker, let seconds):
        logger.error(
          "a worker's event loop does not turn",
          metadata: ["worker": "\(worker)", "seconds": "\(seconds)"])
      case .back(let worker):
        logger.warning("a worker's event loop turns again", metadata: ["worker": "\(worker)"])
      }
    }
    let stuck = watchdog?.stuckCount ?? 0
    metrics.stuckWorkers.store(stuck, ordering: .relaxed)
    // Silence is the message: the service manager restarts a service that does not say it is well.
    if stuck == 0 && notifier.watchdogMicroseconds != nil { notifier.alive() }
  }
}
