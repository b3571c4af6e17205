extension Schema {
  /// Costs and external drivers: imports of every shape, SKU maps, series. From format 1 to 2.
  ///
  /// Records of new imports stand in blocks of some hundreds (`cost_block`); `cost_record` keeps those
  /// of a store of format 1.
  static let secondCosts: [String] = [
    "ALTER TABLE cost_import ADD COLUMN form TEXT NOT NULL DEFAULT 'focus'",
    "ALTER TABLE cost_import ADD COLUMN map BLOB",
    "ALTER TABLE cost_import ADD COLUMN skipped INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE cost_import ADD COLUMN good_rows INTEGER NOT NULL DEFAULT 0",
    "UPDATE cost_import SET good_rows = records",
    "ALTER TABLE cost_fault ADD COLUMN file TEXT",
    "ALTER TABLE cost_snapshot ADD COLUMN replaces INTEGER",
    "ALTER TABLE cost_snapshot ADD COLUMN is_late INTEGER NOT NULL DEFAULT 0",
    """
    CREATE TABLE cost_block (
      id INTEGER PRIMARY KEY, import INTEGER NOT NULL REFERENCES cost_import, period TEXT NOT NULL,
      position INTEGER NOT NULL, records INTEGER NOT NULL, block BLOB NOT NULL) STRICT
    """,
    "CREATE UNIQUE INDEX cost_block_place ON cost_block (import, period, position)",
    """
    CREATE TABLE cost_group (
      import INTEGER NOT NULL REFERENCES cost_import, period TEXT NOT NULL, currency TEXT NOT NULL,
      service TEXT NOT NULL, category TEXT NOT NULL, records INTEGER NOT NULL, billed TEXT NOT NULL,
      effective TEXT NOT NULL, PRIMARY KEY (import, period, currency, service, category))
      STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE invoice_snapshot (
      import INTEGER NOT NULL REFERENCES cost_import, source TEXT NOT NULL, period TEXT NOT NULL,
      digest BLOB NOT NULL, lines INTEGER NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('current', 'superseded', 'unchanged')),
      PRIMARY KEY (import, period)) STRICT, WITHOUT ROWID
    """,
    """
    CREATE UNIQUE INDEX invoice_snapshot_current ON invoice_snapshot (source, period)
      WHERE state = 'current'
    """,
    """
    CREATE TABLE invoice_line (
      import INTEGER NOT NULL REFERENCES cost_import, position INTEGER NOT NULL,
      line INTEGER NOT NULL, period TEXT NOT NULL, invoice TEXT NOT NULL, detail TEXT NOT NULL,
      issuer TEXT NOT NULL, account TEXT NOT NULL, status TEXT NOT NULL, category TEXT NOT NULL,
      currency TEXT NOT NULL, billed TEXT NOT NULL, PRIMARY KEY (import, position))
      STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE billing_period_notice (
      source TEXT NOT NULL, period TEXT NOT NULL, issuer TEXT NOT NULL,
      import INTEGER NOT NULL REFERENCES cost_import, is_closed INTEGER NOT NULL,
      updated_at INTEGER NOT NULL, PRIMARY KEY (source, period, issuer)) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE cost_map (
      digest BLOB PRIMARY KEY, name TEXT NOT NULL, source BLOB NOT NULL, stored_at INTEGER NOT NULL,
      actor TEXT NOT NULL) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE sku_map (
      sequence INTEGER PRIMARY KEY, digest BLOB NOT NULL, source BLOB NOT NULL,
      entries INTEGER NOT NULL, at INTEGER NOT NULL, actor TEXT NOT NULL) STRICT
    """,
    """
    CREATE TABLE external_series (
      id INTEGER PRIMARY KEY, name TEXT NOT NULL, period TEXT NOT NULL, unit TEXT NOT NULL,
      digest BLOB NOT NULL, origin TEXT NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('current', 'superseded')),
      expected_hours INTEGER NOT NULL, notes BLOB NOT NULL, is_late INTEGER NOT NULL,
      at INTEGER NOT NULL, actor TEXT NOT NULL) STRICT
    """,
    """
    CREATE UNIQUE INDEX external_series_current ON external_series (name, period)
      WHERE state = 'current'
    """,
    """
    CREATE TABLE external_value (
      series INTEGER NOT NULL REFERENCES external_series, tenant TEXT NOT NULL,
      quantity TEXT NOT NULL, PRIMARY KEY (series, tenant)) STRICT, WITHOUT ROWID
    """,
  ]
}
