extension Schema {
  /// Statements: archived documents, tenant-scoped access, exports. From format 1 to 2.
  static let secondStatements: [String] =
    [
      // Amounts of the lines in short form, for the comparison on the next statement.
      "ALTER TABLE statement ADD COLUMN amounts BLOB",
      // A token of role `tenant` reads what is this tenant's, and nothing else.
      "ALTER TABLE token ADD COLUMN tenant TEXT",
      // Renderings that cannot be promised to come out the same in another build: kept as first made.
      """
      CREATE TABLE statement_archive (
        period TEXT NOT NULL, version INTEGER NOT NULL, tenant TEXT NOT NULL, form TEXT NOT NULL,
        bytes BLOB NOT NULL, digest BLOB NOT NULL, statement_digest BLOB NOT NULL,
        made_at INTEGER NOT NULL, made_by TEXT NOT NULL,
        PRIMARY KEY (period, version, tenant, form)) STRICT, WITHOUT ROWID
      """,
    ] + SchemaTriggers.appendOnly("statement_archive")
}
