internal import GRDB

/// A counter for each period that grows with everything that would change its statements.
///
/// A close loads it with its inputs and commits only when it still reads the same.
enum PeriodChange {
  /// Notes that usage, costs or what else a close of the period looks at changed.
  static func bump(_ database: Database, _ period: String) throws {
    try database.execute(
      sql: """
        INSERT INTO period_change (period, changes) VALUES (?, 1)
        ON CONFLICT (period) DO UPDATE SET changes = changes + 1
        """, arguments: [period])
  }

  /// Notes that something changed which any period may depend on, such as the policy, the register or
  /// rates of currencies. A period without a counter has nothing yet that a close could have loaded.
  static func bumpAll(_ database: Database) throws {
    try database.execute(sql: "UPDATE period_change SET changes = changes + 1")
  }

  /// The counter's reading.
  static func reading(_ database: Database, _ period: String) throws -> Int64 {
    try Int64.fetchOne(
      database, sql: "SELECT changes FROM period_change WHERE period = ?", arguments: [period]) ?? 0
  }
}
