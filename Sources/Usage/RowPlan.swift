/// The first pass over rows to be encoded: checks them, and learns which columns are constant.
///
/// The second pass writes column by column; a constant column costs no further visit to the rows, which
/// may lie scattered over a mapped segment.
struct RowPlan {
  /// Columns with one value a row: the quantities, then these four.
  static let openStartColumn = Quantity.count
  /// After `openStartColumn`.
  static let openEndColumn = Quantity.count + 1
  /// After `openEndColumn`.
  static let clampedLowColumn = Quantity.count + 2
  /// After `clampedLowColumn`.
  static let clampedHighColumn = Quantity.count + 3
  /// How many columns have one value a row.
  static let rowColumnCount = Quantity.count + 4

  private let rowCount: Int
  /// Used routes, ascending.
  private let routes: [RouteName]
  /// For each route of the source: its position in `routes`, -1 when unused.
  private let ranks: [Int]
  private var shared: [UInt8] = []
  private var suffixes: [UInt8] = []
  private var lowest: [UInt64]
  private var highest: [UInt64]

  /// Visits every row once. Throws when a row breaks a rule of the format.
  init<Rows: BatchRowSource>(_ rows: Rows) throws(BatchError) {
    rowCount = rows.rowCount
    lowest = [UInt64](repeating: .max, count: Self.rowColumnCount)
    highest = [UInt64](repeating: 0, count: Self.rowColumnCount)
    let table = rows.routes
    var isUsed = [Bool](repeating: false, count: table.count)
    for row in 0..<rowCount { isUsed[rows.route(of: row)] = true }
    let routes = Set(table.indices.filter { isUsed[$0] }.map { table[$0] }).sorted()
    ranks = table.map { routes.firstIndex(of: $0) ?? -1 }
    self.routes = routes
    try checkKeys(rows)
    try checkCounters(rows)
  }

  private mutating func checkKeys<Rows: BatchRowSource>(_ rows: Rows) throws(BatchError) {
    var previous: [UInt8] = []
    var tenant: [UInt8] = []
    var previousRank = -1
    for row in 0..<rowCount {
      tenant.removeAll(keepingCapacity: true)
      rows.appendTenant(of: row, to: &tenant)
      let rank = ranks[rows.route(of: row)]
      let common = commonPrefix(previous, tenant)
      let isSame = common == previous.count && common == tenant.count
      if !isSame {
        guard RowRules.isTenant(tenant) else {
          throw .invalid(row: row, reason: "not a tenant id")
        }
        guard common == previous.count || common < tenant.count && previous[common] < tenant[common]
        else { throw .invalid(row: row, reason: "rows do not ascend by tenant") }
      } else if rank <= previousRank {
        throw .invalid(row: row, reason: "rows do not ascend by route within a tenant")
      }
      shared.append(UInt8(common))
      suffixes.append(UInt8(tenant.count - common))
      previousRank = rank
      swap(&previous, &tenant)
    }
  }

  private mutating func checkCounters<Rows: BatchRowSource>(_ rows: Rows) throws(BatchError) {
    for row in 0..<rowCount {
      for column in 0..<Self.rowColumnCount {
        let value = Self.value(of: rows, row: row, column: column)
        lowest[column] = min(lowest[column], value)
        highest[column] = max(highest[column], value)
        guard value <= BatchCodec.counterMax else {
          throw .invalid(row: row, reason: "a counter is above 2^63 - 1")
        }
      }
      let open = rows.openExchanges(of: row)
      guard
        RowRules.conserves(
          openStart: open.start,
          requests: rows.quantity(of: row, at: Int(Quantity.requests.rawValue)),
          ended: RowRules.sumOfEnded { rows.quantity(of: row, at: $0) }, openEnd: open.end)
      else { throw .invalid(row: row, reason: RowRules.notConserved) }
      var bins = RowRules.Bins()
      rows.visitBins(of: row) { bins.check($0) }
      if let fault = bins.fault { throw .invalid(row: row, reason: fault) }
    }
  }

  /// Writes the rows; `rows` must be those of `init`.
  func write<Rows: BatchRowSource>(_ rows: Rows, to writer: inout PayloadWriter) {
    precondition(rows.rowCount == rowCount, "the rows changed between two passes")
    writer.append(varint: UInt64(rowCount))
    writer.append(varint: UInt64(routes.count))
    for route in routes { writer.append(route.text) }
    writeTenants(of: rows, to: &writer)
    var values: [UInt64] = []
    values.reserveCapacity(rowCount)
    for row in 0..<rowCount { values.append(UInt64(ranks[rows.route(of: row)])) }
    writer.append(column: values)
    for column in 0..<Self.rowColumnCount {
      if lowest[column] >= highest[column] {
        writer.append(constantColumn: highest[column])
        continue
      }
      values.removeAll(keepingCapacity: true)
      for row in 0..<rowCount { values.append(Self.value(of: rows, row: row, column: column)) }
      writer.append(column: values)
    }
    writeHistograms(of: rows, to: &writer, scratch: &values)
  }

  private func writeTenants<Rows: BatchRowSource>(
    of rows: Rows, to writer: inout PayloadWriter
  ) {
    writer.append(shared[...])
    writer.append(suffixes[...])
    writer.append(varint: suffixes.reduce(0) { $0 + UInt64($1) })
    var tenant: [UInt8] = []
    for row in 0..<rowCount where suffixes[row] > 0 {
      tenant.removeAll(keepingCapacity: true)
      rows.appendTenant(of: row, to: &tenant)
      writer.append(tenant[Int(shared[row])...])
    }
  }

  /// Four columns: bins a row; first buckets of rows that have bins; steps between buckets less one;
  /// counts.
  private func writeHistograms<Rows: BatchRowSource>(
    of rows: Rows, to writer: inout PayloadWriter, scratch values: inout [UInt64]
  ) {
    values.removeAll(keepingCapacity: true)
    for row in 0..<rowCount {
      var count: UInt64 = 0
      rows.visitBins(of: row) { _ in count += 1 }
      values.append(count)
    }
    writer.append(column: values)
    appendBins(of: rows, to: &writer, scratch: &values) { bin, last in
      last == nil ? UInt64(bin.bucket) : nil
    }
    appendBins(of: rows, to: &writer, scratch: &values) { bin, last in
      last.map { UInt64(bin.bucket - $0 - 1) }
    }
    appendBins(of: rows, to: &writer, scratch: &values) { bin, _ in bin.count }
  }

  /// One column of what `value` makes of each bin and the bucket before it in its row; nil is left out.
  @inline(__always)
  private func appendBins<Rows: BatchRowSource>(
    of rows: Rows, to writer: inout PayloadWriter, scratch values: inout [UInt64],
    _ value: (SparseHistogram.Bin, UInt16?) -> UInt64?
  ) {
    values.removeAll(keepingCapacity: true)
    for row in 0..<rowCount {
      var last: UInt16?
      rows.visitBins(of: row) { bin in
        if let value = value(bin, last) { values.append(value) }
        last = bin.bucket
      }
    }
    writer.append(column: values)
  }

  @inline(__always)
  private static func value<Rows: BatchRowSource>(
    of rows: Rows, row: Int, column: Int
  ) -> UInt64 {
    switch column {
    case openStartColumn: rows.openExchanges(of: row).start
    case openEndColumn: rows.openExchanges(of: row).end
    case clampedLowColumn: rows.clampedObservations(of: row).low
    case clampedHighColumn: rows.clampedObservations(of: row).high
    default: rows.quantity(of: row, at: column)
    }
  }
}

/// How many bytes two runs have in common at their start.
func commonPrefix(_ left: [UInt8], _ right: [UInt8]) -> Int {
  let limit = min(left.count, right.count)
  var count = 0
  while count < limit && left[count] == right[count] { count += 1 }
  return count
}
