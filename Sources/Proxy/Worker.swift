import HTTPCodec
import Metering
import Platform
import Usage

/// One data-plane thread: its listeners, event loop, tables, pools and meter. Shares nothing on the request path.
///
/// Every method runs on the worker's own thread. The control block is the only thing other threads touch.
final class Worker {
  let index: Int
  let syscalls: Syscalls
  let clock: Clock
  let loop: EventLoop
  let control: WorkerControl
  let enforcement: Enforcement
  let counters: WorkerCounters
  let meter: Meter
  let workerCount: Int
  // Compiled from the configuration; `apply` in Worker+Reload makes them anew.
  var router: Router
  var policy: HeaderPolicy
  var resolvers: [TenantResolver]
  var hintReaders: [CostHintReader]
  var http1Limits: HTTP1Limits
  var limits: LimitConfiguration
  var timeouts: WorkerTimeouts
  /// Whom each listener of the table trusts.
  var trustedRanges: [[AddressRange]]
  var deniedRanges: [[AddressRange]]
  /// Whether clients of the listener may speak HTTP/2.
  var speaksHTTP2: [Bool]
  /// Whether a verified certificate makes a client of the listener a trusted peer.
  var trustsCertificates: [Bool]
  /// Where ids come from.
  var random: RandomSource
  /// Position of `~none` in the meter's table of routes.
  let noRoute: Int
  /// A reload that waits for the meter to know its names.
  var pendingUpdate: WorkerUpdate?

  /// The sockets that this worker accepts from; several may belong to one listener, closed ones stay in place.
  var listeners: [Listener]
  /// Positions of listeners that are left alone until the next sweep.
  var pausedListeners: [Int] = []
  var requestParsers: [HTTP1Parser]
  var responseParser: HTTP1Parser
  /// Reused for each head: a head is dealt with in the turn in which it is complete.
  let requestHead = RequestHead()
  let responseHead = ResponseHead()
  var trailerFields: ContiguousArray<Field> = []
  /// The trailers that `trailerFields` were read from.
  let trailerBytes: Buffer
  /// What a send did not hand over, while it is taken back.
  var returned = Deltas()
  let buffers: BufferPool
  var exchanges = ExchangePool()
  var pipes: SplicePipePool
  /// Nil while nothing is logged.
  var accessLogger: AccessLogger?
  /// Where its lines go.
  let logRing: ByteRing?
  /// When most of many connections have gone.
  var ebb = Ebb()
  /// The resolved tenant id of the head that is being dealt with.
  let tenant = Buffer(capacity: TenantID.bytesMax)
  var downstreams = Slab<DownstreamConnection>()
  var upstreams = Slab<UpstreamConnection>()
  var pools: [UpstreamPool]
  /// TLS handshakes with clients that have begun and are not complete.
  var handshakes = 0
  /// Whether `limits.tlsHandshakesMax` kept connections waiting since the last sweep.
  var hasDeferredHandshakes = false
  /// Requests that wait for an upstream connection, in all pools.
  var waitingRequests = 0
  /// Open HTTP/2 streams; each has a place in `downstreams`, too.
  var streamCount = 0
  /// Connections of clients; streams are carried by them.
  var connectionCount: Int { downstreams.count - streamCount }
  /// HTTP/2 connections whose streams have moved in this turn.
  var listedHTTP2: [DownstreamConnection] = []
  /// The same of upstreams.
  var listedCarriers: [UpstreamConnection] = []
  /// Connections that go on in the next turn without an event.
  var ready: [DownstreamConnection] = []
  /// The limits of tenants, as of the last time this worker was woken.
  var tenantLimits: TenantLimitTable
  /// The name of the reserved tenant whose limits are being looked at, nil for a client's id.
  var limitedTenant: String?
  /// Fields that the next answer of our own carries beside its own.
  let answerFields = Buffer(capacity: 512)
  /// RateLimit fields of a response that is being passed on.
  let passedFields = Buffer(capacity: 512)
  /// Connections whose tenants have used up their bandwidth for now, longest waiting first.
  var paced: [DownstreamConnection] = []
  /// When the first of them is looked at again.
  var nextPace = UInt64.max
  /// The monotonic clock, read once a turn.
  var now: UInt64
  var nextSweep: UInt64 = 0
  /// When the stop signal was seen.
  var stopNanoseconds: UInt64?
  var isDraining = false
  var drainDeadline = UInt64.max
  private var isFinished = false

  /// How often deadlines are looked at.
  static let sweepNanoseconds: UInt64 = 250_000_000
  /// Connections accepted a turn, so that a flood of them does not starve the open ones.
  static let acceptsPerTurnMax = 64
  /// Rounds that one connection may take in a turn: about 1 MiB each way.
  static let roundsPerTurnMax = 16

  /// A worker with its own sockets; `listeners` are bound already.
  init(
    index: Int, workerCount: Int, tables: ProxyTables, boards: [UpstreamBoard],
    listeners: [Listener], meter: Meter, control: WorkerControl, counters: WorkerCounters,
    enforcement: Enforcement, clock: Clock, syscalls: Syscalls, logRing: ByteRing? = nil
  ) throws(SystemError) {
    let configuration = tables.configuration
    self.index = index
    self.workerCount = workerCount
    self.syscalls = syscalls
    self.clock = clock
    self.control = control
    self.counters = counters
    self.enforcement = enforcement
    tenantLimits = enforcement.table
    self.meter = meter
    self.listeners = listeners
    limits = configuration.limits
    timeouts = WorkerTimeouts(configuration.timeouts)
    trustedRanges = configuration.listeners.map(\.trusted)
    deniedRanges = configuration.listeners.map(\.denied)
    trustsCertificates = configuration.listeners.map(\.trustsCertificates)
    speaksHTTP2 = configuration.listeners.map(\.speaksHTTP2)
    router = Router(tables)
    policy = HeaderPolicy(
      configuration.tenants, headers: configuration.headers,
      hints: configuration.upstreams.map(\.hints))
    random = try RandomSource(syscalls: syscalls)
    resolvers = configuration.listeners.map {
      TenantResolver(configuration.tenants, listener: $0.name)
    }
    hintReaders = configuration.upstreams.map { CostHintReader($0.hints) }
    noRoute = tables.noneRoute
    let http1 = Self.http1Limits(configuration.limits)
    http1Limits = http1
    requestParsers = Self.requestParsers(configuration, http1)
    responseParser = HTTP1Parser(limits: http1)
    trailerBytes = Buffer(capacity: http1.trailerBytesMax)
    pipes = SplicePipePool(syscalls: syscalls, lentMax: limits.splicePipesMax)
    buffers = BufferPool(capacity: limits.bufferBytes, keptMax: 256)
    pools = boards.map { UpstreamPool($0, workers: workerCount, worker: index) }
    self.logRing = logRing
    accessLogger = AccessLogger(tables, ring: logRing)
    now = clock.monotonicNanoseconds()
    loop = try EventLoop(syscalls: syscalls)
    try loop.registerForReading(control.wakeup.descriptor, word: EventWord.wakeup)
    for (position, listener) in listeners.enumerated() {
      try loop.registerForReading(listener.descriptor, word: EventWord.listener(position))
    }
  }

  /// Serves until drained. The thread ends when this returns.
  func run() {
    while !isFinished {
      let count = loop.wait(timeoutMilliseconds: waitMilliseconds)
      now = clock.monotonicNanoseconds()
      // Bound: the loop's events a turn.
      for position in 0..<count { dispatch(loop.event(position)) }
      runReady()
      if !listedHTTP2.isEmpty { flushListedHTTP2() }
      if !listedCarriers.isEmpty { flushListedCarriers() }
      if now >= nextPace { resumePaced() }
      if now >= nextSweep { sweep() }
      if waitingRequests > 0 { serveWaiting() }
      if meter.rotationIsDue(nowNanoseconds: now) { rotate() }
      if pendingUpdate != nil { applyUpdateIfPossible() }
      if stopNanoseconds != nil && !isDraining { beginDrainIfPossible() }
      if isDraining { finishDrainIfPossible() }
      counters.add(.turns)
      counters.set(.lentBuffers, to: buffers.lent)
      counters.set(.lentPipes, to: pipes.lent)
    }
  }

  private var waitMilliseconds: Int32 {
    if !ready.isEmpty || !listedHTTP2.isEmpty || !listedCarriers.isEmpty { return 0 }
    // What was served last has made room: an event for it may never come.
    if waitingRequests > 0 && pools.contains(where: { !$0.waiting.isEmpty && $0.hasRoom(at: now) })
    {
      return 0
    }
    let isSweeping =
      downstreams.count > 0 || upstreams.count > 0 || !pausedListeners.isEmpty
      || pipes.keptCount > 0
    // A paced connection that has closed leaves the list when its time comes, also when it was the last.
    guard isSweeping || stopNanoseconds != nil || nextPace != .max else { return -1 }
    let sweep = Int32(Self.sweepNanoseconds / 1_000_000)
    return nextPace == .max ? sweep : min(sweep, paceMilliseconds)
  }

  private func dispatch(_ event: EventLoop.Event) {
    switch EventWord.kind(of: event.word) {
    case .downstream:
      let (slot, generation) = EventWord.place(of: event.word)
      guard let connection = downstreams.element(at: slot, generation: generation) else { return }
      connection.channel.note(event)
      progress(connection)
    case .upstream:
      let (slot, generation) = EventWord.place(of: event.word)
      guard let connection = upstreams.element(at: slot, generation: generation) else { return }
      connection.channel.note(event)
      upstreamIsReady(connection)
    case .listener: accept(EventWord.place(of: event.word).slot)
    case .wakeup: wakeUp()
    }
  }

  private func wakeUp() {
    control.wakeup.clear()
    followLimits()
    // Read before the update is taken: an update that was left before the signal is never overlooked.
    let isStopRequested = control.isStopRequested
    if let update = control.takeUpdate() { pendingUpdate = update }
    takeNewAddresses()
    if isStopRequested && stopNanoseconds == nil { stopNanoseconds = now }
    if control.isCutRequested && isDraining { drainDeadline = 0 }
  }

  private func runReady() {
    guard !ready.isEmpty else { return }
    let connections = ready
    ready.removeAll(keepingCapacity: true)
    for connection in connections {
      connection.isReady = false
      guard !connection.isClosed else { continue }
      progress(connection)
    }
  }

  /// Has a connection go on in the next turn.
  func continueLater(_ connection: DownstreamConnection) {
    guard !connection.isReady else { return }
    connection.isReady = true
    ready.append(connection)
  }

  /// Moves to the next segment; open exchanges look their row up again.
  func rotate() {
    let wall = clock.wallMicroseconds()
    for slot in 0..<downstreams.slotCount {
      guard let connection = downstreams[slot], connection.exchange.isOpen else { continue }
      connection.exchange.countStream(at: now)
      flush(connection)
    }
    meter.beginRotation(nowNanoseconds: now, wallMicroseconds: wall)
    for slot in 0..<downstreams.slotCount {
      guard let connection = downstreams[slot], connection.exchange.isOpen,
        let row = connection.exchange.row
      else { continue }
      connection.exchange.row = meter.carryOver(row, listener: connection.listener)
    }
    meter.completeRotation()
  }

  /// Records what an exchange has pending.
  @inline(__always)
  func flush(_ connection: DownstreamConnection) {
    let exchange = connection.exchange
    guard !exchange.pending.isEmpty, let row = exchange.row else { return }
    exchange.allowance.charge(exchange.pending, at: now)
    meter.record(row, listener: connection.listener, exchange.pending, observing: nil)
    exchange.record?.add(exchange.pending)
    exchange.pending.clear()
  }

  private func finishDrainIfPossible() {
    if now >= drainDeadline { cutOffEverything() }
    guard downstreams.count == 0 else { return }
    closeAllUpstreams()
    meter.close(nowNanoseconds: now, wallMicroseconds: clock.wallMicroseconds())
    isFinished = true
  }
}

/// The configured timeouts in nanoseconds.
struct WorkerTimeouts {
  let firstHead, proxyHeader, clientWrite, bodyRateGrace: UInt64
  /// 0 for never.
  let ping: UInt64
  let requestHead, keepAlive, body, stream, connect, responseHead, upstreamIdle, drain: UInt64
  let linger, drainIdle: UInt64

  init(_ configuration: TimeoutConfiguration) {
    func nanoseconds(_ milliseconds: Int) -> UInt64 { UInt64(milliseconds) * 1_000_000 }
    firstHead = nanoseconds(configuration.firstHeadMilliseconds)
    proxyHeader = nanoseconds(configuration.proxyHeaderMilliseconds)
    clientWrite = nanoseconds(configuration.clientWriteMilliseconds)
    ping = nanoseconds(configuration.pingMilliseconds)
    bodyRateGrace = nanoseconds(configuration.bodyRateGraceMilliseconds)
    requestHead = nanoseconds(configuration.requestHeadMilliseconds)
    keepAlive = nanoseconds(configuration.keepAliveMilliseconds)
    body = nanoseconds(configuration.bodyMilliseconds)
    stream = nanoseconds(configuration.streamMilliseconds)
    connect = nanoseconds(configuration.connectMilliseconds)
    responseHead = nanoseconds(configuration.responseHeadMilliseconds)
    upstreamIdle = nanoseconds(configuration.upstreamIdleMilliseconds)
    drain = nanoseconds(configuration.drainMilliseconds)
    linger = nanoseconds(configuration.lingerMilliseconds)
    drainIdle = nanoseconds(configuration.drainIdleMilliseconds)
  }
}
