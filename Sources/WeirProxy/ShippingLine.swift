import Logging
import Metering
import Platform
import Shipping
import Synchronization

/// The way of segments to the allocator: builder, spool and shipper, as far as they are there yet.
///
/// A process that takes over from another begins without a spool, because the other has it until it has drained:
/// segments wait in the meanwhile, durable in their own folder, and are spooled when the lock is free.
final class ShippingLine: Sendable {
  /// Makes batches of segments.
  let builder: BatchBuilder
  private let configuration: ProgramConfiguration
  private let parts: Parts
  private let isStopping = Atomic<Bool>(false)
  private let opener = Mutex<OSThread?>(nil)
  private let syscalls: Syscalls
  private let clock: Clock
  private let logger: Logger

  /// What is there once the spool is open.
  private final class Parts: Sendable {
    let spool = Mutex<Spool?>(nil)
    let shipper = Mutex<Shipper?>(nil)
    let thread = Mutex<OSThread?>(nil)
  }

  /// How long to wait before the spool is tried again, while another process has it.
  private static let retryMilliseconds = 100

  /// A line without a spool.
  init(_ configuration: ProgramConfiguration, syscalls: Syscalls, clock: Clock, logger: Logger) {
    self.configuration = configuration
    self.syscalls = syscalls
    self.clock = clock
    self.logger = logger
    let parts = Parts()
    self.parts = parts
    builder = BatchBuilder(logger: logger) { parts.shipper.withLock { $0 }?.wake() }
  }

  /// Opens the spool and begins to deliver.
  func open() throws(ProcessError) {
    let spool: Spool
    do throws(ShippingError) {
      spool = try Spool(configuration.shipping, syscalls: syscalls, clock: clock, logger: logger)
    } catch {
      throw .shipping(error)
    }
    parts.spool.withLock { $0 = spool }
    try startShipper(spool)
    builder.open(spool)
  }

  private func startShipper(_ spool: Spool) throws(ProcessError) {
    guard configuration.isShippingOn else {
      logger.warning("no shipping.url: batches gather in the spool and are sent nowhere")
      return
    }
    do throws(SystemError) {
      let shipper = try Shipper(
        configuration.shipping, spool: spool, syscalls: syscalls, clock: clock, logger: logger)
      let thread = try OSThread(name: "weir-shipper") { [logger] in
        do throws(ShippingError) {
          try shipper.run()
        } catch {
          logger.error("the shipper has stopped", metadata: ["error": "\(error)"])
        }
      }
      parts.shipper.withLock { $0 = shipper }
      parts.thread.withLock { $0 = thread }
    } catch {
      throw .system(error)
    }
  }

  /// Opens the spool as soon as the former process has let go of it, on a thread of its own; then has the
  /// meter look for what that process left.
  func openLater(_ metering: MeteringService) throws(ProcessError) {
    do throws(SystemError) {
      let thread = try OSThread(name: "weir-spool") { [self] in
        // Bound: the drain of the former process, or the end of this one.
        while !isStopping.load(ordering: .acquiring) {
          if openIfFree() {
            // The other locks of a process that ends go in the same moment, if not in the same instant.
            syscalls.pause(milliseconds: Self.retryMilliseconds)
            metering.adoptFormerProcesses()
            return
          }
          syscalls.pause(milliseconds: Self.retryMilliseconds)
        }
      }
      opener.withLock { $0 = thread }
    } catch {
      throw .system(error)
    }
  }

  private func openIfFree() -> Bool {
    do throws(ProcessError) {
      try open()
      logger.info("the former process has let go of the spool")
      return true
    } catch {
      if case .shipping(.inUse) = error { return false }
      logger.error("the spool cannot be used; it is tried again", metadata: ["error": "\(error)"])
      return false
    }
  }

  /// Ends the delivery. After the meter has delivered its last segments. When `isHurried`, what is spooled is
  /// left to the next start.
  func stop(isHurried: Bool) {
    isStopping.store(true, ordering: .releasing)
    opener.withLock { $0.take() }?.join()
    if builder.retryWaiting() > 0 {
      logger.warning("segments were not spooled; the next start takes them over")
    }
    guard !isHurried else { return }
    parts.shipper.withLock { $0 }?.stop()
    parts.thread.withLock { $0.take() }?.join()
  }

  /// The figures of now.
  var metrics: ShippingMetrics {
    if let shipper = parts.shipper.withLock({ $0 }) { return shipper.metrics }
    var figures = ShippingMetrics()
    if let spool = parts.spool.withLock({ $0 }) { figures.spool = spool.status }
    return figures
  }
}
