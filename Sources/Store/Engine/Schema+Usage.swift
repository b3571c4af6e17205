extension Schema {
  /// Names of the operator's units by the period in which proxies declared them; `unit_declaration` keeps
  /// those that came before, without a period. From format 2 to 3.
  static let thirdUsage = [
    """
    CREATE TABLE period_unit (
      period TEXT NOT NULL, position INTEGER NOT NULL, name TEXT NOT NULL, unit TEXT NOT NULL,
      PRIMARY KEY (period, position, name, unit)) STRICT, WITHOUT ROWID
    """
  ]

  /// Usage: quantities that came after the first format, 0 in rows that were there before. From format 1 to 2.
  static let secondUsage: [String] =
    ["usage_rollup", "usage_late", "listener_total"].flatMap { table in
      quantityColumns[firstQuantities.endIndex..<31].map { column in
        "ALTER TABLE \(table) ADD COLUMN \(column) INTEGER NOT NULL DEFAULT 0 CHECK (\(column) >= 0)"
      }
    }
}
