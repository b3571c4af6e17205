internal import GRDB
internal import Usage

/// The tables of the store and the steps that lead to them.
///
/// Counters are STRICT integers: a sum past 63 bits becomes a REAL in SQLite, which a STRICT column
/// refuses, so that an overflow ends the transaction instead of losing precision.
enum Schema {
  /// The format this program writes. A store of a higher one is refused.
  static let format = 3

  /// Steps from format n to n + 1; append only.
  private static let steps: [@Sendable (Database) throws -> Void] = [
    { database in
      for statement in metaTables + usageTables + costTables + ledgerTables + periodTables {
        try database.execute(sql: statement)
      }
      for table in ["ledger_entry", "ledger_posting", "audit", "statement", "statement_set"] {
        for trigger in SchemaTriggers.appendOnly(table) { try database.execute(sql: trigger) }
      }
      for trigger in SchemaTriggers.inOrder { try database.execute(sql: trigger) }
    },
    { database in
      for statement in secondCosts + secondMoney + secondPeriods + secondStatements + secondUsage {
        try database.execute(sql: statement)
      }
    },
    // In format 3 blocks of cost records may also have layout 2 (`CostBlock`).
    { database in
      for statement in thirdPeriods + thirdRegister + thirdUsage + thirdMoney {
        try database.execute(sql: statement)
      }
    },
  ]

  /// Refuses a file of another program or of a newer Weir.
  static func checkFormat(_ database: Database, path: String) throws {
    let application = try Int.fetchOne(database, sql: "PRAGMA application_id") ?? 0
    let found = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
    let tables = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_schema") ?? 0
    guard application == Engine.applicationID || (application == 0 && tables == 0) else {
      throw StoreError.notAStore(path: path)
    }
    guard found <= format else {
      throw StoreError.newerFormat(path: path, found: found, known: format)
    }
  }

  /// Runs the steps that this store lacks up to a format, each in a transaction of its own.
  static func migrate(_ database: Database, to target: Int = format) throws {
    let found = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
    for step in found..<max(found, target) {
      try database.inTransaction(.immediate) {
        let now = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
        guard now == step else { return .rollback }
        try steps[step](database)
        try database.execute(sql: "PRAGMA user_version = \(step + 1)")
        try database.execute(sql: "PRAGMA application_id = \(Engine.applicationID)")
        return .commit
      }
    }
  }

  /// Names of the counter columns, in the order of `Quantity.rawValue`.
  static let quantityColumns = Usage.Quantity.allCases.map(\.name)

  /// Those of format 1: later ones come with the step of their own format.
  static let firstQuantities = quantityColumns.prefix(28)

  private static let quantityDefinitions =
    firstQuantities.map { "\($0) INTEGER NOT NULL CHECK (\($0) >= 0)" }.joined(separator: ",\n  ")

  private static let connectionDefinitions =
    ConnectionQuantity.allCases.map { "\($0.name) INTEGER NOT NULL" }.joined(separator: ",\n  ")

  private static let metaTables = [
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    """
    CREATE TABLE token (
      id TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, hash BLOB NOT NULL UNIQUE,
      created_at INTEGER NOT NULL, revoked_at INTEGER) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE tenant (
      id TEXT PRIMARY KEY, name TEXT NOT NULL, plan TEXT NOT NULL, registered_at INTEGER NOT NULL)
      STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE audit (
      sequence INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
      subject TEXT NOT NULL, detail TEXT NOT NULL, previous BLOB NOT NULL,
      hash BLOB NOT NULL) STRICT
    """,
  ]

  private static let usageTables =
    [
      """
      CREATE TABLE instance (
        name TEXT PRIMARY KEY, first_received INTEGER NOT NULL, last_received INTEGER NOT NULL,
        first_interval INTEGER NOT NULL, last_interval INTEGER NOT NULL,
        names_stored INTEGER NOT NULL) STRICT, WITHOUT ROWID
      """,
      """
      CREATE TABLE batch_stream (
        instance TEXT NOT NULL, boot TEXT NOT NULL, worker INTEGER NOT NULL,
        names_stored INTEGER NOT NULL, sequence_max INTEGER NOT NULL,
        expected_last INTEGER NOT NULL,
        PRIMARY KEY (instance, boot, worker)) STRICT, WITHOUT ROWID
      """,
      """
      CREATE INDEX batch_stream_gap ON batch_stream (instance)
        WHERE names_stored < 1 + max(sequence_max, expected_last)
      """,
      """
      CREATE TABLE batch (
        id INTEGER PRIMARY KEY, instance TEXT NOT NULL, boot TEXT NOT NULL, worker INTEGER NOT NULL,
        first_sequence INTEGER NOT NULL, last_sequence INTEGER NOT NULL, digest BLOB NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('stored', 'late', 'quarantined')),
        period TEXT NOT NULL, flags INTEGER NOT NULL, start_us INTEGER NOT NULL,
        end_us INTEGER NOT NULL, length_ns INTEGER NOT NULL, rows INTEGER NOT NULL,
        bytes INTEGER NOT NULL, is_conserved INTEGER NOT NULL, received_at INTEGER NOT NULL,
        UNIQUE (instance, boot, worker, first_sequence)) STRICT
      """,
      "CREATE INDEX batch_period ON batch (period, instance, start_us, end_us)",
      "CREATE INDEX batch_received ON batch (instance, received_at)",
      "CREATE TABLE batch_bytes (batch INTEGER PRIMARY KEY REFERENCES batch, bytes BLOB) STRICT",
      """
      CREATE TABLE batch_conflict (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL, period TEXT NOT NULL,
        last_sequence INTEGER NOT NULL, stored_digest BLOB NOT NULL, offered_digest BLOB NOT NULL,
        bytes BLOB,
        received_at INTEGER NOT NULL, UNIQUE (name, offered_digest)) STRICT
      """,
      """
      CREATE TABLE listener_total (
        batch INTEGER NOT NULL REFERENCES batch, position INTEGER NOT NULL, listener TEXT NOT NULL,
        \(quantityDefinitions),
        \(connectionDefinitions),
        open_start INTEGER NOT NULL, open_end INTEGER NOT NULL, observations INTEGER NOT NULL,
        PRIMARY KEY (batch, position)) STRICT, WITHOUT ROWID
      """,
      """
      CREATE TABLE unit_declaration (
        position INTEGER NOT NULL, name TEXT NOT NULL, unit TEXT NOT NULL,
        PRIMARY KEY (position, name, unit)) STRICT, WITHOUT ROWID
      """,
    ]
    + ["usage_rollup", "usage_late"].map { table in
      """
      CREATE TABLE \(table) (
        tenant TEXT NOT NULL, hour INTEGER NOT NULL, route TEXT NOT NULL,
        \(quantityDefinitions),
        histogram BLOB,
        PRIMARY KEY (tenant, hour, route)) STRICT, WITHOUT ROWID
      """
    }

  private static let costTables = [
    """
    CREATE TABLE cost_import (
      id INTEGER PRIMARY KEY, source TEXT NOT NULL, digest BLOB NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('staging', 'stored', 'unchanged')),
      version TEXT NOT NULL, bytes INTEGER NOT NULL, records INTEGER NOT NULL,
      faults INTEGER NOT NULL, precision_lost INTEGER NOT NULL, received_at INTEGER NOT NULL,
      actor TEXT NOT NULL) STRICT
    """,
    """
    CREATE TABLE cost_snapshot (
      import INTEGER NOT NULL REFERENCES cost_import, source TEXT NOT NULL, period TEXT NOT NULL,
      digest BLOB NOT NULL, records INTEGER NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('current', 'superseded', 'unchanged')),
      PRIMARY KEY (import, period)) STRICT, WITHOUT ROWID
    """,
    """
    CREATE UNIQUE INDEX cost_snapshot_current ON cost_snapshot (source, period)
      WHERE state = 'current'
    """,
    """
    CREATE TABLE cost_total (
      import INTEGER NOT NULL REFERENCES cost_import, period TEXT NOT NULL, currency TEXT NOT NULL,
      records INTEGER NOT NULL, billed TEXT NOT NULL, effective TEXT NOT NULL,
      PRIMARY KEY (import, period, currency)) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE cost_record (
      import INTEGER NOT NULL REFERENCES cost_import, period TEXT NOT NULL, line INTEGER NOT NULL,
      record BLOB NOT NULL, PRIMARY KEY (import, period, line)) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE cost_fault (
      import INTEGER NOT NULL REFERENCES cost_import, position INTEGER NOT NULL,
      line INTEGER NOT NULL, field TEXT, reason TEXT NOT NULL, value TEXT,
      PRIMARY KEY (import, position)) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE policy (
      digest BLOB PRIMARY KEY, name TEXT NOT NULL, source BLOB NOT NULL,
      stored_at INTEGER NOT NULL) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE policy_activation (
      sequence INTEGER PRIMARY KEY, digest BLOB NOT NULL REFERENCES policy,
      at INTEGER NOT NULL, actor TEXT NOT NULL) STRICT
    """,
  ]

  private static let ledgerTables = [
    """
    CREATE TABLE ledger_entry (
      sequence INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, period TEXT NOT NULL,
      version INTEGER NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL,
      posted_at INTEGER NOT NULL, actor TEXT NOT NULL, reason TEXT NOT NULL,
      canonical BLOB NOT NULL, previous BLOB NOT NULL, hash BLOB NOT NULL)
      STRICT
    """,
    "CREATE INDEX ledger_entry_period ON ledger_entry (period, version)",
    """
    CREATE TABLE ledger_posting (
      entry INTEGER NOT NULL REFERENCES ledger_entry, position INTEGER NOT NULL,
      account TEXT NOT NULL, currency TEXT NOT NULL, micros INTEGER NOT NULL,
      PRIMARY KEY (entry, position)) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX ledger_posting_account ON ledger_posting (account)",
  ]

  private static let periodTables = [
    """
    CREATE TABLE period (
      id TEXT PRIMARY KEY, state TEXT NOT NULL, version INTEGER NOT NULL, closed_at INTEGER,
      closed_by TEXT, reason TEXT, policy BLOB, usage_digest BLOB, register_digest BLOB,
      ledger_count INTEGER, ledger_hash BLOB) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE period_change (
      period TEXT PRIMARY KEY, changes INTEGER NOT NULL) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE period_import (
      period TEXT NOT NULL, version INTEGER NOT NULL, source TEXT NOT NULL, import INTEGER NOT NULL,
      digest BLOB NOT NULL, PRIMARY KEY (period, version, source)) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE statement_set (
      period TEXT NOT NULL, version INTEGER NOT NULL, summary BLOB NOT NULL,
      reconciliation BLOB NOT NULL, PRIMARY KEY (period, version)) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE statement (
      period TEXT NOT NULL, version INTEGER NOT NULL, tenant TEXT NOT NULL, document BLOB NOT NULL,
      digest BLOB NOT NULL, micros INTEGER NOT NULL, currency TEXT NOT NULL,
      PRIMARY KEY (period, version, tenant)) STRICT, WITHOUT ROWID
    """,
  ]
}
