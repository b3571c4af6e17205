import Usage

/// One event on its way into a segment.
struct SegmentEvent {
  /// The row, in units of 64 bytes.
  var row: UInt32
  /// Index of the listener, and the offset of its cells.
  var listener: Int
  var listenerOffset: Int
  /// The counters of its latency observation.
  var observation: Observation?
  /// Whether the event is subtracted.
  var takingBack: Bool

  /// Offset of the row.
  @inline(__always)
  var rowOffset: Int { Int(row) << 6 }
}

extension SegmentCells {
  /// Bits of the quantities that change the number of open exchanges: requests, and the six ends.
  static var openMask: UInt32 { 0b111_1110_0001 }

  /// Writes an event under the undo record.
  ///
  /// First the old values of every cell that the event touches go to the record, then its key puts it in
  /// force, then the cells are changed, then the key is cleared. Recovery that finds a key writes the old
  /// values back: they are absolute, so it does not matter how many cells were changed, or how often recovery
  /// itself was killed. Undoing is right because events are recorded before anything is let go: nobody has seen
  /// the effect of an event whose recording was cut short.
  @inline(__always)
  func record(_ event: SegmentEvent, _ deltas: borrowing Deltas) {
    let mask = deltas.mask
    precondition(mask >> 31 == 0, "there are 31 quantities")
    keep(mask, event)
    var change: UInt64 = 0
    if mask & Self.openMask != 0 {
      change = openChange(deltas)
      if event.takingBack { change = 0 &- change }
      keepOpen(change, event)
    }
    var listener = UInt64(truncatingIfNeeded: event.listener)
    if let observation = event.observation {
      listener |= SegmentLayout.Undo.flagObservation
      if observation.clampOffset != 0 { listener |= SegmentLayout.Undo.flagClamp }
      keep(observation, event)
    }
    store(listener, at: undo(SegmentLayout.Undo.listener))
    store(UInt64(event.row) << 32 | UInt64(mask), at: undo(SegmentLayout.Undo.key))

    apply(deltas, event)
    if mask & Self.openMask != 0 {
      add(change, at: event.rowOffset &+ SegmentLayout.RowWord.open &* 8)
      add(change, at: event.listenerOffset &+ SegmentLayout.ListenerWord.open &* 8)
    }
    if let observation = event.observation { apply(observation, event) }
    store(0, at: undo(SegmentLayout.Undo.key))
  }

  @inline(__always)
  private func undo(_ word: Int) -> Int { SegmentLayout.undoOffset &+ word &* 8 }

  /// Adds to one word, after all that was written before: one `add` to memory, without a lock.
  @inline(__always)
  private func add(_ amount: UInt64, at offset: Int) { store(load(offset) &+ amount, at: offset) }

  /// Old values of the touched quantities, packed in the order of their bits.
  @inline(__always)
  private func keep(_ mask: UInt32, _ event: SegmentEvent) {
    var slot = undo(SegmentLayout.Undo.rowValues)
    var rest = mask
    // Bound: 31 bits.
    while rest != 0 {
      let offset = rest.trailingZeroBitCount &* 8
      rest &= rest &- 1
      store(load(event.rowOffset &+ offset), at: slot)
      store(
        load(event.listenerOffset &+ offset),
        at: slot &+ (SegmentLayout.Undo.listenerValues &- SegmentLayout.Undo.rowValues) &* 8)
      slot &+= 8
    }
  }

  /// Old numbers of open exchanges; `change` may not bring one below zero.
  @inline(__always)
  private func keepOpen(_ change: UInt64, _ event: SegmentEvent) {
    let row = load(event.rowOffset &+ SegmentLayout.RowWord.open &* 8)
    let listener = load(event.listenerOffset &+ SegmentLayout.ListenerWord.open &* 8)
    precondition(
      (row &+ change | listener &+ change) >> 63 == 0, "an exchange ends once")
    store(row, at: undo(SegmentLayout.Undo.rowOpen))
    store(listener, at: undo(SegmentLayout.Undo.listenerOpen))
  }

  @inline(__always)
  private func keep(_ observation: Observation, _ event: SegmentEvent) {
    store(UInt64(observation.bucketOffset), at: undo(SegmentLayout.Undo.bucketOffset))
    store(
      UInt64(loadHalf(observation.bucketOffset)), at: undo(SegmentLayout.Undo.bucketValue))
    store(
      load(event.listenerOffset &+ SegmentLayout.ListenerWord.observations &* 8),
      at: undo(SegmentLayout.Undo.observations))
    if observation.clampOffset != 0 {
      store(UInt64(observation.clampOffset), at: undo(SegmentLayout.Undo.clampOffset))
      store(
        UInt64(loadHalf(observation.clampOffset)), at: undo(SegmentLayout.Undo.clampValue))
    }
  }

  /// One more for each request, one less for each end.
  @inline(__always)
  private func openChange(_ deltas: borrowing Deltas) -> UInt64 {
    let mask = deltas.mask
    var change: UInt64 = 0
    if mask & 1 << 0 != 0 { change = change &+ deltas.values[0] }
    if mask & 1 << 5 != 0 { change = change &- deltas.values[5] }
    if mask & 1 << 6 != 0 { change = change &- deltas.values[6] }
    if mask & 1 << 7 != 0 { change = change &- deltas.values[7] }
    if mask & 1 << 8 != 0 { change = change &- deltas.values[8] }
    if mask & 1 << 9 != 0 { change = change &- deltas.values[9] }
    if mask & 1 << 10 != 0 { change = change &- deltas.values[10] }
    return change
  }

  /// Changes the touched quantities.
  ///
  /// Unrolled with constant indexes: a variable one makes the compiler copy all 256 bytes of `deltas` first.
  @inline(__always)
  private func apply(_ deltas: borrowing Deltas, _ event: SegmentEvent) {
    let mask = deltas.mask
    if mask & 0xFF != 0 {
      if mask & 1 << 0 != 0 { apply(deltas.values[0], 0, event) }
      if mask & 1 << 1 != 0 { apply(deltas.values[1], 1, event) }
      if mask & 1 << 2 != 0 { apply(deltas.values[2], 2, event) }
      if mask & 1 << 3 != 0 { apply(deltas.values[3], 3, event) }
      if mask & 1 << 4 != 0 { apply(deltas.values[4], 4, event) }
      if mask & 1 << 5 != 0 { apply(deltas.values[5], 5, event) }
      if mask & 1 << 6 != 0 { apply(deltas.values[6], 6, event) }
      if mask & 1 << 7 != 0 { apply(deltas.values[7], 7, event) }
    }
    if mask & 0xFF00 != 0 {
      if mask & 1 << 8 != 0 { apply(deltas.values[8], 8, event) }
      if mask & 1 << 9 != 0 { apply(deltas.values[9], 9, event) }
      if mask & 1 << 10 != 0 { apply(deltas.values[10], 10, event) }
      if mask & 1 << 11 != 0 { apply(deltas.values[11], 11, event) }
      if mask & 1 << 12 != 0 { apply(deltas.values[12], 12, event) }
      if mask & 1 << 13 != 0 { apply(deltas.values[13], 13, event) }
      if mask & 1 << 14 != 0 { apply(deltas.values[14], 14, event) }
      if mask & 1 << 15 != 0 { apply(deltas.values[15], 15, event) }
    }
    if mask & 0xFF_0000 != 0 {
      if mask & 1 << 16 != 0 { apply(deltas.values[16], 16, event) }
      if mask & 1 << 17 != 0 { apply(deltas.values[17], 17, event) }
      if mask & 1 << 18 != 0 { apply(deltas.values[18], 18, event) }
      if mask & 1 << 19 != 0 { apply(deltas.values[19], 19, event) }
      if mask & 1 << 20 != 0 { apply(deltas.values[20], 20, event) }
      if mask & 1 << 21 != 0 { apply(deltas.values[21], 21, event) }
      if mask & 1 << 22 != 0 { apply(deltas.values[22], 22, event) }
      if mask & 1 << 23 != 0 { apply(deltas.values[23], 23, event) }
    }
    if mask & 0x7F00_0000 != 0 {
      if mask & 1 << 24 != 0 { apply(deltas.values[24], 24, event) }
      if mask & 1 << 25 != 0 { apply(deltas.values[25], 25, event) }
      if mask & 1 << 26 != 0 { apply(deltas.values[26], 26, event) }
      if mask & 1 << 27 != 0 { apply(deltas.values[27], 27, event) }
      if mask & 1 << 28 != 0 { apply(deltas.values[28], 28, event) }
      if mask & 1 << 29 != 0 { apply(deltas.values[29], 29, event) }
      if mask & 1 << 30 != 0 { apply(deltas.values[30], 30, event) }
    }
  }

  @inline(__always)
  private func apply(_ amount: UInt64, _ quantity: Int, _ event: SegmentEvent) {
    applyToRow(amount, at: event.rowOffset &+ quantity &* 8, event.takingBack)
    applyToListener(amount, at: event.listenerOffset &+ quantity &* 8, event.takingBack)
  }

  /// The tenant's side of the conservation law.
  @inline(__always)
  private func applyToRow(_ amount: UInt64, at offset: Int, _ takingBack: Bool) {
    if takingBack {
      precondition(load(offset) >= amount, "took back what is not counted")
      store(load(offset) &- amount, at: offset)
    } else {
      store(load(offset) &+ amount, at: offset)
    }
  }

  /// The listener's side of the conservation law: code of its own on purpose.
  @inline(__always)
  private func applyToListener(_ amount: UInt64, at offset: Int, _ takingBack: Bool) {
    if takingBack {
      precondition(load(offset) >= amount, "took back what is not counted")
      store(load(offset) &- amount, at: offset)
    } else {
      store(load(offset) &+ amount, at: offset)
    }
  }

  @inline(__always)
  private func apply(_ observation: Observation, _ event: SegmentEvent) {
    let step: UInt32 = event.takingBack ? .max : 1
    storeHalf(loadHalf(observation.bucketOffset) &+ step, at: observation.bucketOffset)
    if observation.clampOffset != 0 {
      storeHalf(loadHalf(observation.clampOffset) &+ step, at: observation.clampOffset)
    }
    add(
      event.takingBack ? .max : 1,
      at: event.listenerOffset &+ SegmentLayout.ListenerWord.observations &* 8)
  }
}
