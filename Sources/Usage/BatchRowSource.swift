/// Rows that can be encoded where they lie, without a `UsageRow` for each.
///
/// Rows ascend strictly by (tenant, route) as bytes; the encoder refuses anything else. Every method
/// may be called several times for a row, in any order of rows, and must answer the same.
public protocol BatchRowSource {
  /// How many rows there are.
  var rowCount: Int { get }
  /// The routes that `route(of:)` points into, in any order.
  var routes: [RouteName] { get }

  /// Appends the bytes of a row's tenant id.
  func appendTenant(of row: Int, to bytes: inout [UInt8])
  /// The position of a row's route in `routes`.
  func route(of row: Int) -> Int
  /// One quantity of a row, by `Quantity.rawValue`.
  func quantity(of row: Int, at index: Int) -> UInt64
  /// Exchanges open when the interval began and when it ended.
  func openExchanges(of row: Int) -> (start: UInt64, end: UInt64)
  /// Observations clamped into the first and the last histogram bucket.
  func clampedObservations(of row: Int) -> (low: UInt64, high: UInt64)
  /// Visits the filled buckets of a row, ascending.
  func visitBins(of row: Int, _ body: (SparseHistogram.Bin) -> Void)
}

/// The rows of a `Batch` as a source.
struct ArrayRowSource: BatchRowSource {
  private let rows: [UsageRow]
  private let routeIndexes: [Int]
  let routes: [RouteName]

  init(_ rows: [UsageRow]) {
    var positions: [RouteName: Int] = [:]
    var routes: [RouteName] = []
    routeIndexes = rows.map { row in
      if let known = positions[row.route] { return known }
      positions[row.route] = routes.count
      routes.append(row.route)
      return routes.count - 1
    }
    self.rows = rows
    self.routes = routes
  }

  var rowCount: Int { rows.count }
  func appendTenant(of row: Int, to bytes: inout [UInt8]) { bytes += rows[row].tenant.text.utf8 }
  func route(of row: Int) -> Int { routeIndexes[row] }
  func quantity(of row: Int, at index: Int) -> UInt64 { rows[row].quantities[index] }
  func openExchanges(of row: Int) -> (start: UInt64, end: UInt64) {
    (rows[row].openStart, rows[row].openEnd)
  }
  func clampedObservations(of row: Int) -> (low: UInt64, high: UInt64) {
    (rows[row].histogram.clampedLow, rows[row].histogram.clampedHigh)
  }
  func visitBins(of row: Int, _ body: (SparseHistogram.Bin) -> Void) {
    for bin in rows[row].histogram.bins { body(bin) }
  }
}
