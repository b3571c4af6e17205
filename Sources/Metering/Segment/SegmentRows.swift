public import Usage

/// The rows of a sealed segment in the order of a batch, read where they lie.
public struct SegmentRows: BatchRowSource, Sendable {
  private let image: SegmentImage
  /// Offsets of the rows in units of 64 bytes, ascending by (tenant, route).
  private let units: [UInt32]
  /// Names of the routes, `~none` among them.
  public let routes: [RouteName]

  /// Sorts the rows that count something. Cost: 16 bytes a row while sorting, 4 after.
  init(_ image: SegmentImage) {
    self.image = image
    routes = image.routes
    let order = image.routes.indices.sorted { image.routes[$0] < image.routes[$1] }
    var ranks = [Int](repeating: 0, count: order.count)
    for (rank, route) in order.enumerated() { ranks[route] = rank }
    var keys: [SortKey] = []
    image.forEachRow { row in
      if image.isCounting(row) { keys.append(SortKey(image, row: row)) }
    }
    keys.sort { left, right in
      if left.prefix != right.prefix { return left.prefix < right.prefix }
      return image.precedes(left.row, right.row, ranks: ranks)
    }
    units = keys.map(\.unit)
  }

  private func offset(_ row: Int) -> Int { Int(units[row]) << 6 }

  /// How many rows counted something.
  public var rowCount: Int { units.count }

  /// Appends the bytes of a row's tenant id.
  public func appendTenant(of row: Int, to bytes: inout [UInt8]) {
    let image = image
    let id = image.tenant(ofRow: offset(row))
    for offset in 0..<id.byteCount {
      // Safe: offset < byteCount, and any bit pattern is a byte.
      bytes.append(unsafe id.unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self))
    }
  }

  /// The position of a row's route in `routes`.
  public func route(of row: Int) -> Int { image.route(ofRow: offset(row)) }

  /// One quantity of a row.
  public func quantity(of row: Int, at index: Int) -> UInt64 {
    precondition(index >= 0 && index < Quantity.count, "no such quantity")
    return image.word(index, ofRow: offset(row))
  }

  /// Exchanges open at the start and the end.
  public func openExchanges(of row: Int) -> (start: UInt64, end: UInt64) {
    (
      image.word(SegmentLayout.RowWord.openStart, ofRow: offset(row)),
      image.word(SegmentLayout.RowWord.open, ofRow: offset(row))
    )
  }

  /// Observations below 1 µs and above 1 h.
  public func clampedObservations(of row: Int) -> (low: UInt64, high: UInt64) {
    let chunk = image.chunks(ofRow: offset(row))[SegmentLayout.clampGroup]
    guard chunk != 0 else { return (0, 0) }
    return (
      UInt64(image.memory.loadHalf(Int(chunk))), UInt64(image.memory.loadHalf(Int(chunk) + 4))
    )
  }

  /// Visits the filled buckets of a row, ascending.
  public func visitBins(of row: Int, _ body: (SparseHistogram.Bin) -> Void) {
    let chunks = image.chunks(ofRow: offset(row))
    for group in 0..<HistogramBuckets.groupCount where chunks[group] != 0 {
      for step in 0..<HistogramBuckets.stepsPerOctave {
        let count = image.memory.loadHalf(Int(chunks[group]) + step * 4)
        if count != 0 {
          let bucket = group * HistogramBuckets.stepsPerOctave + step
          body(SparseHistogram.Bin(bucket: UInt16(bucket), count: UInt64(count)))
        }
      }
    }
  }

  /// The rows as values: for tests and small segments.
  public var usageRows: [UsageRow] {
    (0..<rowCount).map { row in
      var id: [UInt8] = []
      appendTenant(of: row, to: &id)
      guard let tenant = TenantID(stored: String(decoding: id, as: UTF8.self)) else {
        preconditionFailure("the meter admits valid ids only")
      }
      var bins: [SparseHistogram.Bin] = []
      visitBins(of: row) { bins.append($0) }
      let open = openExchanges(of: row)
      let clamped = clampedObservations(of: row)
      return UsageRow(
        tenant: tenant, route: routes[route(of: row)],
        quantities: (0..<Quantity.count).map { quantity(of: row, at: $0) },
        openStart: open.start, openEnd: open.end,
        histogram: SparseHistogram(
          bins: bins, clampedLow: clamped.low, clampedHigh: clamped.high))
    }
  }
}

/// A row with the first eight bytes of its id, most significant first: settles most comparisons.
private struct SortKey {
  let prefix: UInt64
  let unit: UInt32
  var row: Int { Int(unit) << 6 }

  init(_ image: SegmentImage, row: Int) {
    let id = image.tenant(ofRow: row)
    var prefix: UInt64 = 0
    for offset in 0..<8 {
      // Safe: offset < byteCount, and any bit pattern is a byte.
      let byte =
        offset < id.byteCount
        ? unsafe id.unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self) : 0
      prefix = prefix << 8 | UInt64(byte)
    }
    self.prefix = prefix
    unit = UInt32(row >> 6)
  }
}

extension SegmentImage {
  /// The tenant id of a row.
  @_lifetime(borrow self)
  fileprivate func tenant(ofRow row: Int) -> RawSpan {
    let key = word(SegmentLayout.RowWord.key, ofRow: row)
    return memory.bytes(Int(key >> 32), Int(key >> 8 & 0xFF))
  }

  fileprivate func route(ofRow row: Int) -> Int {
    Int(word(SegmentLayout.RowWord.key, ofRow: row) >> 16 & 0xFFFF)
  }

  /// Whether any counter of a row is not zero.
  fileprivate func isCounting(_ row: Int) -> Bool {
    for index in 0..<SegmentLayout.RowWord.key where word(index, ofRow: row) != 0 { return true }
    return word(SegmentLayout.RowWord.histogram, ofRow: row) != 0 && hasObservations(row)
  }

  private func hasObservations(_ row: Int) -> Bool {
    let chunks = chunks(ofRow: row)
    for group in 0..<SegmentLayout.chunkGroupCount where chunks[group] != 0 {
      for step in 0..<HistogramBuckets.stepsPerOctave
      where memory.loadHalf(Int(chunks[group]) + step * 4) != 0 { return true }
    }
    return false
  }

  /// Offset of a row's chunk for each group, 0 where there is none.
  fileprivate func chunks(ofRow row: Int) -> InlineArray<32, UInt32> {
    var chunks = InlineArray<32, UInt32>(repeating: 0)
    var chunk = Int(word(SegmentLayout.RowWord.histogram, ofRow: row))
    // Bound: each group once, checked when the image was opened.
    while chunk != 0 {
      let link = memory.load(chunk + 64)
      chunks[Int(link >> 32)] = UInt32(chunk)
      chunk = Int(link & 0xFFFF_FFFF)
    }
    return chunks
  }

  /// Order of two rows by tenant, then route.
  fileprivate func precedes(_ left: Int, _ right: Int, ranks: [Int]) -> Bool {
    let leftID = tenant(ofRow: left)
    let rightID = tenant(ofRow: right)
    let common = min(leftID.byteCount, rightID.byteCount)
    for offset in 0..<common {
      // Safe: offset < both counts, and any bit pattern is a byte.
      let (leftByte, rightByte) = unsafe (
        leftID.unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self),
        rightID.unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self)
      )
      if leftByte != rightByte { return leftByte < rightByte }
    }
    if leftID.byteCount != rightID.byteCount { return leftID.byteCount < rightID.byteCount }
    return ranks[route(ofRow: left)] < ranks[route(ofRow: right)]
  }
}
