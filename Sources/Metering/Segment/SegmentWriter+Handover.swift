import Usage

/// The two clocks at one moment.
struct ClockReading: Equatable, Sendable {
  /// CLOCK_BOOTTIME.
  var monotonicNanoseconds: UInt64
  /// UTC.
  var wallMicroseconds: Int64
}

extension HistogramBuckets {
  /// The chunk of a segment that holds a bucket.
  @inline(__always)
  static func group(of bucket: Int) -> Int { bucket >> 4 }
  /// The position of a bucket in its chunk.
  @inline(__always)
  static func step(of bucket: Int) -> Int { bucket & 15 }
}

extension SegmentWriter {
  /// Stamps the beginning of the interval. A worker that is killed before it notes a turn was alive until here.
  func begin(wallMicroseconds: Int64, monotonicNanoseconds: UInt64) {
    store(UInt64(bitPattern: wallMicroseconds), at: .startWallMicroseconds)
    store(monotonicNanoseconds, at: .startMonotonicNanoseconds)
  }

  /// Stamps the end of the interval.
  func end(wallMicroseconds: Int64, monotonicNanoseconds: UInt64, adding flags: BatchFlags) {
    store(UInt64(bitPattern: wallMicroseconds), at: .endWallMicroseconds)
    store(monotonicNanoseconds, at: .endMonotonicNanoseconds)
    let old = load(SegmentLayout.Header.flags.offset)
    store(old | UInt64(flags.rawValue), at: .flags)
  }

  /// Notes that the worker was alive: the end of the interval if it is killed.
  @inline(__always)
  func noteTurn(_ monotonicNanoseconds: UInt64) {
    store(monotonicNanoseconds, at: SegmentLayout.Header.lastTurnNanoseconds.offset)
  }

  /// Writes the state that recovery goes by.
  func setState(_ state: SegmentLayout.State) { store(state.rawValue, at: .state) }

  /// Counts an exchange that was open when the interval began.
  ///
  /// Not under the undo record: until the hand-over is complete, recovery discards this segment.
  func carry(_ row: MeterRow, listener: Int) {
    precondition(row.generation == generation, "a row of another segment")
    let cells = listenerOffset(listener)
    for word in [SegmentLayout.RowWord.openStart, SegmentLayout.RowWord.open] {
      store(load(row.offset + word * 8) + 1, at: row.offset + word * 8)
    }
    for word in [SegmentLayout.ListenerWord.openStart, SegmentLayout.ListenerWord.open] {
      store(load(cells + word * 8) + 1, at: cells + word * 8)
    }
  }

  /// Whether nothing was counted and nothing is open.
  var isEmpty: Bool {
    for offset in stride(
      from: listenersOffset,
      to: listenersOffset + listenerCount * SegmentLayout.listenerBytes, by: 8)
    where load(offset) != 0 { return false }
    return true
  }

  /// The reserved row at a position that `SegmentStorage.reservedPosition` told of another segment.
  func reservedRow(at position: Int) -> MeterRow {
    precondition(
      position >= 0 && position < routeCount * SegmentLayout.reservedTenantCount, "no such row")
    return row(at: reservedRowsOffset + position * SegmentLayout.rowBytes)
  }

  /// The row of a reserved tenant.
  @inline(__always)
  func reservedRow(_ tenant: ReservedTenant, route: Int) -> MeterRow {
    precondition(route >= 0 && route < routeCount, "no such route")
    return row(
      at: reservedRowsOffset &+ (route &* SegmentLayout.reservedTenantCount &+ tenant.rawValue)
        &* SegmentLayout.rowBytes)
  }
}

/// A segment that the worker is handing over: what it still has to read there.
extension SegmentStorage {
  /// Exchanges that are open, by the listeners' totals.
  var openExchanges: UInt64 {
    plan.listeners.indices.reduce(0) { sum, listener in
      let cells = plan.listenersOffset + listener * SegmentLayout.listenerBytes
      return sum + memory.load(cells + SegmentLayout.ListenerWord.open * 8)
    }
  }

  /// Whether this row belongs to the segment.
  func owns(_ row: MeterRow) -> Bool {
    row.generation == UInt32(truncatingIfNeeded: name.sequence)
  }

  /// Position of a reserved tenant's row among the reserved rows, the same in every segment of the process;
  /// nil for the row of any other tenant.
  func reservedPosition(of row: MeterRow) -> Int? {
    guard row.offset < plan.fallbackChunksOffset else { return nil }
    return (row.offset - plan.reservedRowsOffset) / SegmentLayout.rowBytes
  }

  /// The route of a row.
  func route(of row: MeterRow) -> Int {
    Int(memory.load(row.offset + SegmentLayout.RowWord.key * 8) >> 16 & 0xFFFF)
  }

  /// The tenant id of a row.
  @_lifetime(borrow self)
  func tenant(of row: MeterRow) -> RawSpan {
    let key = memory.load(row.offset + SegmentLayout.RowWord.key * 8)
    let memory = memory
    let span = memory.bytes(Int(key >> 32), Int(key >> 8 & 0xFF))
    // Safe: the storage keeps its memory as long as it lives.
    return unsafe _overrideLifetime(span, borrowing: self)
  }
}
