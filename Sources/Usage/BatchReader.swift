/// Hands out the rows of a batch one by one, each validated.
///
/// A fault may come after rows were handed out: what is made of them must be undone then. Memory: the
/// decompressed payload and one row.
public struct BatchReader: Sendable {
  /// Everything but the rows.
  public let head: BatchHead
  /// How many rows `next()` hands out in all.
  public let rowCount: Int
  /// The decompressed payload, for a digest: see `BatchCodec.payload(of:limits:)`.
  public let payload: [UInt8]

  /// Quantities that this version of the format has; the others are zero.
  private let quantityCount: Int
  private let routes: [RouteName]
  private var row = 0
  private var tenantBytes: [UInt8] = []
  private var previousRank = -1
  private var tenants: TenantColumn
  private var ranks: ColumnCursor
  private var columns: [ColumnCursor]
  private var histograms: HistogramColumns
  private var current: UsageRow

  /// Verifies the envelope, decompresses, and reads the head.
  public init(
    _ bytes: [UInt8], limits: BatchCodec.Limits = BatchCodec.Limits()
  ) throws(BatchError) {
    let (payload, version) = try BatchCodec.versionedPayload(of: bytes, limits: limits)
    try self.init(payload: payload, version: version, limits: limits)
  }

  /// Reads the head of a payload of a known version that was decompressed before.
  public init(
    payload: [UInt8], version: UInt32 = BatchCodec.version,
    limits: BatchCodec.Limits = BatchCodec.Limits()
  ) throws(BatchError) {
    guard let quantityCount = BatchCodec.quantityCount(ofVersion: version) else {
      throw .unsupportedVersion(found: version, supported: BatchCodec.version)
    }
    self.quantityCount = quantityCount
    var cursor = PayloadCursor(0, payload.count)
    head = try cursor.head(payload, quantityCount: quantityCount)
    let declared = try cursor.varint(payload)
    guard declared <= UInt64(limits.rowsMax) else {
      throw .tooLarge(what: "number of rows", value: declared, limit: UInt64(limits.rowsMax))
    }
    let rowCount = Int(declared)
    self.rowCount = rowCount
    routes = try Self.routes(payload, &cursor, rowCount: rowCount)
    tenants = try TenantColumn(payload, at: &cursor, rowCount: rowCount)
    ranks = try ColumnCursor(payload, at: &cursor, valueCount: rowCount)
    columns = []
    for _ in 0..<quantityCount + RowPlan.rowColumnCount - Quantity.count {
      columns.append(try ColumnCursor(payload, at: &cursor, valueCount: rowCount))
    }
    histograms = try HistogramColumns(payload, at: &cursor, rowCount: rowCount, limits: limits)
    guard cursor.remaining == 0 else {
      throw cursor.fault("\(cursor.remaining) bytes behind the last column")
    }
    current = UsageRow(tenant: .unattributed, route: .none)
    self.payload = payload
    if rowCount == 0 { try finish() }
  }

  /// The next row, or nil after the last. After a throw the reader is of no further use.
  public mutating func next() throws(BatchError) -> UsageRow? {
    if row == rowCount { return nil }
    try readKey()
    for index in columns.indices {
      let value = try columns[index].next(payload)
      guard value <= BatchCodec.counterMax else {
        throw .invalid(row: row, reason: "a counter is above 2^63 - 1")
      }
      guard index >= quantityCount else {
        current.quantities[index] = value
        continue
      }
      switch index - quantityCount + Quantity.count {
      case RowPlan.openStartColumn: current.openStart = value
      case RowPlan.openEndColumn: current.openEnd = value
      case RowPlan.clampedLowColumn: current.histogram.clampedLow = value
      case RowPlan.clampedHighColumn: current.histogram.clampedHigh = value
      default: preconditionFailure("there are four columns behind the quantities")
      }
    }
    try histograms.next(payload, row: row, into: &current.histogram)
    guard
      RowRules.conserves(
        openStart: current.openStart, requests: current[.requests],
        ended: RowRules.sumOfEnded { current.quantities[$0] }, openEnd: current.openEnd)
    else { throw .invalid(row: row, reason: RowRules.notConserved) }
    row += 1
    if row == rowCount { try finish() }
    return current
  }

  private mutating func readKey() throws(BatchError) {
    let order = try tenants.next(payload, row: row, tenant: &tenantBytes)
    let rank = try ranks.next(payload)
    guard rank < UInt64(routes.count) else { throw .invalid(row: row, reason: "no route \(rank)") }
    switch order {
    case .descending: throw .invalid(row: row, reason: "rows do not ascend by tenant")
    case .same where Int(rank) <= previousRank:
      throw .invalid(row: row, reason: "rows do not ascend by route within a tenant")
    case .same: break
    case .ascending:
      guard let tenant = TenantID(storedBytes: tenantBytes) else {
        throw .invalid(row: row, reason: "not a tenant id")
      }
      current.tenant = tenant
    }
    previousRank = Int(rank)
    current.route = routes[Int(rank)]
  }

  private func finish() throws(BatchError) {
    try tenants.finish()
    try ranks.finish(payload)
    for column in columns { try column.finish(payload) }
    try histograms.finish(payload)
  }

  private static func routes(
    _ payload: [UInt8], _ cursor: inout PayloadCursor, rowCount: Int
  ) throws(BatchError) -> [RouteName] {
    let count = try cursor.varint(payload, "routes", max: min(rowCount, cursor.remaining))
    var routes: [RouteName] = []
    for _ in 0..<count {
      guard let route = RouteName(stored: try cursor.text(payload, bytesMax: RouteName.bytesMax))
      else { throw cursor.fault("not a route name") }
      if let last = routes.last, route <= last { throw cursor.fault("routes do not ascend") }
      routes.append(route)
    }
    return routes
  }
}
