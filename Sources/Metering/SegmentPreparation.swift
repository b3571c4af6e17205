import Platform
import Synchronization
import Usage

/// Has memory ready before a worker needs it, wakes workers at the end of an interval, and notices late ones.
///
/// Runs on a thread of its own that never waits for a disk.
final class SegmentPreparation: Sendable {
  private let plans: Mutex<SegmentPlan>
  private let boot: BootID
  private let predecessor: Batch.Predecessor?
  private let directory: BootDirectory
  private let slots: [WorkerSlot]
  private let rowsMax: Int
  private let wake: [@Sendable () -> Void]
  private let ledger: MeteringLedger
  private let clock: Clock
  private let syscalls: Syscalls
  private let isStopping = Atomic<Bool>(false)
  private let late = Mutex<Set<Int>>([])
  /// Sequences for which a failure was reported, a worker: one report each.
  private let reported = Mutex<[Int: UInt64]>([:])

  /// Extents of a new segment: 2.5 MiB at least, so about 4,500 rows before it must have grown.
  private static let extentsMin = 40
  /// Extents of a new segment at most; a larger one grows while it is used.
  private static let initialExtentsMax = 160
  /// Extents added at once at most, 8 MiB: the thread is back soon, and little stays unused.
  private static let growthExtentsMax = 128
  /// Bytes of address space a row: rows with more than a few histogram chunks use it up earlier.
  private static let reservedBytesPerRow = 1024
  /// Pause after a failure before it is tried again.
  private static let retryMilliseconds: UInt64 = 250

  /// The preparation of a process's slots.
  init(
    plan: SegmentPlan, boot: BootID, predecessor: Batch.Predecessor?, directory: BootDirectory,
    slots: [WorkerSlot], limit: Int, wake: [@Sendable () -> Void], ledger: MeteringLedger,
    clock: Clock, syscalls: Syscalls
  ) {
    plans = Mutex(plan)
    self.boot = boot
    self.predecessor = predecessor
    self.directory = directory
    self.slots = slots
    self.wake = wake
    self.ledger = ledger
    self.clock = clock
    self.syscalls = syscalls
    rowsMax = max(1, limit / slots.count)
  }

  /// The thread: a step at each signal and each deadline.
  func run() {
    guard let signal = slots.first?.preparation else { return }
    while !isStopping.load(ordering: .acquiring) {
      _ = signal.wait(timeoutMilliseconds: Int32(clamping: step()))
    }
  }

  /// Ends `run`.
  func stop() {
    isStopping.store(true, ordering: .releasing)
    slots.first?.preparation.signal()
  }

  /// Does what is due and says when to come again, in milliseconds.
  func step() -> UInt64 {
    var wait: UInt64 = 60_000
    for slot in slots where !slot.isClosed.load(ordering: .acquiring) {
      let isReady = prepareSuccessor(slot)
      extend(slot)
      // A segment that was prepared before the tables grew is used up first: two hand-overs then.
      if isReady && slot.isBehind { slot.deadlineNanoseconds.store(0, ordering: .relaxed) }
      let now = clock.monotonicNanoseconds()
      let deadline = slot.deadlineNanoseconds.load(ordering: .relaxed)
      if deadline <= now {
        if isReady { wake[slot.worker]() }
        watch(slot, overdueNanoseconds: now - min(now, plannedEnd(slot, deadline)))
        wait = min(wait, Self.retryMilliseconds)
      } else {
        comeBack(slot)
        wait = min(wait, (deadline - now) / 1_000_000 + 1)
      }
    }
    return wait
  }

  /// When the interval should have ended: asking for an early end does not hide a stuck worker.
  private func plannedEnd(_ slot: WorkerSlot, _ deadline: UInt64) -> UInt64 {
    if deadline != 0 { return deadline }
    return slot.beganNanoseconds.load(ordering: .relaxed) + UInt64(plan.intervalSeconds)
      * 1_000_000_000
  }

  /// The newest layout.
  private var plan: SegmentPlan { plans.withLock { $0 } }

  /// Lets further segments know these names too, and has every worker move on to one that does.
  ///
  /// Any thread. Returns the revision of `Meter.tablesRevision` from which they are known. Throws when a name is
  /// there already or there are too many.
  func grow(listeners: [String], routes: [RouteName]) throws(MeteringError) -> Int {
    let outcome: Result<Int, MeteringError> = plans.withLock { plan in
      if listeners.isEmpty && routes.isEmpty { return .success(plan.revision) }
      let grown = plan.grown(listeners: listeners, routes: routes)
      let faults = MeteringConfiguration.faults(
        listeners: grown.listeners, routes: grown.routes.filter { $0 != .none })
      guard faults.isEmpty else { return .failure(.invalidConfiguration(faults)) }
      plan = grown
      return .success(grown.revision)
    }
    let revision = try outcome.get()
    for slot in slots where slot.wantedRevision.load(ordering: .relaxed) < revision {
      slot.wantedRevision.store(revision, ordering: .releasing)
      slot.preparation.signal()
    }
    return revision
  }

  /// Wakes every worker.
  func wakeWorkers() {
    for wake in wake { wake() }
  }

  /// The first segment of a worker. Volatile when its file cannot be allocated; throws when not even memory can
  /// be had.
  func prepareFirst(_ slot: WorkerSlot) throws(MeteringError) -> SegmentStorage {
    let request = request(worker: slot.worker, sequence: 0)
    // The file first: beside a file that is only prepared, the mark says nothing.
    let storage = try naming(path(request.name)) { () throws(SystemError) in
      try create(request)
    }
    try naming(directory.sealedPath) { () throws(SystemError) in
      try directory.mark(worker: slot.worker, sequence: 0)
    }
    slot.segments.withLock { $0 = [storage] }
    return storage
  }

  /// Removes segments that were prepared and never used. After the workers have stopped.
  func discardUnused() {
    for slot in slots where slot.isClosed.load(ordering: .acquiring) {
      for storage in slot.segments.withLock({ $0 }) where storage.phase == .prepared {
        if let path = storage.path { try? syscalls.unlink(path) }
      }
    }
  }

  /// Whether the worker has a segment to move on to.
  private func prepareSuccessor(_ slot: WorkerSlot) -> Bool {
    guard let current = slot.newest else { return false }
    if current.phase == .prepared { return true }
    let request = request(
      worker: slot.worker, sequence: current.name.sequence + 1,
      lastExtents: slot.lastExtents.load(ordering: .relaxed),
      lastRows: slot.lastRows.load(ordering: .relaxed))
    do throws(SystemError) {
      let storage = try create(request)
      // Into the list first: the worker may use it, and seal it, as soon as it is linked.
      slot.segments.withLock { $0.append(storage) }
      _ = current.successor.storeIfNil(storage)
      return true
    } catch {
      tellOnce(request.name, .segmentIsMissing(request.name, error))
      return false
    }
  }

  /// A segment in a file, or in memory alone when the file cannot be allocated.
  private func create(_ request: SegmentStorage.Request) throws(SystemError) -> SegmentStorage {
    do throws(SystemError) {
      return try SegmentStorage.allocate(
        request, path: path(request.name), syscalls: syscalls)
    } catch {
      let storage = try SegmentStorage.volatile(request, syscalls: syscalls)
      ledger.update { $0.allocationFailures += 1 }
      tellOnce(request.name, .segmentIsVolatile(request.name, error))
      return storage
    }
  }

  /// Gives more space and index to segments whose worker asked for it.
  private func extend(_ slot: WorkerSlot) {
    for storage in slot.segments.withLock({ $0 }) where storage.phase == .active {
      guard storage.wantsMore.load(ordering: .acquiring) else { continue }
      storage.wantsMore.store(false, ordering: .relaxed)
      do throws(SystemError) {
        // The index first: it needs no room in a file system, and may succeed where growing fails.
        try storage.index.extend(syscalls: syscalls)
        let published = storage.publishedExtents.load(ordering: .relaxed)
        if storage.isLow(extentsLeft: published - storage.claimedExtents) {
          try storage.grow(byExtents: min(Self.growthExtentsMax, published))
        }
      } catch {
        ledger.update { $0.allocationFailures += 1 }
        tellOnce(storage.name, .growthFailed(storage.name, error))
      }
    }
  }

  private func watch(_ slot: WorkerSlot, overdueNanoseconds: UInt64) {
    let overdueSeconds = overdueNanoseconds / 1_000_000_000
    guard overdueSeconds >= 2 * UInt64(plan.intervalSeconds),
      late.withLock({ $0.insert(slot.worker).inserted })
    else { return }
    ledger.update { $0.lateWorkers += 1 }
    ledger.tell(.workerIsLate(worker: slot.worker, seconds: Int(overdueSeconds)))
  }

  private func comeBack(_ slot: WorkerSlot) {
    guard late.withLock({ $0.remove(slot.worker) }) != nil else { return }
    ledger.update { $0.lateWorkers -= 1 }
    ledger.tell(.workerIsBack(worker: slot.worker))
  }

  private func tellOnce(_ name: BatchName, _ event: MeteringEvent) {
    let isNew = reported.withLock {
      $0.updateValue(name.sequence, forKey: Int(name.worker)) != name.sequence
    }
    if isNew { ledger.tell(event) }
  }

  private func path(_ name: BatchName) -> String {
    directory.activePath + "/"
      + SegmentFile.name(worker: Int(name.worker), sequence: name.sequence)
  }

  private func request(
    worker: Int, sequence: UInt64, lastExtents: Int = 0, lastRows: Int = 0
  ) -> SegmentStorage.Request {
    guard
      let name = BatchName(
        instance: plan.instance, boot: boot, worker: UInt16(worker), sequence: sequence)
    else { preconditionFailure("the instance's name was validated") }
    let wanted = rowsMax * Self.reservedBytesPerRow / SegmentLayout.extentBytes
    let most =
      (SegmentLayout.segmentBytesMax - plan.firstExtentOffset) / SegmentLayout.extentBytes - 1
    return SegmentStorage.Request(
      name: name, plan: plan, predecessor: sequence == 0 ? predecessor : nil,
      extents: min(Self.initialExtentsMax, max(Self.extentsMin, lastExtents / 4)),
      extentsMax: min(most, max(1024, wanted)), rowsExpected: lastRows)
  }
}
