import Usage

extension SegmentWriter {
  /// Adds an event to a row and to its listener's totals, wholly or not at all whatever kills the process.
  ///
  /// `takingBack` subtracts the same event.
  @inline(__always)
  func record(
    _ row: MeterRow, listener: Int, _ deltas: borrowing Deltas, observing duration: UInt64?,
    takingBack: Bool
  ) {
    precondition(row.generation == generation, "a row of another segment")
    let listenerOffset = listenerOffset(listener)
    let observation = duration.map { locate($0, rowOffset: row.offset, takingBack: takingBack) }
    let event = SegmentEvent(
      row: row.unit, listener: listener, listenerOffset: listenerOffset, observation: observation,
      takingBack: takingBack)
    cells.record(event, deltas)
  }

  /// Adds to a listener's connection totals: one store, so it needs no undo record.
  @inline(__always)
  func recordConnection(listener: Int, _ quantity: ConnectionQuantity, _ amount: UInt64) {
    let offset =
      listenerOffset(listener) &+ (SegmentLayout.ListenerWord.connection &+ Int(quantity.rawValue))
      &* 8
    store(load(offset) &+ amount, at: offset)
  }
}
