import Glibc
import Logging
import Metering
import Platform
import Proxy
import Shipping
import Synchronization
import Usage

/// The process: builds the data plane, the meter and the way to the allocator; serves; hands over or drains.
struct ProxyProcess {
  private let configuration: ProgramConfiguration
  private let path: String
  private let takesOver: Bool
  private let metrics = LifeCycleMetrics()
  private let transition = Transition()
  private let syscalls = Syscalls()
  private let clock = Clock.system
  private let logger: Logger
  private let notifier: ServiceNotifier

  /// A process that serves by `configuration`, which was read from `path`; with `takesOver` it asks the process that
  /// runs for its listeners first.
  init(_ configuration: ProgramConfiguration, path: String, takesOver: Bool = false) {
    self.configuration = configuration
    self.path = path
    self.takesOver = takesOver
    var logger = Logger(label: "weir-proxy") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = Logger.Level(rawValue: configuration.logLevel) ?? .info
    self.logger = logger
    notifier = ServiceNotifier(syscalls: syscalls, logger: logger)
  }

  /// Serves until a signal or a successor, then drains: requests first, then the meter's last segments, then the
  /// shipper.
  func serve() throws(ProcessError) {
    SignalWaiter.block()
    let descriptorsMax = syscalls.raiseDescriptorLimit()
    let takeover = try takeOver()
    let server = try makeServer(takeover)
    let metering = try makeMetering(server)
    try loadRegister(metering, server)
    let line = ShippingLine(configuration, syscalls: syscalls, clock: clock, logger: logger)
    if takeover == nil { try line.open() }
    let admin = try makeAdmin(server, metering, line, takeover)
    do throws(MeteringError) {
      try metering.start { line.builder.take($0) }
    } catch {
      throw .metering(error)
    }
    do throws(ProxyError) {
      try server.start(clock: clock) { metering.meter(worker: $0) }
    } catch {
      throw .proxy(error)
    }
    try startMonitor(server, descriptorsMax: descriptorsMax)
    try start(admin)
    if let takeover {
      do throws(ProcessError) {
        try takeover.announceServing()
      } catch {
        giveUp(server, metering, admin)
        throw error
      }
      try line.openLater(metering)
    }
    let point = try makeHandoverPoint(server, admin)
    announce(server, metering, admin)
    waitForEnd(server, metering, point)
    let isHurried = drain(server, admin, point)
    metering.stop()
    line.stop(isHurried: isHurried)
    admin.stop()
    logger.info("stopped")
  }

  /// Ends the service of a process whose former one serves on: what it has accepted is answered, what it has counted
  /// stays in its segments for the process that starts next.
  private func giveUp(_ server: ProxyServer, _ metering: MeteringService, _ admin: AdminServer) {
    logger.error("the former process serves on; this one drains and ends")
    server.drain()
    server.join()
    metering.stop()
    admin.stop()
  }

  private func takeOver() throws(ProcessError) -> Takeover? {
    guard takesOver else { return nil }
    guard let path = configuration.upgradeSocket else {
      throw .upgrade("upgrade_socket is not configured")
    }
    let takeover = try Takeover(from: path, syscalls: syscalls, logger: logger)
    if let takeover {
      logger.info("taking over", metadata: ["pid": "\(takeover.formerPID)"])
    } else {
      logger.warning(
        "no process hands over; starting with listeners of its own", metadata: ["path": "\(path)"])
    }
    return takeover
  }

  private func makeServer(_ takeover: Takeover?) throws(ProcessError) -> ProxyServer {
    do throws(ProxyError) {
      let processors = Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
      let server = try ProxyServer(
        configuration.proxy, processors: processors, syscalls: syscalls,
        inherited: takeover?.inheritance.listeners ?? [],
        report: { [logger] event in UpstreamLog.write(event, to: logger) })
      for name in server.refusedInheritance {
        logger.warning(
          "a listener of the former process is not in this configuration; it ends with that process",
          metadata: ["listener": "\(name)"])
      }
      return server
    } catch {
      throw .proxy(error)
    }
  }

  private func startMonitor(_ server: ProxyServer, descriptorsMax: Int) throws(ProcessError) {
    do throws(ProxyError) {
      try server.startMonitor(descriptorsMax: descriptorsMax) { [logger] event in
        EnforcementLog.write(event, to: logger)
      }
    } catch {
      throw .proxy(error)
    }
  }

  private func makeMetering(_ server: ProxyServer) throws(ProcessError) -> MeteringService {
    var metering = configuration.metering
    metering.workers = server.workerCount
    do throws(MeteringError) {
      return try MeteringService(
        configuration: metering, syscalls: syscalls, clock: clock, wake: server.wakes,
        report: { [logger] event in MeteringLog.write(event, to: logger) })
    } catch {
      throw .metering(error)
    }
  }

  private func loadRegister(
    _ metering: MeteringService, _ server: ProxyServer
  ) throws(ProcessError) {
    guard let path = configuration.proxy.tenants.registerFile else { return }
    let plans = Set(configuration.proxy.tenantLimits.classes.keys)
    let content = try TenantRegisterFile.read(path, plans: plans, syscalls: syscalls)
    metering.updateRegister(content.ids)
    server.updateTenantLimits(registered: content.ids, limits: content.limits)
    logger.info(
      "tenant register read",
      metadata: [
        "path": "\(path)", "tenants": "\(content.ids.count)", "limited": "\(content.limits.count)",
      ])
  }

  private func makeAdmin(
    _ server: ProxyServer, _ metering: MeteringService, _ line: ShippingLine, _ takeover: Takeover?
  ) throws(ProcessError) -> AdminServer {
    guard let address = configuration.admin else { preconditionFailure("validated") }
    let page = MetricsPage(server: server, metering: metering, line: line, lifeCycle: metrics)
    do throws(SystemError) {
      return try AdminServer(
        on: address, inherited: takeover?.inheritance.admin, syscalls: syscalls, clock: clock
      ) { path in
        switch path {
        case "/healthz": return AdminAnswer(status: 200, body: "ok\n")
        case "/readyz":
          return server.isReady
            ? AdminAnswer(status: 200, body: "ready\n")
            : AdminAnswer(status: 503, body: "not serving\n")
        case "/metrics":
          return AdminAnswer(
            status: 200, contentType: "text/plain; version=0.0.4; charset=utf-8",
            body: page.render())
        default:
          return AdminAnswer(status: 404, body: "here are /healthz, /readyz and /metrics\n")
        }
      }
    } catch {
      throw .admin(address, error)
    }
  }

  private func start(_ admin: AdminServer) throws(ProcessError) {
    do throws(SystemError) { try admin.start() } catch { throw .admin(admin.address, error) }
  }

  private func makeHandoverPoint(
    _ server: ProxyServer, _ admin: AdminServer
  ) throws(ProcessError) -> HandoverPoint? {
    guard let path = configuration.upgradeSocket, let address = configuration.admin else {
      return nil
    }
    do throws(SystemError) {
      return try HandoverPoint(
        at: path,
        HandoverPoint.Estate(
          server: server, admin: admin, adminConfigured: address,
          timeoutMilliseconds: configuration.upgradeTimeoutMilliseconds),
        transition: transition, syscalls: syscalls, logger: logger)
    } catch {
      throw .upgrade("the upgrade socket \(path) cannot be made: \(error)")
    }
  }

  private func announce(_ server: ProxyServer, _ metering: MeteringService, _ admin: AdminServer) {
    for (listener, address) in zip(configuration.proxy.listeners, server.addresses) {
      logger.info(
        "listening", metadata: ["listener": "\(listener.name)", "address": "\(address)"])
    }
    logger.info(
      "serving",
      metadata: [
        "version": "\(ProgramVersion.text)", "instance": "\(metering.instance)",
        "boot": "\(metering.boot)", "workers": "\(server.workerCount)",
        "admin": "\(admin.address)",
      ])
    notifier.ready()
  }
}

// The main thread's wait, and the end.
extension ProxyProcess {
  /// Serves reloads until a stop signal comes or another process has taken over.
  private func waitForEnd(
    _ server: ProxyServer, _ metering: MeteringService, _ point: HandoverPoint?
  ) {
    let reloader = Reloader(
      configuration, path: path, server: server, metering: metering, metrics: metrics,
      syscalls: syscalls, clock: clock, logger: logger)
    let health = HealthWatch(
      server, limitSeconds: configuration.watchdogSeconds, notifier: notifier, metrics: metrics,
      clock: clock, logger: logger)
    // Those that ended before their signal was blocked told nobody.
    SignalWaiter.reapChildren()
    while true {
      switch SignalWaiter.next(timeoutMilliseconds: health.pauseMilliseconds) {
      case .stop: return
      case .reload: reload(reloader)
      case .handover: if point?.successorPID != nil { return }
      case .child: SignalWaiter.reapChildren()
      case .reopenLog: server.reopenAccessLog()
      case .nothing: health.look()
      }
    }
  }

  private func reload(_ reloader: Reloader) {
    notifier.reloading()
    guard transition.begin() else {
      reloader.refuse(["an upgrade is under way"])
      return notifier.reloaded("serving; a reload was refused")
    }
    let isApplied = reloader.reload()
    transition.end()
    notifier.reloaded(isApplied ? "serving" : "serving; a reload was refused")
  }

  /// Ends the service of requests. Returns whether a second stop signal asked for haste.
  private func drain(
    _ server: ProxyServer, _ admin: AdminServer, _ point: HandoverPoint?
  ) -> Bool {
    let successor = point?.successorPID
    _ = transition.begin()
    var isHurried = false
    if let successor {
      notifier.handedOver(to: successor)
      logger.info("another process has taken over; draining", metadata: ["pid": "\(successor)"])
      // It answers at the shared admin port from now on.
      admin.stop()
    } else {
      notifier.stopping()
      logger.info("draining")
      server.announceDrain()
      let delay = server.tables.configuration.timeouts.drainDelayMilliseconds
      isHurried = waitForStop(atMostMilliseconds: delay) { false }
    }
    point?.stop()
    server.drain()
    if isHurried { server.cutOff() }
    while !server.isFinished {
      guard waitForStop(atMostMilliseconds: 20, orUntil: { server.isFinished }), !isHurried
      else { continue }
      isHurried = true
      logger.warning("a second stop signal: what is open is cut off")
      server.cutOff()
    }
    server.join()
    return isHurried
  }

  /// Waits for a further stop signal; false when the time is over or the condition holds.
  private func waitForStop(
    atMostMilliseconds limit: Int, orUntil holds: () -> Bool
  ) -> Bool {
    let end = clock.monotonicNanoseconds() + UInt64(limit) * 1_000_000
    while true {
      let now = clock.monotonicNanoseconds()
      if now >= end || holds() { return false }
      switch SignalWaiter.next(timeoutMilliseconds: Int((end - now) / 1_000_000) + 1) {
      case .stop: return true
      case .child: SignalWaiter.reapChildren()
      case .reload, .reopenLog, .handover, .nothing: break
      }
    }
  }
}
