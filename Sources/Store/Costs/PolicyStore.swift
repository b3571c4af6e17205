public import Accounting
public import Digest
internal import Foundation
internal import GRDB

/// A policy document as it was stored.
public struct StoredPolicy: Sendable, Equatable {
  /// SHA-256 of the document.
  public var digest: Digest256
  /// The name in the document.
  public var name: String
  /// The document.
  public var source: [UInt8]
  /// When this version was last made the current one.
  public var activatedAt: UTCInstant
  /// By whom.
  public var actor: String
}

/// Versions of the policy, by SHA-256 of their document. None is ever removed.
public struct PolicyStore: Sendable {
  /// The database.
  let engine: Engine

  /// Stores a document and makes it the current policy. A close that loaded its inputs before is
  /// refused.
  public func activate(
    source: [UInt8], name: String, audit: AuditRecord
  ) async throws(StoreError) -> StoredPolicy {
    let digest = SHA256.hash(source)
    try await engine.write("storing a policy") { database in
      try database.execute(
        sql: """
          INSERT INTO policy (digest, name, source, stored_at) VALUES (?, ?, ?, ?)
          ON CONFLICT (digest) DO NOTHING
          """,
        arguments: [Data(digest.bytes), name, Data(source), audit.at.microseconds])
      try database.execute(
        sql: "INSERT INTO policy_activation (digest, at, actor) VALUES (?, ?, ?)",
        arguments: [Data(digest.bytes), audit.at.microseconds, audit.actor])
      try PeriodChange.bumpAll(database)
      try AuditTrail.append(database, audit)
    }
    return StoredPolicy(
      digest: digest, name: name, source: source, activatedAt: audit.at, actor: audit.actor)
  }

  /// The policy that the next close uses, or nil when none was ever set.
  public func current() async throws(StoreError) -> StoredPolicy? {
    try await engine.read("reading the policy") { database in
      try Row.fetchOne(
        database, sql: Self.select + " ORDER BY policy_activation.sequence DESC LIMIT 1"
      ).map(Self.policy)
    }
  }

  /// A version by its digest, or nil.
  public func version(_ digest: Digest256) async throws(StoreError) -> StoredPolicy? {
    try await engine.read("reading policy \(digest)") { database in
      try Row.fetchOne(
        database,
        sql: Self.select + " WHERE policy.digest = ? ORDER BY policy_activation.sequence DESC",
        arguments: [Data(digest.bytes)]
      ).map(Self.policy)
    }
  }

  private static let select = """
    SELECT policy.digest, policy.name, policy.source, policy_activation.at, policy_activation.actor
    FROM policy JOIN policy_activation ON policy_activation.digest = policy.digest
    """

  private static func policy(_ row: Row) throws -> StoredPolicy {
    StoredPolicy(
      digest: try Stored.digest(row["digest"], table: "policy"), name: row["name"],
      source: [UInt8](row["source"] as Data), activatedAt: UTCInstant(microseconds: row["at"]),
      actor: row["actor"])
  }
}
