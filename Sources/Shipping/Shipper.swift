internal import HTTPClient
public import Logging
public import Platform
import Synchronization

/// Runs the delivery on a thread of its own.
///
/// `run` blocks that thread until `stop`; every other method may be called from any thread.
public final class Shipper: Sendable {
  private let configuration: ShippingConfiguration
  private let spool: Spool
  private let syscalls: Syscalls
  private let clock: Clock
  private let logger: Logger
  private let wakeup: Wakeup
  private let isStopping = Atomic<Bool>(false)
  private let cell = MetricsCell()

  private static let sweepMilliseconds: UInt64 = 60_000

  /// A shipper of `spool`; nothing is sent before `run`.
  public init(
    _ configuration: ShippingConfiguration, spool: Spool, syscalls: Syscalls, clock: Clock,
    logger: Logger
  ) throws(SystemError) {
    self.configuration = configuration
    self.spool = spool
    self.syscalls = syscalls
    self.clock = clock
    self.logger = logger
    wakeup = try Wakeup(syscalls: syscalls)
  }

  /// Says that the spool has a new batch.
  public func wake() { wakeup.signal() }

  /// Lets `run` deliver what it can within the drain's time, and return. What is left stays in the spool.
  public func stop() {
    // Releasing: what the caller spooled before is seen by the drain.
    isStopping.store(true, ordering: .releasing)
    wakeup.signal()
  }

  /// The figures of now.
  public var metrics: ShippingMetrics {
    var metrics = cell.snapshot
    metrics.spool = spool.status
    metrics.oldestPendingAgeSeconds =
      metrics.spool.oldestPendingSeconds.map {
        max(0, clock.wallMicroseconds() / 1_000_000 - $0)
      } ?? 0
    return metrics
  }

  /// Delivers until `stop`, then drains. Throws when it cannot even begin.
  public func run() throws(ShippingError) {
    let delivery: Delivery
    do throws(HTTPClientError) {
      delivery = try Delivery(
        configuration, spool: spool, syscalls: syscalls, clock: clock, logger: logger,
        metrics: cell)
    } catch {
      throw .invalidConfiguration([error.description])
    }
    let waiting = try Self.waiting(on: wakeup, syscalls)
    var sweepDue = milliseconds
    while !isStopping.load(ordering: .acquiring) {
      if milliseconds >= sweepDue {
        spool.sweep()
        sweepDue = milliseconds + Self.sweepMilliseconds
      }
      switch delivery.step() {
      case .now: continue
      case .afterMilliseconds(let pause): wait(waiting, until: milliseconds + pause)
      case .whenWoken: waitOnce(waiting, Self.sweepMilliseconds)
      }
    }
    drain(delivery, waiting)
  }

  /// Bound: `drainTimeoutMilliseconds`; a delivery in flight is cut off at its end.
  private func drain(_ delivery: Delivery, _ waiting: EventLoop) {
    let deadline = milliseconds + UInt64(configuration.drainTimeoutMilliseconds)
    while milliseconds < deadline {
      let rest = Int(deadline - milliseconds)
      switch delivery.step(
        timeoutMilliseconds: max(1, min(rest, configuration.deliveryTimeoutMilliseconds)))
      {
      case .now: continue
      case .afterMilliseconds(let pause):
        waitOnce(waiting, min(pause, deadline - min(deadline, milliseconds)))
      case .whenWoken: return
      }
    }
    logger.warning(
      "stopped with batches not delivered; they stay in the spool",
      metadata: ["batches": "\(spool.status.pendingBatches)"])
  }

  /// A pause is kept also when new batches arrive: only stopping cuts it short.
  private func wait(_ waiting: EventLoop, until end: UInt64) {
    while !isStopping.load(ordering: .acquiring) {
      let now = milliseconds
      guard now < end else { return }
      waitOnce(waiting, end - now)
    }
  }

  private func waitOnce(_ waiting: EventLoop, _ milliseconds: UInt64) {
    _ = waiting.wait(timeoutMilliseconds: Int32(min(milliseconds, Self.sweepMilliseconds)))
    wakeup.clear()
  }

  private var milliseconds: UInt64 { clock.monotonicNanoseconds() / 1_000_000 }

  private static func waiting(
    on wakeup: Wakeup, _ syscalls: Syscalls
  ) throws(ShippingError) -> EventLoop {
    do throws(SystemError) {
      let loop = try EventLoop(syscalls: syscalls, eventsMax: 1)
      try loop.registerForReading(wakeup.descriptor, word: 0)
      return loop
    } catch {
      throw .system(error, path: "event loop of the shipper")
    }
  }
}
