import Metering
import PlainHTTP
import Platform
import Synchronization
import TestSupport
import Testing
import Usage

@testable import Proxy

/// A proxy in this process with a real meter: one worker, one loopback listener that trusts 127.0.0.1,
/// the tenant in `X-Tenant`, and one route `api` for everything.
final class ProxyRig {
  let server: ProxyServer
  let metering: MeteringService
  private let directory: TemporaryDirectory
  private let delivered = Delivered()
  private let origins: [Origin]

  /// What the meter delivered and reported.
  private final class Delivered: Sendable {
    let state = Mutex((segments: [SealedSegment](), events: [MeteringEvent]()))
  }

  /// Starts serving in front of an origin, which it keeps alive.
  convenience init(
    _ origin: Origin, syscalls: Syscalls = Syscalls(),
    _ change: (inout ProxyConfiguration) -> Void = { _ in }
  ) throws {
    try self.init(upstream: [origin.port], origins: [origin], syscalls: syscalls, change)
  }

  /// Starts serving; `change` may change everything about the configuration first.
  init(
    upstream ports: [UInt16], origins: [Origin] = [], syscalls: Syscalls = Syscalls(),
    clock: Clock = .system, inherited: [InheritedSocket] = [],
    _ change: (inout ProxyConfiguration) -> Void = { _ in }
  ) throws {
    self.origins = origins
    let configuration = Self.configuration(upstream: ports, change)
    server = try ProxyServer(
      configuration, processors: 1, syscalls: syscalls, inherited: inherited)
    directory = try TemporaryDirectory()
    let delivered = delivered
    let metering = try MeteringService(
      configuration: MeteringConfiguration(
        instance: "test", workers: server.workerCount, intervalSeconds: 60,
        activeDirectory: directory.file("active"), sealedDirectory: directory.file("sealed"),
        routes: configuration.routes.map(\.name), listeners: configuration.listeners.map(\.name)),
      syscalls: Syscalls(), clock: .system, wake: server.wakes,
      report: { event in delivered.state.withLock { $0.events.append(event) } })
    self.metering = metering
    try metering.start { segment in delivered.state.withLock { $0.segments.append(segment) } }
    try server.start(clock: clock) { metering.meter(worker: $0) }
  }

  /// The configuration that `init` starts from.
  static func configuration(
    upstream ports: [UInt16], _ change: (inout ProxyConfiguration) -> Void = { _ in }
  ) -> ProxyConfiguration {
    var configuration = ProxyConfiguration()
    configuration.workers = 1
    var listener = ListenerConfiguration(
      name: "public", address: SocketAddress(bytes: [127, 0, 0, 1], port: 0)!)
    listener.trusted = [AddressRange("127.0.0.0/8")!]
    configuration.listeners = [listener]
    configuration.tenants.rules = [TenantRule(.header("X-Tenant"))]
    configuration.upstreams = [
      UpstreamConfiguration(
        name: "origin",
        addresses: ports.map { SocketAddress(bytes: [127, 0, 0, 1], port: $0)! })
    ]
    configuration.routes = [RouteConfiguration(name: RouteName("api")!, upstream: "origin")]
    configuration.timeouts.lingerMilliseconds = 1_000
    change(&configuration)
    return configuration
  }

  /// The port of a listener.
  func port(_ listener: Int = 0) -> UInt16 { server.addresses[listener].port }

  /// A client that is connected to the proxy.
  func client(timeoutMilliseconds: Int = 10_000) throws -> RawClient {
    try RawClient(port: port(), timeoutMilliseconds: timeoutMilliseconds)
  }

  /// A gauge or count over all workers.
  func counter(_ cell: WorkerCounters.Cell) -> UInt64 {
    server.counters.reduce(0) { $0 + $1.value(of: cell) }
  }

  /// Live totals of the first listener.
  func live(_ quantity: Quantity) -> UInt64 {
    metering.snapshot().listeners[0].quantities[Int(quantity.rawValue)]
  }

  /// Live totals of the first listener that belong to no request.
  func live(_ quantity: ConnectionQuantity) -> UInt64 {
    metering.snapshot().listeners[0].connectionQuantities[Int(quantity.rawValue)]
  }

  /// Waits until a live total has reached a value.
  func waitFor(_ quantity: Quantity, _ value: UInt64) throws {
    try awaitCondition("\(quantity.name) to reach \(value), now \(live(quantity))") {
      live(quantity) >= value
    }
  }

  /// Waits until a counter holds.
  func waitFor(_ cell: WorkerCounters.Cell, _ holds: (UInt64) -> Bool) throws {
    try awaitCondition("\(cell), now \(counter(cell))") { holds(counter(cell)) }
  }

  /// Waits until no client connection and no exchange is left.
  func awaitIdle() throws {
    try waitFor(.downstreamConnections) { $0 == 0 }
    try waitFor(.openExchanges) { $0 == 0 }
  }

  /// Hands over to the next segment, and waits until it happened.
  func rotate() throws {
    let before = metering.snapshot().sealedSegments
    metering.requestRotation()
    try awaitCondition("a hand-over") { metering.snapshot().sealedSegments > before }
  }

  /// Drains, stops, checks every law that holds for any traffic, and returns what was counted.
  func finish(sourceLocation: SourceLocation = #_sourceLocation) throws -> Measured {
    server.drain()
    server.join()
    metering.stop()
    // An origin's own ledger is complete when its threads are through: a send is booked after it returns.
    for origin in origins {
      try awaitCondition("the origin's end") { origin.finished == origin.connections }
    }
    let (segments, events) = delivered.state.withLock { $0 }
    let measured = try Measured(segments)
    measured.checkLaws(events, sourceLocation)
    for cell in [
      WorkerCounters.Cell.lentBuffers, .openExchanges, .downstreamConnections, .upstreamConnections,
    ] {
      #expect(counter(cell) == 0, "\(cell) at the end", sourceLocation: sourceLocation)
    }
    return measured
  }
}
