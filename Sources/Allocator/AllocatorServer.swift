public import Accounting
internal import Hummingbird
internal import HummingbirdCore
public import Logging
internal import NIOCore
public import ServiceLifecycle
public import Store
internal import UnixSignals

/// The allocator as a service: the API and the admin port over one store.
///
/// It refuses to start when the ledger does not match its seals. A graceful shutdown stops
/// accepting, lets running requests finish, then returns.
public struct AllocatorServer: Service {
  /// Ports that were bound, for whoever asked for port 0.
  public enum Listening: Sendable, Equatable {
    /// The API.
    case api(port: Int)
    /// Health and metrics.
    case admin(port: Int)
  }

  private let world: AllocatorWorld
  private let noteListening: @Sendable (Listening) -> Void

  /// A server over an open store.
  ///
  /// `clock` is read once a request. `noteListening` is called when a port accepts connections.
  public init(
    configuration: AllocatorConfiguration, store: EmbeddedStore, logger: Logger,
    clock: @escaping @Sendable () -> UTCInstant,
    noteListening: @escaping @Sendable (Listening) -> Void = { _ in }
  ) {
    world = AllocatorWorld(
      configuration: configuration, store: store, logger: logger, clock: clock)
    self.noteListening = noteListening
  }

  /// Every endpoint of the API with the roles that may call it.
  public var endpoints: [Endpoint] { APIRouter.endpoints(world) }

  /// Serves until the service group shuts down.
  public func run() async throws {
    try await world.store.prepareToServe()
    BackupFile.removeLeftovers(besideStoreAt: world.store.path)
    let group = ServiceGroup(
      configuration: .init(
        services: [api(), admin()].map { .init(service: $0) }, logger: world.logger))
    world.logger.info(
      "allocator starts",
      metadata: [
        "api": "\(world.configuration.listen)", "admin": "\(world.configuration.admin)",
        "epoch": "\(world.store.epoch)",
      ])
    try await group.run()
    world.logger.info("allocator stopped")
  }

  /// Serves until SIGTERM or SIGINT, then shuts down gracefully.
  public func runUntilSignalled() async throws {
    let group = ServiceGroup(
      configuration: .init(
        services: [.init(service: self, successTerminationBehavior: .gracefullyShutdownGroup)],
        gracefulShutdownSignals: [.sigterm, .sigint], logger: world.logger))
    try await group.run()
  }

  private func api() -> any Service {
    application(
      APIRouter(world: world).router(), at: world.configuration.listen,
      connections: world.configuration.limits.connections
    ) { .api(port: $0) }
  }

  private func admin() -> any Service {
    application(
      AdminRoutes(world: world).router(), at: world.configuration.admin, connections: 64
    ) { .admin(port: $0) }
  }

  private func application(
    _ router: Router<BasicRequestContext>, at address: AllocatorConfiguration.Address,
    connections: Int, _ listening: @escaping @Sendable (Int) -> Listening
  ) -> any Service {
    var quiet = world.logger
    quiet.logLevel = max(quiet.logLevel, .notice)
    let idle = Int64(world.configuration.limits.idleSeconds)
    let note = noteListening
    return Application(
      router: router,
      server: .http1(configuration: .init(idleTimeout: .seconds(idle))),
      configuration: .init(
        address: .hostname(address.host, port: address.port), serverName: "weir",
        availableConnectionsDelegate: MaximumAvailableConnections(connections)),
      onServerRunning: { channel in
        if let port = channel.localAddress?.port { note(listening(port)) }
      }, logger: quiet)
  }
}
