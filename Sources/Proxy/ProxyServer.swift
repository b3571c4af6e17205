public import Metering
public import Platform
import Synchronization

/// Why the data plane cannot start.
public enum ProxyError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The configuration is wrong; every fault with its place.
  case configuration([String])
  /// A listener's address cannot be used.
  case listen(name: String, address: SocketAddress, SystemError)
  /// A thread or descriptor could not be had.
  case system(SystemError)

  /// One line that an operator understands.
  public var description: String {
    switch self {
    case .configuration(let faults): faults.joined(separator: "; ")
    case .listen(let name, let address, let error):
      "listener \(name) cannot listen on \(address): \(error)"
    case .system(let error): "\(error)"
    }
  }
}

/// All workers of a process: binds the sockets, starts the threads, drains them.
///
/// Two steps, because meters need the workers' wakeups and workers need meters: `init` binds, `start` serves.
public final class ProxyServer: Sendable {
  /// Where each listener listens, in the order of the configuration; port 0 is resolved.
  public let addresses: [SocketAddress]
  /// Gauges and counts of each worker, for the admin port.
  public let counters: [WorkerCounters]
  /// Worker threads.
  public let workerCount: Int

  let configuration: ProxyConfiguration
  private let syscalls: Syscalls
  let enforcement: Enforcement
  private let controls: [WorkerControl]
  private let sockets: [[Listener]]
  private let threads = Mutex<[OSThread]>([])
  private let state = Atomic<UInt8>(0)

  /// Checks the configuration and binds every listener once for each worker.
  public init(_ configuration: ProxyConfiguration, processors: Int, syscalls: Syscalls)
    throws(ProxyError)
  {
    let faults = configuration.validate()
    guard faults.isEmpty else { throw .configuration(faults) }
    self.configuration = configuration
    self.syscalls = syscalls
    enforcement = Enforcement(configuration.tenantLimits)
    let count = configuration.workers == 0 ? max(1, processors) : configuration.workers
    workerCount = count
    counters = (0..<count).map { _ in WorkerCounters() }
    do throws(SystemError) {
      var controls: [WorkerControl] = []
      for _ in 0..<count { controls.append(try WorkerControl(syscalls: syscalls)) }
      self.controls = controls
    } catch {
      throw .system(error)
    }
    (sockets, addresses) = try Self.bind(configuration.listeners, workers: count, syscalls)
  }

  private static func bind(
    _ listeners: [ListenerConfiguration], workers: Int, _ syscalls: Syscalls
  ) throws(ProxyError) -> ([[Listener]], [SocketAddress]) {
    var sockets = [[Listener]](repeating: [], count: workers)
    var addresses: [SocketAddress] = []
    for (index, listener) in listeners.enumerated() {
      var address = listener.address
      for worker in 0..<workers {
        do throws(SystemError) {
          let descriptor = try syscalls.listen(on: address, backlog: listener.backlog)
          // The first socket settles the port that the others share.
          if worker == 0 { address = try syscalls.localAddress(of: descriptor) }
          sockets[worker].append(
            Listener(descriptor: descriptor, index: index, trusted: listener.trusted))
        } catch {
          for socket in sockets.joined() { syscalls.close(socket.descriptor) }
          throw .listen(name: listener.name, address: address, error)
        }
      }
      addresses.append(address)
    }
    return (sockets, addresses)
  }

  /// One closure a worker that wakes its event loop; any thread may call them.
  public var wakes: [@Sendable () -> Void] {
    controls.map { control in { control.wakeup.signal() } }
  }

  /// Starts the worker threads; worker n uses `meter(n)`.
  public func start(clock: Clock, meter: (Int) -> Meter) throws(ProxyError) {
    do throws(SystemError) {
      for index in 0..<workerCount {
        let box = WorkerBox(
          worker: try Worker(
            index: index, workerCount: workerCount, configuration: configuration,
            listeners: sockets[index], meter: meter(index), control: controls[index],
            counters: counters[index], enforcement: enforcement, clock: clock, syscalls: syscalls))
        let pins = configuration.pinsWorkers
        let thread = try OSThread(name: "weir-worker-\(index)") { [syscalls] in
          if pins { _ = syscalls.pinThread(toProcessor: index) }
          box.worker.run()
        }
        threads.withLock { $0.append(thread) }
      }
    } catch {
      throw .system(error)
    }
    state.store(1, ordering: .releasing)
  }

  /// Whether requests are served and no drain has begun.
  public var isReady: Bool { state.load(ordering: .acquiring) == 1 }

  /// Begins the drain: no new connections, open exchanges get `timeouts.drain`. Returns at once.
  public func drain() {
    state.store(2, ordering: .releasing)
    for control in controls { control.requestStop() }
  }

  /// Waits until every worker has ended. Call once, after `drain`.
  public func join() {
    let running = threads.withLock { threads in
      let running = threads
      threads = []
      return running
    }
    for thread in running { thread.join() }
  }
}

/// Hands a worker to its thread. `@unchecked Sendable`: the creator lets go of it, only that thread uses it.
private final class WorkerBox: @unchecked Sendable {
  let worker: Worker

  init(worker: Worker) { self.worker = worker }
}
