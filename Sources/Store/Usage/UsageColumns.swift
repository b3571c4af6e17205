internal import Foundation
internal import GRDB
internal import Usage

/// SQL for usage rows, built once from the table of quantities.
enum UsageColumns {
  private static let columns = Schema.quantityColumns
  private static let names = columns.joined(separator: ", ")
  private static let marks = columns.map { _ in "?" }.joined(separator: ", ")

  /// Adds one row to `table`; the sum of a counter past 63 bits is refused by the column.
  static func upsert(into table: String) -> String {
    let sums = columns.map { "\($0) = \($0) + excluded.\($0)" }.joined(separator: ", ")
    return """
      INSERT INTO \(table) (tenant, hour, route, \(names), histogram)
      VALUES (?, ?, ?, \(marks), ?)
      ON CONFLICT (tenant, hour, route) DO UPDATE SET \(sums),
        histogram = weir_merge_histogram(histogram, excluded.histogram)
      """
  }

  /// Stores one listener's totals of one batch.
  static let insertListener: String = {
    let connection = ConnectionQuantity.allCases.map(\.name)
    let connectionMarks = connection.map { _ in "?" }.joined(separator: ", ")
    return """
      INSERT INTO listener_total (batch, position, listener, \(names),
        \(connection.joined(separator: ", ")), open_start, open_end, observations)
      VALUES (?, ?, ?, \(marks), \(connectionMarks), ?, ?, ?)
      """
  }()

  /// `sum(requests) AS requests, …`.
  static let sums = columns.map { "sum(\($0)) AS \($0)" }.joined(separator: ", ")

  /// Binds one row in the order of `upsert`.
  static func bind(_ row: UsageRow, hour: Int64, to statement: borrowing RawStatement) throws {
    try statement.bind(1, row.tenant.text)
    try statement.bind(2, hour)
    try statement.bind(3, row.route.text)
    for (index, count) in row.quantities.enumerated() {
      try statement.bind(Int32(4 + index), try Counter.column(count, columns[index]))
    }
    try statement.bind(Int32(4 + columns.count), HistogramBlob.bytes(row.histogram))
  }

  /// Values of one listener in the order of `insertListener`.
  static func arguments(
    _ totals: ListenerTotals, batch: Int64, position: Int
  ) throws -> StatementArguments {
    var values: [(any DatabaseValueConvertible)?] = [batch, position, totals.listener]
    let counters =
      totals.quantities + totals.connectionQuantities
      + [totals.openStart, totals.openEnd, totals.observations]
    for count in counters {
      values.append(try Counter.column(count, "a total of listener \(totals.listener)"))
    }
    return StatementArguments(values)
  }
}
