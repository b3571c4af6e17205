internal import GRDB

/// A counter for each period that grows with everything that would change its statements.
///
/// A close loads it with its inputs and commits only when it still reads the same.
enum PeriodChange {
  /// Notes that usage or costs of a period changed.
  static func bump(_ database: Database, _ period: String) throws {
    try database.execute(
      sql: """
        INSERT INTO period_change (period, changes) VALUES (?, 1)
        ON CONFLICT (period) DO UPDATE SET changes = changes + 1
        """, arguments: [period])
  }

  /// The counter's reading.
  static func reading(_ database: Database, _ period: String) throws -> Int64 {
    try Int64.fetchOne(
      database, sql: "SELECT changes FROM period_change WHERE period = ?", arguments: [period]) ?? 0
  }
}
