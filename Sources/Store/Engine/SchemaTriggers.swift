/// Triggers by which the database itself keeps history as it was written.
///
/// UPDATE and DELETE are refused outright. REPLACE is refused twice: recursive triggers make it run
/// the DELETE trigger, and the INSERT trigger refuses a key that is taken, also on a connection of
/// another program that has recursive triggers off.
enum SchemaTriggers {
  private static let keys = [
    "ledger_entry": "sequence = NEW.sequence OR id = NEW.id",
    "ledger_posting": "entry = NEW.entry AND position = NEW.position",
    "audit": "sequence = NEW.sequence",
    "statement": "period = NEW.period AND version = NEW.version AND tenant = NEW.tenant",
    "statement_set": "period = NEW.period AND version = NEW.version",
    "statement_archive":
      "period = NEW.period AND version = NEW.version AND tenant = NEW.tenant AND form = NEW.form",
    "ledger_link": "entry = NEW.entry AND origin = NEW.origin",
    "dispute": "id = NEW.id",
    "dispute_event": "dispute = NEW.dispute AND position = NEW.position",
  ]

  /// The three triggers of one append-only table.
  static func appendOnly(_ table: String) -> [String] {
    guard let key = keys[table] else { preconditionFailure("no key of \(table)") }
    return appendOnly(table, key: key)
  }

  /// The three triggers of one append-only table whose rows are told apart by `key`, a condition on
  /// a row and `NEW`.
  static func appendOnly(_ table: String, key: String) -> [String] {
    [
      """
      CREATE TRIGGER \(table)_no_update BEFORE UPDATE ON \(table)
      BEGIN SELECT RAISE(ABORT, '\(table) is append-only: UPDATE refused'); END
      """,
      """
      CREATE TRIGGER \(table)_no_delete BEFORE DELETE ON \(table)
      BEGIN SELECT RAISE(ABORT, '\(table) is append-only: DELETE refused'); END
      """,
      """
      CREATE TRIGGER \(table)_no_replace BEFORE INSERT ON \(table)
      WHEN EXISTS (SELECT 1 FROM \(table) WHERE \(key))
      BEGIN SELECT RAISE(ABORT, '\(table) is append-only: REPLACE refused'); END
      """,
    ]
  }

  /// Ledger and audit grow by one without holes.
  static let inOrder = ["ledger_entry", "audit"].map { table in
    """
    CREATE TRIGGER \(table)_in_order BEFORE INSERT ON \(table)
    WHEN NEW.sequence <> (SELECT coalesce(max(sequence) + 1, 0) FROM \(table))
    BEGIN SELECT RAISE(ABORT, '\(table) has no holes: sequence refused'); END
    """
  }
}
