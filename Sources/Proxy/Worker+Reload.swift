import HTTPCodec
import Metering
import Platform
import Usage

/// A new state of the tables on its way to a worker.
struct WorkerUpdate: Sendable {
  /// Counts the reloads of the process.
  let number: Int
  /// The tables, whole: nothing here is a difference.
  let tables: ProxyTables
  /// What is known about each upstream of the tables.
  let boards: [UpstreamBoard]
  /// The sockets that this worker listens on from now on.
  let listeners: [Listener]
  /// What `Meter.tablesRevision` must have reached: until then the meter does not know the new names.
  let revision: Int
}

extension Worker {
  /// Applies the update that waits, as soon as the meter counts in a segment that knows its names.
  func applyUpdateIfPossible() {
    guard let update = pendingUpdate, meter.tablesRevision >= update.revision, !isDraining else {
      return
    }
    pendingUpdate = nil
    apply(update)
    control.noteApplied(update.number)
  }

  /// Begins the drain that was asked for, after the update that came before it: connections may wait at its new
  /// listeners, and can only be served under names that the meter knows.
  ///
  /// That is a matter of milliseconds. When it takes longer than `updatePatienceNanoseconds`, or a second signal asks
  /// for haste, the drain begins without the update and these connections are closed unread.
  func beginDrainIfPossible() {
    if let update = pendingUpdate {
      let patience = (stopNanoseconds ?? now) + Self.updatePatienceNanoseconds
      guard now >= patience || control.isCutRequested else { return }
      abandon(update)
    }
    beginDrain()
  }

  /// How long a drain waits for an update.
  static let updatePatienceNanoseconds: UInt64 = 1_000_000_000

  /// Closes the sockets that an update would have added.
  private func abandon(_ update: WorkerUpdate) {
    pendingUpdate = nil
    for listener in update.listeners
    where !listeners.contains(where: { $0.descriptor == listener.descriptor }) {
      syscalls.close(listener.descriptor)
    }
  }

  /// Takes over a new configuration. The one place that changes what was compiled from the old one.
  ///
  /// Runs at the end of a loop turn, between two events: no head is half read into `requestHead`, no event of this
  /// turn is left. What belongs here: **every stored property of the worker that `init` makes from the configuration
  /// or from the tables**, made in the same way from `update.tables`; add yours. What does not: state of
  /// connections and exchanges, which keep the positions they have (see `ProxyTables`); whatever a running
  /// process cannot change, which the reload refuses before it comes here. Arrays by position only grow; state that
  /// lives in them (pools) is kept for entries that did not change.
  func apply(_ update: WorkerUpdate) {
    let tables = update.tables
    let configuration = tables.configuration
    limits = configuration.limits
    timeouts = WorkerTimeouts(configuration.timeouts)
    router = Router(tables)
    policy = HeaderPolicy(
      configuration.tenants, headers: configuration.headers,
      hints: configuration.upstreams.map(\.hints))
    trustedRanges = configuration.listeners.map(\.trusted)
    deniedRanges = configuration.listeners.map(\.denied)
    trustsCertificates = configuration.listeners.map(\.trustsCertificates)
    speaksHTTP2 = configuration.listeners.map(\.speaksHTTP2)
    accessLogger = AccessLogger(tables, ring: logRing)
    pipes.lentMax = limits.splicePipesMax
    resolvers = configuration.listeners.map {
      TenantResolver(configuration.tenants, listener: $0.name)
    }
    hintReaders = configuration.upstreams.map { CostHintReader($0.hints) }
    http1Limits = Self.http1Limits(configuration.limits)
    requestParsers = Self.requestParsers(configuration, http1Limits)
    responseParser = HTTP1Parser(limits: http1Limits)
    applyUpstreams(tables, update.boards)
    applyListeners(update.listeners)
    retireConnections(tables)
  }

  /// New pools behind the old ones; pools of upstreams that are gone or changed retire: idle connections are
  /// closed, busy ones finish.
  private func applyUpstreams(_ tables: ProxyTables, _ boards: [UpstreamBoard]) {
    for position in pools.count..<boards.count {
      pools.append(UpstreamPool(boards[position], workers: workerCount, worker: index))
    }
    for position in pools.indices where !tables.usesUpstream[position] {
      pools[position].isRetired = true
    }
    for slot in 0..<upstreams.slotCount {
      guard let upstream = upstreams[slot], upstream.downstream == nil,
        pools[upstream.upstream].isRetired
      else { continue }
      if let http2 = upstream.http2, !http2.isIdle {
        http2.leave()
        continue
      }
      upstream.member.forget(upstream)
      closeUpstream(upstream)
    }
  }

  /// Connections of listeners that are gone finish the request that they have or that is on its way, and are
  /// closed in good order.
  private func retireConnections(_ tables: ProxyTables) {
    for slot in 0..<downstreams.slotCount {
      guard let connection = downstreams[slot], !tables.usesListener[connection.listener],
        !connection.isRetiring
      else { continue }
      retire(connection)
    }
  }

  /// Says on the next response that it is the last, and gives an idle connection a while to have one.
  func retire(_ connection: DownstreamConnection) {
    if let http2 = connection.http2, !connection.isRetiring {
      connection.isRetiring = true
      retireHTTP2(connection, http2)
      return
    }
    connection.isRetiring = true
    if connection.exchange.phase == .idle && connection.headStart == nil && !connection.isLingering
    {
      connection.deadline = min(connection.deadline, now + timeouts.drainIdle)
    }
  }

  /// Whether this response is the last on its connection, which the client has to be told.
  func isLastResponse(_ connection: DownstreamConnection) -> Bool {
    connection.requestCount >= limits.requestsPerConnectionMax || connection.isRetiring
      || isDraining
  }

  /// The limits of heads that the parsers hold.
  static func http1Limits(_ limits: LimitConfiguration) -> HTTP1Limits {
    var http1 = HTTP1Limits()
    http1.headBytesMax = limits.headBytesMax
    http1.fieldCountMax = limits.fieldCountMax
    http1.targetBytesMax = limits.targetBytesMax
    http1.trailerBytesMax = limits.headBytesMax
    http1.trailerFieldCountMax = limits.fieldCountMax
    return http1
  }

  /// One parser a listener of the table.
  static func requestParsers(
    _ configuration: ProxyConfiguration, _ limits: HTTP1Limits
  ) -> [HTTP1Parser] {
    configuration.listeners.map { listener in
      var own = limits
      own.acceptsBareLineFeed = listener.acceptsBareLineFeed
      own.underscoreNames = listener.underscoreNames.ofCodec
      return HTTP1Parser(limits: own)
    }
  }
}
