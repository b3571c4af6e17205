public import Platform
import Synchronization
public import Usage

/// The meters of a process and the work behind them: preparing segments, sealing them, delivering them.
///
/// Life: `init` takes the directories and makes a meter a worker; `start` begins delivery, what killed
/// processes left first; when all workers have closed their meters, `stop` delivers the last segments.
/// Two threads of its own: one prepares memory (never waits for a disk), one seals and delivers.
public final class MeteringService: Sendable {
  private let configuration: MeteringConfiguration
  private let syscalls: Syscalls
  private let ledger: MeteringLedger
  private let directory: BootDirectory
  private let meters: [Meter]
  private let slots: [WorkerSlot]
  private let registers: Mutex<TenantRegister>
  private let hash: SegmentHash
  private let preparation: SegmentPreparation
  private let delivery: SegmentDelivery
  private let threads = Mutex<[OSThread]>([])

  /// The name of this proxy in all batches.
  public let instance: String
  /// The random id of this start.
  public var boot: BootID { directory.boot }

  /// Takes the directories, and begins an interval on each worker.
  ///
  /// `wake` has one closure a worker: it must make the worker finish a loop turn soon. `report` is called on the
  /// service's threads. Throws when the configuration is wrong or a directory cannot be used; what killed
  /// processes left is then untouched.
  public init(
    configuration: MeteringConfiguration, syscalls: Syscalls, clock: Clock,
    wake: [@Sendable () -> Void], report: @escaping @Sendable (MeteringEvent) -> Void
  ) throws(MeteringError) {
    SegmentLayout.checkSizes()
    var faults = configuration.faults()
    if wake.count != configuration.workers { faults.append("wake: one closure a worker") }
    if !faults.isEmpty { throw .invalidConfiguration(faults) }
    let instance = try InstanceName.resolve(configuration, syscalls: syscalls)
    let parents = BootDirectory.Parents(configuration, instance: instance)
    let recovery = SegmentRecovery(parents: parents, syscalls: syscalls)
    let survey = try recovery.survey()
    let adopted = try recovery.adopt(survey.names)
    let random = try naming("getrandom") { () throws(SystemError) in
      try syscalls.randomBytes(32)
    }
    let boot = BootID(high: Self.word(random, 0), low: Self.word(random, 8))
    hash = SegmentHash(key: (Self.word(random, 16), Self.word(random, 24)))

    // A boot that was killed before it counted names nobody; the one before it is still to be named.
    let predecessor = adopted.last { !$0.lastSequences.isEmpty }.map {
      Batch.Predecessor(boot: $0.directory.boot, lastSequences: $0.lastSequences)
    }
    let plan = SegmentPlan(
      instance: instance, workerCount: configuration.workers,
      intervalSeconds: configuration.intervalSeconds, listeners: configuration.listeners,
      routes: configuration.routes + [.none], units: configuration.units,
      predecessorCount: predecessor?.lastSequences.count ?? 0)
    directory = try BootDirectory.create(
      in: parents, boot: boot, ordinal: survey.ordinal + 1, syscalls: syscalls)
    let signals = try naming("eventfd") { () throws(SystemError) in
      (try Wakeup(syscalls: syscalls), try Wakeup(syscalls: syscalls))
    }
    slots = (0..<configuration.workers).map {
      WorkerSlot(worker: $0, preparation: signals.0, delivery: signals.1)
    }
    let ledger = MeteringLedger(listeners: configuration.listeners, report: report)
    preparation = SegmentPreparation(
      plan: plan, boot: boot, predecessor: predecessor, directory: directory, slots: slots,
      limit: configuration.cardinalityLimit, wake: wake, ledger: ledger, clock: clock,
      syscalls: syscalls)
    delivery = SegmentDelivery(
      directory: directory, slots: slots, adopted: adopted, recovery: recovery, ledger: ledger,
      clock: clock, syscalls: syscalls)
    let register = TenantRegister([], hash: hash)
    meters = try Self.makeMeters(
      preparation: preparation, slots: slots, configuration: configuration, register: register,
      hash: hash, clock: clock)
    registers = Mutex(register)
    self.configuration = configuration
    self.syscalls = syscalls
    self.ledger = ledger
    self.instance = instance
  }

  private static func makeMeters(
    preparation: SegmentPreparation, slots: [WorkerSlot], configuration: MeteringConfiguration,
    register: TenantRegister, hash: SegmentHash, clock: Clock
  ) throws(MeteringError) -> [Meter] {
    var meters: [Meter] = []
    let limits = Meter.Limits(
      rows: configuration.cardinalityLimit, workers: configuration.workers)
    for slot in slots {
      let storage = try preparation.prepareFirst(slot)
      let now = ClockReading(
        monotonicNanoseconds: clock.monotonicNanoseconds(),
        wallMicroseconds: clock.wallMicroseconds())
      meters.append(
        Meter(
          storage, slot: slot, limits: limits, register: register, hash: hash, now: now))
    }
    return meters
  }

  private static func word(_ bytes: [UInt8], _ start: Int) -> UInt64 {
    bytes[start..<start + 8].reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// The meter of a worker; only that worker's thread may use it from now on.
  public func meter(worker: Int) -> Meter { meters[worker] }

  /// Starts the threads. `onSealed` is called on one of them, for each worker in the order of its
  /// sequence, segments of killed processes first; a slow one delays only deliveries.
  public func start(
    onSealed: @escaping @Sendable (SealedSegment) -> Void
  ) throws(MeteringError) {
    precondition(threads.withLock { $0.isEmpty }, "a service is started once")
    let preparation = preparation
    let delivery = delivery
    let first = try naming("thread") { () throws(SystemError) in
      try OSThread(name: "weir-prepare") { preparation.run() }
    }
    threads.withLock { $0.append(first) }
    let second = try naming("thread") { () throws(SystemError) in
      try OSThread(name: "weir-seal") { delivery.run(onSealed) }
    }
    threads.withLock { $0.append(second) }
  }

  /// Replaces the register of known tenants. Workers see it when they next open a row, without a lock.
  public func updateRegister(_ ids: Set<TenantID>) {
    let newer = TenantRegister(ids, hash: hash)
    registers.withLock { register in
      _ = register.successor.storeIfNil(newer)
      register = newer
    }
  }

  /// Gives further listeners and routes a position behind those that are there, and has every worker move on
  /// to a segment that knows them.
  ///
  /// Returns the number that `Meter.tablesRevision` must have reached before a worker uses the new positions; that
  /// takes one or two hand-overs. With nothing to add it is the current number. Positions never change and are never
  /// given back. Any thread.
  public func grow(listeners: [String], routes: [RouteName]) throws(MeteringError) -> Int {
    try preparation.grow(listeners: listeners, routes: routes)
  }

  /// Asks every worker to hand over at the end of its current turn.
  public func requestRotation() {
    for slot in slots { slot.deadlineNanoseconds.store(0, ordering: .relaxed) }
    preparation.wakeWorkers()
  }

  /// Stops the threads after they have delivered every segment that was sealed. Workers close their meters
  /// before; what one has not closed stays where it is, and the next start recovers it.
  public func stop() {
    preparation.stop()
    delivery.stop()
    for thread in threads.withLock({ $0 }) { thread.join() }
    threads.withLock { $0 = [] }
    preparation.discardUnused()
    if slots.allSatisfy({ $0.isClosed.load(ordering: .acquiring) }) { directory.removeActive() }
  }

  /// Looks for boots of this instance whose process has ended, without waiting for the minute at which that is done
  /// anyway. Any thread.
  public func adoptFormerProcesses() { delivery.requestSearch() }

  /// Figures about the meter, with the live totals of each listener. Reads counters that workers are
  /// writing, each for itself.
  public func snapshot() -> MeteringMetrics {
    ledger.snapshot(slots: slots)
  }

  /// Looks for boots whose process died since the start; the thread does so every minute.
  func adoptMore(onSealed: (SealedSegment) -> Void) { delivery.adoptMore(onSealed) }

  /// How many workers there are.
  var workerCount: Int { slots.count }

  /// The thread work of one moment, for tests that run without threads: prepares, seals and delivers. Returns when the
  /// preparing thread would come again, in milliseconds.
  @discardableResult
  func runOnce(onSealed: (SealedSegment) -> Void) -> UInt64 {
    let wait = preparation.step()
    delivery.recover(onSealed)
    delivery.step(onSealed)
    return wait
  }
}
