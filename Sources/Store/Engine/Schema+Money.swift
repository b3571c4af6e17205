extension Schema {
  /// A file of rates may be stored again: `digest` then tells the import from the first one, and this
  /// is the file's. NULL in rows that were there before. From format 2 to 3.
  static let thirdMoney = [
    "ALTER TABLE rate_import ADD COLUMN file_digest BLOB",
    "CREATE INDEX rate_invoice ON rate (invoice) WHERE invoice IS NOT NULL",
  ]

  /// Currencies and policies: rate tables, names of tenants over time. From format 1 to 2.
  ///
  /// Both are append-only: a rate that was wrong is followed by a later import, a relation of a tenant
  /// by a later document. What a close used can be found again by the digest of its document.
  static let secondMoney =
    [
      """
      CREATE TABLE rate_import (
        id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, source TEXT NOT NULL,
        rates INTEGER NOT NULL, received_at INTEGER NOT NULL, actor TEXT NOT NULL) STRICT
      """,
      """
      CREATE TABLE rate (
        import INTEGER NOT NULL REFERENCES rate_import, line INTEGER NOT NULL, day INTEGER NOT NULL,
        from_currency TEXT NOT NULL, to_currency TEXT NOT NULL, rate TEXT NOT NULL,
        source TEXT NOT NULL, invoice TEXT, PRIMARY KEY (import, line)) STRICT, WITHOUT ROWID
      """,
      "CREATE INDEX rate_day ON rate (to_currency, day)",
      """
      CREATE TABLE tenant_history (
        id INTEGER PRIMARY KEY, digest BLOB NOT NULL, received_at INTEGER NOT NULL,
        actor TEXT NOT NULL) STRICT
      """,
      """
      CREATE TABLE tenant_relation (
        history INTEGER NOT NULL REFERENCES tenant_history, position INTEGER NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('alias', 'parent')), tenant TEXT NOT NULL,
        target TEXT NOT NULL, from_us INTEGER NOT NULL, to_us INTEGER,
        PRIMARY KEY (history, position)) STRICT, WITHOUT ROWID
      """,
    ] + moneyTriggers

  private static let moneyTriggers = [
    ("rate_import", "id = NEW.id OR digest = NEW.digest"),
    ("rate", "import = NEW.import AND line = NEW.line"),
    ("tenant_history", "id = NEW.id"),
    ("tenant_relation", "history = NEW.history AND position = NEW.position"),
  ].flatMap { table, key in SchemaTriggers.appendOnly(table, key: key) }
}
