public import Accounting
public import Digest
internal import Foundation
internal import GRDB

/// Names and parents of tenants over time: whole documents, of which the latest holds. None is ever
/// removed.
public struct HistoryStore: Sendable {
  /// The database.
  let engine: Engine

  /// Stores a document without faults in the place of the one before.
  ///
  /// Every open period notices: a close that loaded its inputs before is refused.
  public func set(
    _ history: TenantHistory, digest: Digest256, audit: AuditRecord
  ) async throws(StoreError) {
    try await engine.write("storing names of tenants") { database in
      try database.execute(
        sql: "INSERT INTO tenant_history (digest, received_at, actor) VALUES (?, ?, ?)",
        arguments: [Data(digest.bytes), audit.at.microseconds, audit.actor])
      let id = database.lastInsertedRowID
      let statement = try database.cachedStatement(
        sql: """
          INSERT INTO tenant_relation (history, position, kind, tenant, target, from_us, to_us)
          VALUES (?, ?, ?, ?, ?, ?, ?)
          """)
      for (position, relation) in history.relations.enumerated() {
        try statement.execute(arguments: [
          id, position, relation.kind.rawValue, relation.tenant, relation.target,
          relation.from.microseconds, relation.to?.microseconds,
        ])
      }
      try PeriodChange.bumpAll(database)
      try AuditTrail.append(database, audit)
    }
  }

  /// What holds now; empty when no document was ever stored.
  public func current() async throws(StoreError) -> TenantHistory {
    try await engine.read("reading names of tenants") { database in
      let rows = try Row.fetchAll(
        database,
        sql: """
          SELECT * FROM tenant_relation
          WHERE history = (SELECT max(id) FROM tenant_history) ORDER BY position
          """)
      return TenantHistory(
        try rows.map { row in
          guard let kind = TenantRelation.Kind(rawValue: row["kind"]) else {
            throw StoreError.malformed(table: "tenant_relation", reason: "unknown kind")
          }
          let to: Int64? = row["to_us"]
          return TenantRelation(
            kind: kind, tenant: row["tenant"], target: row["target"],
            from: UTCInstant(microseconds: row["from_us"]),
            to: to.map { UTCInstant(microseconds: $0) })
        })
    }
  }
}
