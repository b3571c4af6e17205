/// Reads sparse histograms from their four columns.
struct HistogramColumns: Sendable {
  private var binCounts: ColumnCursor
  private var firstBuckets: ColumnCursor
  private var bucketSteps: ColumnCursor
  private var counts: ColumnCursor

  /// Takes the columns that begin at `cursor`, which moves behind them.
  init(
    _ payload: [UInt8], at cursor: inout PayloadCursor, rowCount: Int, limits: BatchCodec.Limits
  ) throws(BatchError) {
    binCounts = try ColumnCursor(payload, at: &cursor, valueCount: rowCount)
    var scan = binCounts
    var total = 0
    var filled = 0
    for row in 0..<rowCount {
      let count = try scan.next(payload)
      guard count <= UInt64(HistogramBuckets.count) else {
        throw .invalid(row: row, reason: "\(count) histogram buckets")
      }
      total += Int(count)
      filled += count == 0 ? 0 : 1
    }
    guard total <= limits.binsMax else {
      throw .tooLarge(
        what: "number of histogram bins", value: UInt64(total), limit: UInt64(limits.binsMax))
    }
    firstBuckets = try ColumnCursor(payload, at: &cursor, valueCount: filled)
    bucketSteps = try ColumnCursor(payload, at: &cursor, valueCount: total - filled)
    counts = try ColumnCursor(payload, at: &cursor, valueCount: total)
  }

  /// Reads the bins of the next row.
  mutating func next(
    _ payload: [UInt8], row: Int, into histogram: inout SparseHistogram
  ) throws(BatchError) {
    let binCount = Int(try binCounts.next(payload))
    var bins = RowRules.Bins()
    var bucket: UInt64 = 0
    histogram.removeBins()
    for position in 0..<binCount {
      let step =
        position == 0
        ? try firstBuckets.next(payload) : try bucketSteps.next(payload)
      let base = position == 0 ? 0 : bucket + 1
      guard step < UInt64(HistogramBuckets.count), base + step < UInt64(HistogramBuckets.count)
      else { throw .invalid(row: row, reason: "no histogram bucket \(base) + \(step)") }
      bucket = base + step
      let bin = SparseHistogram.Bin(bucket: UInt16(bucket), count: try counts.next(payload))
      bins.check(bin)
      if let fault = bins.fault { throw .invalid(row: row, reason: fault) }
      histogram.append(bin)
    }
  }

  /// Throws unless exactly all of the columns was read.
  func finish(_ payload: [UInt8]) throws(BatchError) {
    for column in [binCounts, firstBuckets, bucketSteps, counts] { try column.finish(payload) }
  }
}
