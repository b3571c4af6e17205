internal import GRDB

/// Facts about the store itself.
enum StoreMeta {
  /// The epoch of this copy; makes a new one for a new store and for a copy that is put to use.
  static func settleEpoch(_ database: Database) throws -> String {
    let isCopy = try value(database, "is_copy") == "1"
    if !isCopy, let epoch = try value(database, "epoch") { return epoch }
    let epoch = Random.hex64() + Random.hex64()
    try set(database, "epoch", epoch)
    try set(database, "is_copy", "0")
    return epoch
  }

  /// Marks a backup: whoever opens it makes a new epoch.
  static func markAsCopy(_ database: Database) throws {
    try set(database, "is_copy", "1")
  }

  private static func value(_ database: Database, _ key: String) throws -> String? {
    try String.fetchOne(database, sql: "SELECT value FROM meta WHERE key = ?", arguments: [key])
  }

  private static func set(_ database: Database, _ key: String, _ value: String) throws {
    try database.execute(
      sql: """
        INSERT INTO meta (key, value) VALUES (?, ?)
        ON CONFLICT (key) DO UPDATE SET value = excluded.value
        """, arguments: [key, value])
  }
}
