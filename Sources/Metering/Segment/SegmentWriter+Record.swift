import Usage

extension SegmentWriter {
  /// Bits of the quantities that end an exchange.
  static var endedMask: UInt32 { 0b111_1110_0000 }
  /// Bits of the quantities that change the number of open exchanges.
  static var openMask: UInt32 { endedMask | 1 }

  /// Adds an event to a row and to its listener's totals, wholly or not at all whatever kills the process.
  ///
  /// First all new values go to the redo record, then its key puts it in force, then the cells are
  /// written, then the key is cleared. Recovery that finds a key writes the values again: they are absolute,
  /// so it does not matter how many of them were written, or how often recovery itself was killed.
  /// `takingBack` subtracts the same event.
  @inline(__always)
  mutating func record(
    _ row: MeterRow, listener: Int, _ deltas: borrowing Deltas, observing duration: UInt64?,
    takingBack: Bool
  ) {
    precondition(row.generation == generation, "a row of another segment")
    let rowOffset = row.offset
    let listenerOffset = listenerOffset(listener)
    let mask = deltas.mask
    let observation = duration.map { locate($0, rowOffset: rowOffset, takingBack: takingBack) }

    stage(deltas, rowOffset: rowOffset, listenerOffset: listenerOffset, takingBack: takingBack)
    var flags: UInt64 = 0
    if mask & Self.openMask != 0 {
      flags |= SegmentLayout.Redo.flagOpen
      stageOpen(
        deltas, rowOffset: rowOffset, listenerOffset: listenerOffset, takingBack: takingBack)
    }
    if let observation {
      flags |= SegmentLayout.Redo.flagObservation
      if observation.clampOffset != 0 { flags |= SegmentLayout.Redo.flagClamp }
      stage(observation, listenerOffset: listenerOffset, takingBack: takingBack)
    }
    store(UInt64(truncatingIfNeeded: listener) | flags << 16, at: redo(SegmentLayout.Redo.target))
    store(UInt64(row.unit) << 32 | UInt64(mask), at: redo(SegmentLayout.Redo.key))

    applyToRow(mask, rowOffset: rowOffset, flags: flags)
    applyToListener(mask, listenerOffset: listenerOffset, flags: flags)
    if let observation { apply(observation) }
    store(0, at: redo(SegmentLayout.Redo.key))
  }

  /// Adds to a listener's connection totals: one store, so it needs no redo record.
  @inline(__always)
  func recordConnection(listener: Int, _ quantity: ConnectionQuantity, _ amount: UInt64) {
    let offset =
      listenerOffset(listener) &+ (SegmentLayout.ListenerWord.connection &+ Int(quantity.rawValue))
      &* 8
    store(load(offset) &+ amount, at: offset)
  }

  @inline(__always)
  private func redo(_ word: Int) -> Int { SegmentLayout.redoOffset &+ word &* 8 }

  /// New values of the touched quantities, packed in the order of their bits.
  @inline(__always)
  private func stage(
    _ deltas: borrowing Deltas, rowOffset: Int, listenerOffset: Int, takingBack: Bool
  ) {
    var rowSlot = redo(SegmentLayout.Redo.rowValues)
    var listenerSlot = redo(SegmentLayout.Redo.listenerValues)
    var rest = deltas.mask
    // Bound: 32 bits.
    while rest != 0 {
      let index = rest.trailingZeroBitCount
      rest &= rest &- 1
      let amount = deltas.values[index]
      let rowValue = load(rowOffset &+ index &* 8)
      let listenerValue = load(listenerOffset &+ index &* 8)
      if takingBack {
        precondition(rowValue >= amount && listenerValue >= amount, "took back what is not counted")
        store(rowValue &- amount, at: rowSlot)
        store(listenerValue &- amount, at: listenerSlot)
      } else {
        store(rowValue &+ amount, at: rowSlot)
        store(listenerValue &+ amount, at: listenerSlot)
      }
      rowSlot &+= 8
      listenerSlot &+= 8
    }
  }

  /// New numbers of open exchanges: one more for each request, one less for each end.
  @inline(__always)
  private func stageOpen(
    _ deltas: borrowing Deltas, rowOffset: Int, listenerOffset: Int, takingBack: Bool
  ) {
    var change = deltas.mask & 1 != 0 ? deltas.values[0] : 0
    var rest = deltas.mask & Self.endedMask
    // Bound: 6 bits.
    while rest != 0 {
      change = change &- deltas.values[rest.trailingZeroBitCount]
      rest &= rest &- 1
    }
    if takingBack { change = 0 &- change }
    let rowOpen = load(rowOffset &+ SegmentLayout.RowWord.open &* 8) &+ change
    let listenerOpen = load(listenerOffset &+ SegmentLayout.ListenerWord.open &* 8) &+ change
    precondition(rowOpen >> 63 == 0 && listenerOpen >> 63 == 0, "an exchange ends once")
    store(rowOpen, at: redo(SegmentLayout.Redo.rowOpen))
    store(listenerOpen, at: redo(SegmentLayout.Redo.listenerOpen))
  }

  @inline(__always)
  private func stage(_ observation: Observation, listenerOffset: Int, takingBack: Bool) {
    let bucket = loadHalf(observation.bucketOffset)
    store(UInt64(observation.bucketOffset), at: redo(SegmentLayout.Redo.bucketOffset))
    store(
      UInt64(takingBack ? bucket &- 1 : bucket &+ 1), at: redo(SegmentLayout.Redo.bucketValue))
    let seen = load(listenerOffset &+ SegmentLayout.ListenerWord.observations &* 8)
    store(takingBack ? seen &- 1 : seen &+ 1, at: redo(SegmentLayout.Redo.observations))
    if observation.clampOffset != 0 {
      let clamped = loadHalf(observation.clampOffset)
      store(UInt64(observation.clampOffset), at: redo(SegmentLayout.Redo.clampOffset))
      store(
        UInt64(takingBack ? clamped &- 1 : clamped &+ 1), at: redo(SegmentLayout.Redo.clampValue))
    }
  }

  /// The tenant's side of the conservation law.
  @inline(__always)
  private func applyToRow(_ mask: UInt32, rowOffset: Int, flags: UInt64) {
    var slot = redo(SegmentLayout.Redo.rowValues)
    var rest = mask
    // Bound: 32 bits.
    while rest != 0 {
      store(load(slot), at: rowOffset &+ rest.trailingZeroBitCount &* 8)
      rest &= rest &- 1
      slot &+= 8
    }
    if flags & SegmentLayout.Redo.flagOpen != 0 {
      store(
        load(redo(SegmentLayout.Redo.rowOpen)), at: rowOffset &+ SegmentLayout.RowWord.open &* 8)
    }
  }

  /// The listener's side of the conservation law: code of its own on purpose.
  @inline(__always)
  private func applyToListener(_ mask: UInt32, listenerOffset: Int, flags: UInt64) {
    var slot = redo(SegmentLayout.Redo.listenerValues)
    var rest = mask
    // Bound: 32 bits.
    while rest != 0 {
      store(load(slot), at: listenerOffset &+ rest.trailingZeroBitCount &* 8)
      rest &= rest &- 1
      slot &+= 8
    }
    if flags & SegmentLayout.Redo.flagOpen != 0 {
      store(
        load(redo(SegmentLayout.Redo.listenerOpen)),
        at: listenerOffset &+ SegmentLayout.ListenerWord.open &* 8)
    }
    if flags & SegmentLayout.Redo.flagObservation != 0 {
      store(
        load(redo(SegmentLayout.Redo.observations)),
        at: listenerOffset &+ SegmentLayout.ListenerWord.observations &* 8)
    }
  }

  @inline(__always)
  private func apply(_ observation: Observation) {
    storeHalf(
      UInt32(truncatingIfNeeded: load(redo(SegmentLayout.Redo.bucketValue))),
      at: observation.bucketOffset)
    if observation.clampOffset != 0 {
      storeHalf(
        UInt32(truncatingIfNeeded: load(redo(SegmentLayout.Redo.clampValue))),
        at: observation.clampOffset)
    }
  }
}
