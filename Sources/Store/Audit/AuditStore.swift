internal import GRDB

/// The append-only trail of what people did.
public struct AuditStore: Sendable {
  /// The database.
  let engine: Engine

  /// Adds a record of a deed that changed nothing in the store, such as a read.
  public func append(_ record: AuditRecord) async throws(StoreError) {
    try await engine.write("writing the audit trail") { database in
      try AuditTrail.append(database, record)
    }
  }

  /// The latest records, newest first.
  public func latest(_ count: Int) async throws(StoreError) -> [AuditEntry] {
    try await engine.read("reading the audit trail") { database in
      try Row.fetchAll(
        database, sql: "SELECT * FROM audit ORDER BY sequence DESC LIMIT ?", arguments: [count]
      ).map(AuditTrail.entry)
    }
  }

  /// Walks the chain from the first record to the last.
  public func verify() async throws(StoreError) -> AuditReport {
    try await engine.read("verifying the audit trail") { database in
      try AuditTrail.verify(database)
    }
  }
}
