internal import Accounting
internal import GRDB

/// Late usage on its way into a restatement, inside one transaction.
enum LateUsage {
  /// Takes everything that came late for a period into a version of its statements.
  static func take(_ database: Database, _ period: Period, version: UInt32) throws {
    let columns =
      (["tenant", "hour", "route"] + Schema.quantityColumns + ["histogram"])
      .joined(separator: ", ")
    let window: StatementArguments = [
      UsageHour.containing(period.start.microseconds),
      UsageHour.containing(period.end.microseconds),
    ]
    try database.execute(
      sql: """
        INSERT INTO usage_taken (version, \(columns))
        SELECT \(version), \(columns) FROM usage_late WHERE hour >= ? AND hour < ?
        """, arguments: window)
    try database.execute(
      sql: "DELETE FROM usage_late WHERE hour >= ? AND hour < ?", arguments: window)
  }
}
