import Usage

/// The event that was being recorded when a worker was killed.
struct SegmentRedo {
  private let memory: SegmentMemory

  /// Reads the record of a segment.
  init(_ memory: SegmentMemory) { self.memory = memory }

  private func word(_ index: Int) -> UInt64 {
    memory.load(SegmentLayout.redoOffset + index * 8)
  }

  /// Whether an event was begun and not ended.
  var isInForce: Bool { word(SegmentLayout.Redo.key) != 0 }
  /// The row.
  var rowOffset: Int { Int(word(SegmentLayout.Redo.key) >> 32) << 6 }
  /// The listener.
  var listener: Int { Int(word(SegmentLayout.Redo.target) & 0xFFFF) }
  /// Whether a histogram was touched.
  var hasObservation: Bool { flags & SegmentLayout.Redo.flagObservation != 0 }
  /// Whether the observation was clamped.
  var hasClamp: Bool { flags & SegmentLayout.Redo.flagClamp != 0 }
  /// The bucket's counter.
  var bucketOffset: Int { Int(truncatingIfNeeded: word(SegmentLayout.Redo.bucketOffset)) }
  /// The counter of clamped observations.
  var clampOffset: Int { Int(truncatingIfNeeded: word(SegmentLayout.Redo.clampOffset)) }

  private var flags: UInt64 { word(SegmentLayout.Redo.target) >> 16 }

  /// Writes every new value again and puts the record out of force.
  func finish(listenerOffset: Int) {
    guard isInForce else { return }
    var rest = UInt32(truncatingIfNeeded: word(SegmentLayout.Redo.key))
    var slot = 0
    while rest != 0 {
      let quantity = rest.trailingZeroBitCount
      memory.store(word(SegmentLayout.Redo.rowValues + slot), at: rowOffset + quantity * 8)
      memory.store(
        word(SegmentLayout.Redo.listenerValues + slot), at: listenerOffset + quantity * 8)
      rest &= rest - 1
      slot += 1
    }
    if flags & SegmentLayout.Redo.flagOpen != 0 {
      memory.store(
        word(SegmentLayout.Redo.rowOpen), at: rowOffset + SegmentLayout.RowWord.open * 8)
      memory.store(
        word(SegmentLayout.Redo.listenerOpen),
        at: listenerOffset + SegmentLayout.ListenerWord.open * 8)
    }
    if hasObservation {
      memory.storeHalf(
        UInt32(truncatingIfNeeded: word(SegmentLayout.Redo.bucketValue)), at: bucketOffset)
      memory.store(
        word(SegmentLayout.Redo.observations),
        at: listenerOffset + SegmentLayout.ListenerWord.observations * 8)
    }
    if hasClamp {
      memory.storeHalf(
        UInt32(truncatingIfNeeded: word(SegmentLayout.Redo.clampValue)), at: clampOffset)
    }
    memory.store(0, at: SegmentLayout.redoOffset)
  }
}

extension SegmentImage {
  /// Makes a killed worker's segment fit to be shipped, in this process's copy of it.
  ///
  /// The event in the redo record is finished. Exchanges that were open are ended as crashed: in the rows and,
  /// by sums of their own, in the listeners' totals. The interval ends at the last turn that the worker
  /// noted. Nothing here depends on the clock, so doing it twice gives the same bytes.
  func settleOrphans() -> UInt64 {
    finishEvent()
    let crashed = Int(Quantity.endedCrashed.rawValue)
    var orphans: UInt64 = 0
    forEachRow { row in
      let open = word(SegmentLayout.RowWord.open, ofRow: row)
      memory.store(word(crashed, ofRow: row) + open, at: row + crashed * 8)
      memory.store(0, at: row + SegmentLayout.RowWord.open * 8)
      orphans += open
    }
    for listener in listeners.indices {
      let cells = listenerOffset(listener)
      let open = memory.load(cells + SegmentLayout.ListenerWord.open * 8)
      memory.store(memory.load(cells + crashed * 8) + open, at: cells + crashed * 8)
      memory.store(0, at: cells + SegmentLayout.ListenerWord.open * 8)
    }
    let start = self[.startMonotonicNanoseconds]
    let last = max(start, self[.lastTurnNanoseconds])
    let end = Int64(bitPattern: self[.startWallMicroseconds]) + Int64((last - start) / 1000)
    memory.store(UInt64(bitPattern: end), at: SegmentLayout.Header.endWallMicroseconds.offset)
    memory.store(last, at: SegmentLayout.Header.endMonotonicNanoseconds.offset)
    add([.recovered, .final])
    memory.store(SegmentLayout.State.sealed.rawValue, at: SegmentLayout.Header.state.offset)
    return orphans
  }

  /// Completes a hand-over whose last store a kill prevented: the successor already counts.
  func settleHandover() {
    finishEvent()
    memory.store(SegmentLayout.State.sealed.rawValue, at: SegmentLayout.Header.state.offset)
  }

  private func finishEvent() {
    let redo = SegmentRedo(memory)
    if redo.isInForce { redo.finish(listenerOffset: listenerOffset(redo.listener)) }
  }

  private func add(_ flags: BatchFlags) {
    memory.store(
      self[.flags] | UInt64(flags.rawValue), at: SegmentLayout.Header.flags.offset)
  }
}
