import Usage

/// The event that was being recorded when a worker was killed.
struct SegmentUndo {
  private let memory: SegmentMemory
  private let key: UInt64

  /// Reads the record of a segment.
  init(_ memory: SegmentMemory) {
    self.memory = memory
    key = memory.load(SegmentLayout.undoOffset)
  }

  private func word(_ index: Int) -> UInt64 {
    memory.load(SegmentLayout.undoOffset + index * 8)
  }

  /// Whether an event was begun and not ended.
  var isInForce: Bool { key != 0 }
  /// The row.
  var rowOffset: Int { Int(key >> 32) << 6 }
  /// The touched quantities.
  var mask: UInt32 { UInt32(truncatingIfNeeded: key) }
  /// The listener.
  var listener: UInt64 { word(SegmentLayout.Undo.listener) & 0xFFFF_FFFF }
  /// Whether a histogram was touched.
  var hasObservation: Bool {
    word(SegmentLayout.Undo.listener) & SegmentLayout.Undo.flagObservation != 0
  }
  /// Whether the observation was clamped.
  var hasClamp: Bool { word(SegmentLayout.Undo.listener) & SegmentLayout.Undo.flagClamp != 0 }
  /// The bucket's counter.
  var bucketOffset: UInt64 { word(SegmentLayout.Undo.bucketOffset) }
  /// The counter of clamped observations.
  var clampOffset: UInt64 { word(SegmentLayout.Undo.clampOffset) }

  /// Writes every old value back and puts the record out of force.
  func restore(listenerOffset: Int) {
    guard isInForce else { return }
    var rest = mask
    var slot = 0
    while rest != 0 {
      let quantity = rest.trailingZeroBitCount
      memory.store(word(SegmentLayout.Undo.rowValues + slot), at: rowOffset + quantity * 8)
      memory.store(
        word(SegmentLayout.Undo.listenerValues + slot), at: listenerOffset + quantity * 8)
      rest &= rest - 1
      slot += 1
    }
    if mask & SegmentCells<Unobserved>.openMask != 0 {
      memory.store(
        word(SegmentLayout.Undo.rowOpen), at: rowOffset + SegmentLayout.RowWord.open * 8)
      memory.store(
        word(SegmentLayout.Undo.listenerOpen),
        at: listenerOffset + SegmentLayout.ListenerWord.open * 8)
    }
    if hasObservation {
      memory.storeHalf(
        UInt32(truncatingIfNeeded: word(SegmentLayout.Undo.bucketValue)), at: Int(bucketOffset))
      memory.store(
        word(SegmentLayout.Undo.observations),
        at: listenerOffset + SegmentLayout.ListenerWord.observations * 8)
    }
    if hasClamp {
      memory.storeHalf(
        UInt32(truncatingIfNeeded: word(SegmentLayout.Undo.clampValue)), at: Int(clampOffset))
    }
    memory.store(0, at: SegmentLayout.undoOffset)
  }
}

extension SegmentImage {
  /// Makes a killed worker's segment fit to be shipped, in this process's copy of it.
  ///
  /// The event in the undo record is undone. Exchanges that were open are ended as crashed: in the rows and,
  /// by sums of their own, in the listeners' totals. The interval ends at the last turn that the worker
  /// noted. Nothing here depends on the clock, so doing it twice gives the same bytes. Sums wrap: a file may
  /// hold anything, and what is impossible is refused when it becomes a batch.
  func settleOrphans() -> UInt64 {
    undoEvent()
    let crashed = Int(Quantity.endedCrashed.rawValue)
    var orphans: UInt64 = 0
    forEachRow { row in
      let open = word(SegmentLayout.RowWord.open, ofRow: row)
      memory.store(word(crashed, ofRow: row) &+ open, at: row + crashed * 8)
      memory.store(0, at: row + SegmentLayout.RowWord.open * 8)
      orphans &+= open
    }
    for listener in listeners.indices {
      let cells = listenerOffset(listener)
      let open = memory.load(cells + SegmentLayout.ListenerWord.open * 8)
      memory.store(memory.load(cells + crashed * 8) &+ open, at: cells + crashed * 8)
      memory.store(0, at: cells + SegmentLayout.ListenerWord.open * 8)
    }
    let start = self[.startMonotonicNanoseconds]
    let last = max(start, self[.lastTurnNanoseconds])
    let end = Int64(bitPattern: self[.startWallMicroseconds]) &+ Int64((last - start) / 1000)
    memory.store(UInt64(bitPattern: end), at: SegmentLayout.Header.endWallMicroseconds.offset)
    memory.store(last, at: SegmentLayout.Header.endMonotonicNanoseconds.offset)
    add([.recovered, .final])
    memory.store(SegmentLayout.State.sealed.rawValue, at: SegmentLayout.Header.state.offset)
    return orphans
  }

  /// Completes a hand-over whose last store a kill prevented: the successor already counts.
  func settleHandover() {
    undoEvent()
    memory.store(SegmentLayout.State.sealed.rawValue, at: SegmentLayout.Header.state.offset)
  }

  private func undoEvent() {
    let undo = SegmentUndo(memory)
    if undo.isInForce { undo.restore(listenerOffset: listenerOffset(Int(undo.listener))) }
  }

  private func add(_ flags: BatchFlags) {
    memory.store(
      self[.flags] | UInt64(flags.rawValue), at: SegmentLayout.Header.flags.offset)
  }
}
