extension Schema {
  /// Usage: quantities that came after the first format, 0 in rows that were there before. From format 1 to 2.
  static let secondUsage: [String] =
    ["usage_rollup", "usage_late", "listener_total"].flatMap { table in
      quantityColumns[firstQuantities.endIndex..<31].map { column in
        "ALTER TABLE \(table) ADD COLUMN \(column) INTEGER NOT NULL DEFAULT 0 CHECK (\(column) >= 0)"
      }
    }
}
