public import Metering
public import Platform
import Synchronization
public import Usage

/// Gives new names their positions in the meter; returns the revision that knows them (`MeteringService.grow`).
public typealias MeterGrowth =
  (_ listeners: [String], _ routes: [RouteName]) throws(MeteringError) -> Int

extension ProxyServer {
  /// What a running process cannot change, each with its place; empty when `next` may be applied.
  public static func faults(
    changing old: ProxyConfiguration, to next: ProxyConfiguration
  ) -> [String] {
    var faults: [String] = []
    func keep(_ isSame: Bool, _ place: String) {
      if !isSame { faults.append("\(place): needs a restart or an upgrade") }
    }
    keep(old.workers == next.workers, "workers")
    keep(old.pinsWorkers == next.pinsWorkers, "pin_workers")
    // Its file, its writer and the workers' rings are made once.
    keep(old.accessLog == next.accessLog, "access_log")
    keep(old.resolver == next.resolver, "resolver")
    keep(
      old.timeouts.ticketKeyMilliseconds == next.timeouts.ticketKeyMilliseconds,
      "timeouts.tls_ticket_key_ms")
    // Buffers in use have the old size, and a head must fit in one.
    keep(old.limits.headBytesMax == next.limits.headBytesMax, "limits.head_bytes_max")
    keep(old.limits.bufferBytes == next.limits.bufferBytes, "limits.buffer_bytes")
    return faults
  }

  /// Has every worker serve by a new configuration: all of it, or, when this throws, nothing.
  ///
  /// No connection is dropped; see `Worker.apply`. Returns before the workers have applied it (`awaitReload`). Call
  /// it from one thread, after `start`. Throws `.configuration` with every fault, `.listen` when a new address cannot be
  /// used, `.meter` when the meter's tables are full.
  public func reload(_ next: ProxyConfiguration, grow: MeterGrowth) throws(ProxyError) {
    let old = current.withLock { $0 }
    var faults = next.validate() + Self.faults(changing: old.tables.configuration, to: next)
    // Its sockets would be nobody's: workers that drain take no update any more.
    if !isReady { faults.append("the process is not serving, or drains") }
    if !laggards(of: old.number).isEmpty {
      faults.append("the reload before this one is not applied by every worker yet")
    }
    let (tables, growth) = old.tables.applying(next)
    if tables.configuration.upstreams.count > ProxyTables.upstreamsMax {
      faults.append("upstreams: changed too often for one process, which needs a restart")
    }
    guard faults.isEmpty else { throw .configuration(faults) }
    let contexts = try TLSContexts(tables, keys: ticketKeys, syscalls: syscalls)
    var binder = ListenerBinder(workers: workerCount, syscalls: syscalls)
    let addresses = try bind(&binder, tables, old, contexts)
    let sockets = old.sockets.enumerated().map { worker, sockets in
      Self.kept(sockets, tables, old, contexts) + binder.sockets[worker]
    }
    let number = old.number + 1
    let added = zip(tables.configuration.upstreams, contexts.upstreams)
      .dropFirst(old.boards.count)
    let new = Current(
      tables: tables, sockets: sockets, addresses: addresses,
      boards: old.boards + added.map { UpstreamBoard($0, tls: $1) }, number: number)
    let upstreams = watch.withLock { $0 }
    // Nothing that can fail comes after `grow`: the meter does not forget names, and its positions and those of the
    // tables must stay the same.
    do throws(SystemError) {
      try upstreams?.prepare(for: new.boardsInUse)
    } catch {
      binder.closeAll()
      throw .system(error)
    }
    let revision: Int
    do throws(MeteringError) {
      revision = try grow(growth.listeners, growth.routes)
    } catch {
      binder.closeAll()
      throw .meter(error)
    }
    upstreams?.watch(new.boardsInUse)
    for (board, context) in zip(new.boards, contexts.upstreams) where board.configuration.tls != nil
    {
      board.replaceTLS(context)
    }
    current.withLock { $0 = new }
    monitor.withLock { $0 }?.follow(next.overload)
    for (worker, control) in controls.enumerated() {
      control.hand(
        WorkerUpdate(
          number: number, tables: tables, boards: new.boards, listeners: sockets[worker],
          revision: revision))
    }
  }

  /// Opens sockets for listeners that are new, came back or moved; returns all addresses by position.
  private func bind(
    _ binder: inout ListenerBinder, _ tables: ProxyTables, _ old: Current, _ contexts: TLSContexts
  ) throws(ProxyError) -> [SocketAddress] {
    var addresses = old.addresses
    for (index, listener) in tables.configuration.listeners.enumerated()
    where tables.usesListener[index] && !Self.keepsSockets(index, tables, old) {
      let address = try binder.bind(
        listener, index: index, tls: contexts.listeners[index])
      if index < addresses.count { addresses[index] = address } else { addresses.append(address) }
    }
    return addresses
  }

  /// Whether a listener goes on with the sockets that it has.
  private static func keepsSockets(_ index: Int, _ tables: ProxyTables, _ old: Current) -> Bool {
    guard index < old.tables.usesListener.count else { return false }
    let (before, after) = (
      old.tables.configuration.listeners[index], tables.configuration.listeners[index]
    )
    return old.tables.usesListener[index] && tables.usesListener[index]
      && before.address == after.address && before.backlog == after.backlog
      && before.isIPv6Only == after.isIPv6Only
  }

  /// A worker's sockets that stay, with what the new configuration says of their listeners.
  private static func kept(
    _ sockets: [Listener], _ tables: ProxyTables, _ old: Current, _ contexts: TLSContexts
  ) -> [Listener] {
    sockets.compactMap { socket in
      guard keepsSockets(socket.index, tables, old) else { return nil }
      return Listener(
        descriptor: socket.descriptor, index: socket.index,
        tables.configuration.listeners[socket.index], tls: contexts.listeners[socket.index])
    }
  }

  /// Workers that do not serve by this reload yet.
  private func laggards(of number: Int) -> [Int] {
    controls.indices.filter { controls[$0].appliedNumber < number }
  }

  /// Waits until every worker serves by the newest reload; returns the workers that do not after the time, which
  /// do so as soon as they turn again.
  public func awaitReload(withinMilliseconds limit: Int, clock: Clock) -> [Int] {
    let number = current.withLock { $0.number }
    let deadline = clock.monotonicNanoseconds() + UInt64(limit) * 1_000_000
    // Bound: the deadline.
    while true {
      let late = laggards(of: number)
      if late.isEmpty || clock.monotonicNanoseconds() >= deadline { return late }
      syscalls.pause(milliseconds: 2)
    }
  }
}
