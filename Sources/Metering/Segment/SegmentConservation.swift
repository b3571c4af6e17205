import Usage

/// The conservation law on one segment: sum over rows against the listeners' totals.
enum SegmentConservation {
  /// Columns compared: the quantities, open exchanges at the start and at the end, observations.
  static let columnCount = Quantity.count + 3

  /// |sum of rows - sum of listeners| for each column; all zero in a right meter.
  static func differences(_ image: SegmentImage) -> [UInt64] {
    var rows = [UInt64](repeating: 0, count: columnCount)
    image.forEachRow { row in
      for index in 0..<Quantity.count { rows[index] &+= image.word(index, ofRow: row) }
      rows[Quantity.count] &+= image.word(SegmentLayout.RowWord.openStart, ofRow: row)
      rows[Quantity.count + 1] &+= image.word(SegmentLayout.RowWord.open, ofRow: row)
      rows[Quantity.count + 2] &+= image.observations(ofRow: row)
    }
    var listeners = [UInt64](repeating: 0, count: columnCount)
    for totals in image.listenerTotals {
      for index in 0..<Quantity.count { listeners[index] &+= totals.quantities[index] }
      listeners[Quantity.count] &+= totals.openStart
      listeners[Quantity.count + 1] &+= totals.openEnd
      listeners[Quantity.count + 2] &+= totals.observations
    }
    return zip(rows, listeners).map { $0 > $1 ? $0 - $1 : $1 - $0 }
  }

  /// The name of a column.
  static func name(ofColumn column: Int) -> String {
    if let quantity = Quantity(rawValue: UInt8(column)) { return quantity.name }
    return ["open_start", "open_end", "observations"][column - Quantity.count]
  }
}

extension SegmentImage {
  /// Observations in a row's histogram; clamped ones stand in their bucket too and count once.
  func observations(ofRow row: Int) -> UInt64 {
    var sum: UInt64 = 0
    var chunk = Int(word(SegmentLayout.RowWord.histogram, ofRow: row))
    // Bound: each group once, checked when the image was opened.
    while chunk != 0 {
      let link = memory.load(chunk + 64)
      if Int(link >> 32) != SegmentLayout.clampGroup {
        for step in 0..<HistogramBuckets.stepsPerOctave {
          sum &+= UInt64(memory.loadHalf(chunk + step * 4))
        }
      }
      chunk = Int(link & 0xFFFF_FFFF)
    }
    return sum
  }
}
