import Logging
import Metering
import Platform
import Proxy
import Synchronization

/// Reads the configuration again on SIGHUP: all of it comes into force, or nothing changes.
///
/// Main thread only.
final class Reloader {
  private var configuration: ProgramConfiguration
  private let path: String
  private let server: ProxyServer
  private let metering: MeteringService
  private let metrics: LifeCycleMetrics
  private let syscalls: Syscalls
  private let clock: Clock
  private let logger: Logger

  /// How long a reload waits for the workers; those that are late apply it when they turn again.
  private static let waitMilliseconds = 10_000

  /// The reloads of a process that serves by `configuration`, read from `path`.
  init(
    _ configuration: ProgramConfiguration, path: String, server: ProxyServer,
    metering: MeteringService, metrics: LifeCycleMetrics, syscalls: Syscalls, clock: Clock,
    logger: Logger
  ) {
    self.configuration = configuration
    self.path = path
    self.server = server
    self.metering = metering
    self.metrics = metrics
    self.syscalls = syscalls
    self.clock = clock
    self.logger = logger
    noteTime()
  }

  /// Reads the file and the tenant register that it names, and puts both into force; false when it is refused.
  func reload() -> Bool {
    let (next, faults) = ProgramConfiguration.load(path, syscalls: syscalls)
    guard let next else { return refuse(faults) }
    let fixed = configuration.faults(changingTo: next)
    guard fixed.isEmpty else { return refuse(fixed) }
    do throws(ProcessError) {
      // Read before anything changes: a broken register refuses the whole reload.
      let register = try next.proxy.tenants.registerFile.map { (path) throws(ProcessError) in
        try TenantRegisterFile.read(
          path, plans: Set(next.proxy.tenantLimits.classes.keys), syscalls: syscalls)
      }
      do throws(ProxyError) {
        try server.reload(next.proxy) { (listeners, routes) throws(MeteringError) in
          try metering.grow(listeners: listeners, routes: routes)
        }
      } catch {
        throw .proxy(error)
      }
      let ids = register?.ids ?? []
      metering.updateRegister(ids)
      server.updateTenantLimits(registered: ids, limits: register?.limits ?? [:])
      configuration = next
      applied(tenants: ids.count)
      return true
    } catch {
      if case .proxy(.configuration(let faults)) = error { return refuse(faults) }
      return refuse(["\(error)"])
    }
  }

  private func applied(tenants: Int) {
    let late = server.awaitReload(withinMilliseconds: Self.waitMilliseconds, clock: clock)
    if !late.isEmpty {
      logger.error(
        "workers have not applied the new configuration yet; each does when it turns again",
        metadata: ["workers": "\(late)"])
    }
    count(metrics.reloadsApplied)
    noteTime()
    for (index, listener) in server.tables.configuration.listeners.enumerated()
    where server.tables.usesListener[index] {
      logger.info(
        "listening",
        metadata: ["listener": "\(listener.name)", "address": "\(server.addresses[index])"])
    }
    logger.info(
      "the configuration was reloaded", metadata: ["path": "\(path)", "tenants": "\(tenants)"])
  }

  /// Counts and tells a reload that changes nothing; always false.
  @discardableResult
  func refuse(_ faults: [String]) -> Bool {
    count(metrics.reloadsRefused)
    for fault in faults {
      logger.error(
        "the configuration is wrong", metadata: ["path": "\(path)", "fault": "\(fault)"])
    }
    logger.error(
      "the configuration was not reloaded; the old one stays in force",
      metadata: ["path": "\(path)", "faults": "\(faults.count)"])
    return false
  }

  private func noteTime() {
    metrics.configurationSeconds.store(
      clock.wallMicroseconds() / 1_000_000, ordering: .relaxed)
  }
}
