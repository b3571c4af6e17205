import Platform
import Synchronization
public import Usage

/// Counts what one worker serves. See docs/metering.md for the contract.
///
/// Two kinds of call: events, on the request path, which never wait, lock or allocate (opening a row apart);
/// and the hand-over at the end of a loop turn:
///
///     if meter.rotationIsDue(now) {
///       meter.beginRotation(now, wall)
///       for each open exchange: exchange.row = meter.carryOver(exchange.row, listener: …)
///       meter.completeRotation()
///     }
///
/// `@unchecked Sendable`: it is created on one thread and then touched only by the one worker thread that
/// it was given to.
public final class Meter: @unchecked Sendable {
  private let writer: SegmentWriter<Unobserved>
  /// The segment being handed over, between `beginRotation` and `completeRotation`.
  private var retiring: SegmentStorage?
  private var schedule: IntervalSchedule
  private var register: TenantRegister
  private var rule: AdmissionRule
  private var phase = Phase.counting
  private let limits: Limits
  private let hash: SegmentHash
  private let slot: WorkerSlot

  private enum Phase {
    case counting, rotating, restarted, closed
  }

  /// What an admission rule is made of.
  struct Limits {
    var rows: Int
    var workers: Int
  }

  /// The meter of a slot, counting from now into `storage`.
  init(
    _ storage: SegmentStorage, slot: WorkerSlot, limits: Limits, register: TenantRegister,
    hash: SegmentHash, now: ClockReading
  ) {
    self.slot = slot
    self.limits = limits
    self.register = register
    self.hash = hash
    rule = AdmissionRule(
      limit: limits.rows, workers: limits.workers, registered: register.count,
      routes: storage.plan.routes.count)
    schedule = IntervalSchedule(seconds: storage.plan.intervalSeconds, start: now)
    writer = SegmentWriter(storage, observer: Unobserved())
    writer.begin(
      wallMicroseconds: now.wallMicroseconds, monotonicNanoseconds: now.monotonicNanoseconds)
    writer.setState(.active)
    storage.enter(.active)
    publishSchedule()
  }

  /// Row of (tenant, route) in the active segment, opened if it is new.
  ///
  /// The caller has validated the id (`TenantID.isValid`). When the cardinality limit is reached, or memory runs
  /// out before the service prepared more, the answer is the row of `~overflow` on this route. A hit
  /// allocates nothing and stores nothing.
  public func row(tenant: RawSpan, route: Int) -> MeterRow {
    let idHash = hash.callAsFunction(tenant)
    let rowHash = SegmentHash.row(idHash, route: route)
    if let row = writer.find(tenant, route: route, hash: rowHash) { return row }
    return open(tenant, route: route, idHash: idHash, rowHash: rowHash)
  }

  /// Row of a reserved tenant; always there.
  public func row(reserved: ReservedTenant, route: Int) -> MeterRow {
    writer.reservedRow(reserved, route: route)
  }

  /// Adds an event to a row and to its listener's totals: both or neither, whatever kills the process.
  ///
  /// `observing` adds one latency observation in µs. A delta of `requests` opens an exchange, one of an
  /// `ended` quantity closes it.
  public func record(
    _ row: MeterRow, listener: Int, _ deltas: borrowing Deltas,
    observing durationMicroseconds: UInt64? = nil
  ) {
    precondition(phase == .counting, "counting in the middle of a hand-over")
    writer.record(
      row, listener: listener, deltas, observing: durationMicroseconds, takingBack: false)
    if writer.isRunningLow { askForMore() }
  }

  /// Takes an event back in the turn that recorded it: the kernel took fewer bytes, or the end was not reached.
  public func takeBack(
    _ row: MeterRow, listener: Int, _ deltas: borrowing Deltas,
    observing durationMicroseconds: UInt64? = nil
  ) {
    precondition(phase == .counting, "counting in the middle of a hand-over")
    writer.record(
      row, listener: listener, deltas, observing: durationMicroseconds, takingBack: true)
  }

  /// Adds to the listener's connection totals: what belongs to no request.
  public func recordConnection(
    listener: Int, _ quantity: ConnectionQuantity, _ amount: UInt64
  ) {
    precondition(phase == .counting, "counting in the middle of a hand-over")
    writer.recordConnection(listener: listener, quantity, amount)
  }

  /// Which names the active segment knows: those that `MeteringService.grow` returned this number for, or a
  /// smaller one. Rises at hand-overs only.
  public var tablesRevision: Int { writer.storage.plan.revision }

  /// Whether the interval is over and the next segment is ready. Ask at the end of every loop turn.
  ///
  /// Notes the turn in the segment: if the process is killed, its interval ends there. When no segment is ready
  /// the interval simply goes on; nothing waits.
  public func rotationIsDue(nowNanoseconds: UInt64) -> Bool {
    writer.noteTurn(nowNanoseconds)
    if nowNanoseconds < slot.deadlineNanoseconds.load(ordering: .relaxed) { return false }
    return phase == .counting && writer.storage.successor.load() != nil
  }

  /// Switches to the next segment. Then carry every open exchange over, then complete.
  ///
  /// A worker other than the first that counted nothing keeps its segment and starts its interval anew, so
  /// that an idle process ships one heartbeat an interval and no more; unless the tables have grown, and it has
  /// to move on to a segment that knows the new names.
  public func beginRotation(nowNanoseconds: UInt64, wallMicroseconds: Int64) {
    precondition(phase == .counting, "one hand-over at a time")
    guard let successor = writer.storage.successor.load() else {
      preconditionFailure("rotationIsDue was not asked")
    }
    let cut = schedule.cut(
      at: ClockReading(
        monotonicNanoseconds: nowNanoseconds, wallMicroseconds: wallMicroseconds))
    let isBehind = tablesRevision < slot.wantedRevision.load(ordering: .acquiring)
    if slot.worker != 0 && writer.isEmpty && !cut.isStepped && !writer.storage.isVolatile
      && !isBehind
    {
      writer.begin(
        wallMicroseconds: cut.wallMicroseconds, monotonicNanoseconds: nowNanoseconds)
      phase = .restarted
    } else {
      writer.end(
        wallMicroseconds: cut.wallMicroseconds, monotonicNanoseconds: nowNanoseconds,
        adding: cut.isStepped ? .clockStepped : [])
      retiring = writer.storage
      publishUse()
      writer.move(to: successor)
      makeRule()
      writer.begin(
        wallMicroseconds: cut.wallMicroseconds, monotonicNanoseconds: nowNanoseconds)
      phase = .rotating
    }
    followRegister()
  }

  /// The row of an open exchange in the new segment, where it counts as open from the start.
  public func carryOver(_ row: MeterRow, listener: Int) -> MeterRow {
    guard let retiring, phase == .rotating else {
      precondition(phase == .restarted, "carried over outside a hand-over")
      return row
    }
    precondition(retiring.owns(row), "a row of another segment")
    let new: MeterRow
    if let position = retiring.reservedPosition(of: row) {
      new = writer.reservedRow(at: position)
    } else {
      let tenant = retiring.tenant(of: row)
      let route = retiring.route(of: row)
      let idHash = hash.callAsFunction(tenant)
      let rowHash = SegmentHash.row(idHash, route: route)
      new =
        writer.find(tenant, route: route, hash: rowHash)
        ?? open(tenant, route: route, idHash: idHash, rowHash: rowHash)
    }
    writer.carry(new, listener: listener)
    return new
  }

  /// Ends the hand-over: from here on the old segment is the service's.
  public func completeRotation() {
    guard let old = retiring, phase == .rotating else {
      precondition(phase == .restarted, "completed what was not begun")
      phase = .counting
      publishSchedule()
      return
    }
    precondition(
      old.openExchanges == writer.storage.openExchanges, "every open exchange is carried over, once"
    )
    // One store decides: before it recovery discards the new segment and its open exchanges, after it the
    // old one counts as sealed.
    writer.setState(.active)
    old.memory.store(
      SegmentLayout.State.sealed.rawValue, at: SegmentLayout.Header.state.offset)
    writer.storage.enter(.active)
    old.enter(.sealed)
    retiring = nil
    phase = .counting
    publishSchedule()
    slot.preparation.signal()
    slot.delivery.signal()
  }

  /// Seals the last segment of this worker. Every exchange has been ended before.
  public func close(nowNanoseconds: UInt64, wallMicroseconds: Int64) {
    precondition(phase == .counting, "closed once, and not in a hand-over")
    let cut = schedule.cut(
      at: ClockReading(
        monotonicNanoseconds: nowNanoseconds, wallMicroseconds: wallMicroseconds))
    writer.end(
      wallMicroseconds: cut.wallMicroseconds, monotonicNanoseconds: nowNanoseconds,
      adding: cut.isStepped ? [.clockStepped, .final] : .final)
    writer.setState(.sealed)
    writer.storage.enter(.sealed)
    publishUse()
    phase = .closed
    slot.isClosed.store(true, ordering: .releasing)
    slot.preparation.signal()
    slot.delivery.signal()
  }

  @inline(never)
  private func open(_ tenant: RawSpan, route: Int, idHash: UInt64, rowHash: UInt64) -> MeterRow {
    followRegister()
    let row = writer.admit(
      tenant, route: route, hash: rowHash,
      isRegistered: register.contains(tenant, hashed: idHash), rule: rule)
    if writer.isRunningLow { askForMore() }
    if let row { return row }
    addAsSoleWriter(1, to: slot.overflowedLookups)
    return writer.reservedRow(.overflow, route: route)
  }

  private func followRegister() {
    guard register.successor.load() != nil else { return }
    while let newer = register.successor.load() { register = newer }
    makeRule()
  }

  private func makeRule() {
    rule = AdmissionRule(
      limit: limits.rows, workers: limits.workers, registered: register.count,
      routes: writer.routeCount)
  }

  /// Once a shortage: one system call, and the service takes the mark away when it has prepared more.
  private func askForMore() {
    writer.isRunningLow = false
    guard !writer.storage.wantsMore.load(ordering: .relaxed) else { return }
    writer.storage.wantsMore.store(true, ordering: .releasing)
    slot.preparation.signal()
  }

  /// What the segment that ends needed: the next ones are prepared by it.
  private func publishUse() {
    addAsSoleWriter(writer.displacedObservations, to: slot.displacedObservations)
    slot.lastExtents.store(writer.claimedExtents, ordering: .relaxed)
    slot.lastRows.store(writer.rowCount, ordering: .relaxed)
  }

  private func publishSchedule() {
    slot.beganNanoseconds.store(schedule.beganNanoseconds, ordering: .relaxed)
    slot.deadlineNanoseconds.store(schedule.deadlineNanoseconds, ordering: .relaxed)
  }
}
