extension Schema {
  /// Periods and the ledger: close by two people, restatement, adjustments, disputes. From format 1 to 2.
  static let secondPeriods: [String] =
    periodColumns + provisionalTables + orderTables + linkTables + takenUsageTable + disputeTables

  /// Digests of inputs that not every month has, and the period of a row in quarantine. From format 2 to 3.
  static let thirdPeriods = [
    "ALTER TABLE cost_fault ADD COLUMN period TEXT",
    "ALTER TABLE period ADD COLUMN rates_digest BLOB",
    "ALTER TABLE period ADD COLUMN sku_map_digest BLOB",
    "ALTER TABLE period ADD COLUMN series_digest BLOB",
    "ALTER TABLE period ADD COLUMN invoices_digest BLOB",
  ]

  private static let periodColumns = [
    "ALTER TABLE period ADD COLUMN approved_by TEXT",
    "ALTER TABLE period ADD COLUMN soft_closed_at INTEGER",
    "ALTER TABLE period ADD COLUMN soft_closed_by TEXT",
    "ALTER TABLE period ADD COLUMN soft_close_reason TEXT",
  ]

  /// What a soft close shows: replaced by the next one, gone with the close.
  private static let provisionalTables = [
    """
    CREATE TABLE provisional_set (
      period TEXT PRIMARY KEY, summary BLOB NOT NULL, reconciliation BLOB NOT NULL)
      STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE provisional_statement (
      period TEXT NOT NULL, tenant TEXT NOT NULL, document BLOB NOT NULL, digest BLOB NOT NULL,
      micros INTEGER NOT NULL, currency TEXT NOT NULL, PRIMARY KEY (period, tenant))
      STRICT, WITHOUT ROWID
    """,
  ]

  /// What one person asked for and another has to approve.
  private static let orderTables = [
    """
    CREATE TABLE ledger_order (
      id INTEGER PRIMARY KEY, period TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL,
      body BLOB NOT NULL, proposal BLOB NOT NULL, reason TEXT NOT NULL, asked_at INTEGER NOT NULL,
      asked_by TEXT NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('pending', 'done', 'withdrawn')), settled_at INTEGER,
      settled_by TEXT) STRICT
    """,
    """
    CREATE UNIQUE INDEX ledger_order_pending ON ledger_order (period, kind, subject)
      WHERE state = 'pending'
    """,
  ]

  /// Which entry undoes or corrects which; the way back from an entry to what came after it.
  private static let linkTables =
    [
      """
      CREATE TABLE ledger_link (
        entry INTEGER NOT NULL REFERENCES ledger_entry, origin INTEGER NOT NULL
          REFERENCES ledger_entry,
        kind TEXT NOT NULL CHECK (kind IN ('reverses', 'corrects')),
        PRIMARY KEY (entry, origin)) STRICT, WITHOUT ROWID
      """,
      "CREATE INDEX ledger_link_origin ON ledger_link (origin)",
      "CREATE INDEX ledger_entry_adjustment ON ledger_entry (subject) WHERE kind = 'adjustment'",
    ] + SchemaTriggers.appendOnly("ledger_link")

  /// Late usage that a restatement took in, by the version that did.
  private static let takenUsageTable = [
    """
    CREATE TABLE usage_taken (
      version INTEGER NOT NULL, tenant TEXT NOT NULL, hour INTEGER NOT NULL, route TEXT NOT NULL,
      \(quantityColumns.map { "\($0) INTEGER NOT NULL CHECK (\($0) >= 0)" }
        .joined(separator: ", ")),
      histogram BLOB,
      PRIMARY KEY (tenant, hour, route, version)) STRICT, WITHOUT ROWID
    """
  ]

  /// A dispute is what its events say; none of them touches the ledger.
  private static let disputeTables =
    [
      """
      CREATE TABLE dispute (
        id INTEGER PRIMARY KEY, period TEXT NOT NULL, version INTEGER NOT NULL,
        tenant TEXT NOT NULL, pool TEXT, micros INTEGER, currency TEXT, opened_at INTEGER NOT NULL)
        STRICT
      """,
      """
      CREATE TABLE dispute_event (
        dispute INTEGER NOT NULL REFERENCES dispute, position INTEGER NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('open', 'answer', 'evidence', 'resolve')),
        at INTEGER NOT NULL, actor TEXT NOT NULL, text TEXT NOT NULL, evidence_name TEXT,
        evidence_digest BLOB, outcome TEXT, entry BLOB,
        PRIMARY KEY (dispute, position)) STRICT, WITHOUT ROWID
      """,
    ] + SchemaTriggers.appendOnly("dispute") + SchemaTriggers.appendOnly("dispute_event")
}
