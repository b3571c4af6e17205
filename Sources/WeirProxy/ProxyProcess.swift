import Glibc
import Logging
import Metering
import Platform
import Proxy
import Shipping
import Usage

/// The process: builds the data plane, the meter, the spool and the shipper; serves; drains in that order.
struct ProxyProcess {
  private let configuration: ProgramConfiguration
  private let syscalls = Syscalls()
  private let clock = Clock.system
  private let logger: Logger

  init(_ configuration: ProgramConfiguration) {
    self.configuration = configuration
    var logger = Logger(label: "weir-proxy") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = Logger.Level(rawValue: configuration.logLevel) ?? .info
    self.logger = logger
  }

  /// Serves until a signal, then drains: requests first, then the meter's last segments, then the shipper.
  func serve() throws(ProcessError) {
    SignalWaiter.block()
    let server = try makeServer()
    let metering = try makeMetering(server)
    try loadRegister(metering, server)
    let spool = try makeSpool()
    let shipper = try makeShipper(spool)
    let builder = BatchBuilder(spool: spool, logger: logger) { shipper?.shipper.wake() }
    let admin = try startAdmin(server, metering, spool, shipper?.shipper)
    do throws(MeteringError) {
      try metering.start { builder.take($0) }
    } catch {
      throw .metering(error)
    }
    do throws(ProxyError) {
      try server.start(clock: clock) { metering.meter(worker: $0) }
    } catch {
      throw .proxy(error)
    }
    announce(server, metering, admin)
    waitForStop(metering, server)
    logger.info("draining")
    server.drain()
    server.join()
    metering.stop()
    if builder.retryWaiting() > 0 {
      logger.warning("segments were not spooled; the next start takes them over")
    }
    shipper?.shipper.stop()
    shipper?.thread.join()
    admin.stop()
    logger.info("stopped")
  }

  private func makeServer() throws(ProcessError) -> ProxyServer {
    do throws(ProxyError) {
      let processors = Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
      return try ProxyServer(configuration.proxy, processors: processors, syscalls: syscalls)
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

  private func makeSpool() throws(ProcessError) -> Spool {
    do throws(ShippingError) {
      return try Spool(configuration.shipping, syscalls: syscalls, clock: clock, logger: logger)
    } catch {
      throw .shipping(error)
    }
  }

  private func makeShipper(
    _ spool: Spool
  ) throws(ProcessError) -> (shipper: Shipper, thread: OSThread)? {
    guard configuration.isShippingOn else {
      logger.warning("no shipping.url: batches gather in the spool and are sent nowhere")
      return nil
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
      return (shipper, thread)
    } catch {
      throw .system(error)
    }
  }

  private func startAdmin(
    _ server: ProxyServer, _ metering: MeteringService, _ spool: Spool, _ shipper: Shipper?
  ) throws(ProcessError) -> AdminServer {
    guard let address = configuration.admin else { preconditionFailure("validated") }
    let page = MetricsPage(
      server: server, metering: metering, spool: spool, shipper: shipper,
      routes: configuration.proxy.routes.map(\.name.text))
    do throws(SystemError) {
      let admin = try AdminServer(on: address, syscalls: syscalls, clock: clock) { path in
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
      try admin.start()
      return admin
    } catch {
      throw .admin(address, error)
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
  }

  private func waitForStop(_ metering: MeteringService, _ server: ProxyServer) {
    while case .reload = SignalWaiter.next() {
      do throws(ProcessError) {
        try loadRegister(metering, server)
      } catch {
        logger.error(
          "the tenant register was not reloaded; the old one stays",
          metadata: ["error": "\(error)"])
      }
    }
  }
}
