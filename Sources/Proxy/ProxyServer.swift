public import Metering
public import Platform
import Synchronization

/// Why the data plane cannot start.
public enum ProxyError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The configuration is wrong; every fault with its place.
  case configuration([String])
  /// A listener's address cannot be used.
  case listen(name: String, address: SocketAddress, SystemError)
  /// The meter has no room for new names.
  case meter(MeteringError)
  /// The access log's file cannot be used.
  case accessLog(path: String, SystemError)
  /// A thread or descriptor could not be had.
  case system(SystemError)

  /// One line that an operator understands.
  public var description: String {
    switch self {
    case .configuration(let faults): faults.joined(separator: "; ")
    case .listen(let name, let address, let error):
      "listener \(name) cannot listen on \(address): \(error)"
    case .meter(let error): "the meter: \(error)"
    case .accessLog(let path, let error): "the access log \(path) cannot be opened: \(error)"
    case .system(let error): "\(error)"
    }
  }
}

/// All workers of a process: binds the sockets, starts the threads, reloads them, drains them.
///
/// Two steps, because meters need the workers' wakeups and workers need meters: `init` binds, `start` serves.
public final class ProxyServer: Sendable {
  /// Gauges and counts of each worker, for the admin port; behind them those of the access log's writer.
  public let counters: [WorkerCounters]
  /// Worker threads.
  public let workerCount: Int
  /// Names of the former process's listeners that are not in this configuration. This process's copies of their
  /// sockets are closed; the former one takes what waits in them when it drains.
  public let refusedInheritance: [String]

  private let report: @Sendable (UpstreamEvent) -> Void
  let watch = Mutex<UpstreamWatch?>(nil)
  let syscalls: Syscalls
  let enforcement: Enforcement
  let controls: [WorkerControl]
  /// What session tickets are made with: the same for all workers, and before and after a reload.
  let ticketKeys: SessionTicketKeys
  /// What changes with a reload; the lock is the main thread's and the tests', never a worker's.
  let current: Mutex<Current>
  private let accessLog: AccessLog?
  private let threads = Mutex<[OSThread]>([])
  let monitor = Mutex<OverloadMonitor?>(nil)
  private let state = Atomic<UInt8>(0)

  /// The tables in force and the sockets that go with them.
  struct Current {
    var tables: ProxyTables
    /// The sockets of each worker.
    var sockets: [[Listener]]
    /// Where each listener of the table listens, or listened; port 0 is resolved.
    var addresses: [SocketAddress]
    /// What is known about each upstream of the table.
    var boards: [UpstreamBoard]
    /// How many reloads there were.
    var number = 0

    /// Those that the tables use.
    var boardsInUse: [UpstreamBoard] {
      boards.enumerated().filter { tables.usesUpstream[$0.offset] }.map(\.element)
    }
  }

  /// Checks the configuration and binds every listener once for each worker, or goes on with sockets of a
  /// former process that are bound to the same address. `report` gets what happens to upstreams' addresses, on
  /// the threads that watch them.
  public init(
    _ configuration: ProxyConfiguration, processors: Int, syscalls: Syscalls,
    inherited: [InheritedSocket] = [],
    report: @escaping @Sendable (UpstreamEvent) -> Void = { _ in }
  ) throws(ProxyError) {
    self.report = report
    let faults = configuration.validate()
    guard faults.isEmpty else { throw .configuration(faults) }
    self.syscalls = syscalls
    enforcement = Enforcement(configuration.tenantLimits)
    let count = configuration.workers == 0 ? max(1, processors) : configuration.workers
    workerCount = count
    do throws(SystemError) {
      let log = configuration.accessLog
      accessLog = try log.map { (log) throws(SystemError) in
        try AccessLog(log, workers: count, syscalls: syscalls, clock: .system)
      }
      counters = (0..<count).map { _ in WorkerCounters() } + (accessLog.map { [$0.counters] } ?? [])
      var controls: [WorkerControl] = []
      for _ in 0..<count { controls.append(try WorkerControl(syscalls: syscalls)) }
      self.controls = controls
    } catch {
      throw .system(error)
    }
    do throws(TLSError) {
      ticketKeys = try SessionTicketKeys(
        seconds: max(1, configuration.timeouts.ticketKeyMilliseconds / 1_000))
    } catch {
      throw .configuration(["tls: \(error)"])
    }
    let tables = ProxyTables(configuration)
    let contexts = try TLSContexts(tables, keys: ticketKeys, syscalls: syscalls)
    var binder = ListenerBinder(workers: count, inherited: inherited, syscalls: syscalls)
    var addresses: [SocketAddress] = []
    for (index, listener) in configuration.listeners.enumerated() {
      addresses.append(
        try binder.bind(listener, index: index, tls: contexts.listeners[index]))
    }
    refusedInheritance = Set(binder.inherited.map(\.name)).sorted()
    binder.closeInherited()
    current = Mutex(
      Current(
        tables: tables, sockets: binder.sockets, addresses: addresses,
        boards: zip(configuration.upstreams, contexts.upstreams).map {
          UpstreamBoard($0, tls: $1)
        }))
  }

  /// Where each listener listens, by its position in the tables; port 0 is resolved.
  public var addresses: [SocketAddress] { current.withLock { $0.addresses } }

  /// The tables in force.
  public var tables: ProxyTables { current.withLock { $0.tables } }

  /// What is known about the addresses of each upstream that is in use.
  public var boards: [UpstreamBoard] { current.withLock { $0.boardsInUse } }

  /// One closure a worker that wakes its event loop; any thread may call them.
  public var wakes: [@Sendable () -> Void] {
    controls.map { control in { control.wakeup.signal() } }
  }

  /// Starts the worker threads; worker n uses `meter(n)`.
  public func start(clock: Clock, meter: (Int) -> Meter) throws(ProxyError) {
    try startAccessLog()
    let (tables, sockets, boards) = current.withLock { ($0.tables, $0.sockets, $0.boards) }
    do throws(SystemError) {
      for index in 0..<workerCount {
        let box = WorkerBox(
          worker: try Worker(
            index: index, workerCount: workerCount, tables: tables, boards: boards,
            listeners: sockets[index], meter: meter(index), control: controls[index],
            counters: counters[index], enforcement: enforcement, clock: clock, syscalls: syscalls,
            logRing: accessLog?.rings[index]))
        let pins = tables.configuration.pinsWorkers
        let thread = try OSThread(name: "weir-worker-\(index)") { [syscalls, controls] in
          if pins { _ = syscalls.pinThread(toProcessor: index) }
          box.worker.run()
          controls[index].noteFinished()
        }
        threads.withLock { $0.append(thread) }
      }
      let upstreams = UpstreamWatch(
        tables.configuration.resolver, syscalls: syscalls, clock: clock, report: report
      ) { [controls] in
        for control in controls { control.wakeup.signal() }
      }
      watch.withLock { $0 = upstreams }
      try upstreams.prepare(for: boards)
      upstreams.watch(boards)
    } catch {
      throw .system(error)
    }
    state.store(1, ordering: .releasing)
  }

  private func startAccessLog() throws(ProxyError) {
    guard let accessLog, let file = tables.configuration.accessLog?.file else { return }
    do throws(SystemError) {
      try accessLog.start { [counters] in
        counters.reduce(0) { $0 + $1.value(of: .accessLogDropped) }
      }
    } catch {
      throw .accessLog(path: file, error)
    }
  }

  /// Has the access log's file opened again, after it was renamed. Any thread.
  public func reopenAccessLog() { accessLog?.reopen() }

  /// Whether requests are served and no drain has been announced.
  public var isReady: Bool { state.load(ordering: .acquiring) == 1 }

  /// Turns `isReady` false and changes nothing else, so that a load balancer may look elsewhere first.
  public func announceDrain() { state.store(2, ordering: .releasing) }

  /// Begins the drain: no new connections, open exchanges get `timeouts.drain`. Returns at once.
  public func drain() {
    announceDrain()
    for control in controls { control.requestStop() }
  }

  /// Ends a drain that has begun: what is open is cut off and counted as drained. Returns at once.
  public func cutOff() {
    for control in controls { control.requestCut() }
  }

  /// Whether every worker has ended; `join` then returns at once.
  public var isFinished: Bool { controls.allSatisfy { $0.isFinished } }

  /// Waits until every worker has ended. Call once, after `drain`.
  public func join() {
    let running = threads.withLock { threads in
      let running = threads
      threads = []
      return running
    }
    for thread in running { thread.join() }
    accessLog?.stop()
    monitor.withLock { $0 }?.stop()
    let upstreams = watch.withLock { watch in
      let upstreams = watch
      watch = nil
      return upstreams
    }
    upstreams?.stop()
  }
}

/// Hands a worker to its thread. `@unchecked Sendable`: the creator lets go of it, only that thread uses it.
private final class WorkerBox: @unchecked Sendable {
  let worker: Worker

  init(worker: Worker) { self.worker = worker }
}
