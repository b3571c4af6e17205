public import Accounting
public import Digest
internal import Foundation
internal import GRDB

/// A document as it was stored.
public struct StoredDocument: Sendable, Equatable {
  /// SHA-256 of it.
  public var digest: Digest256
  /// Its name; empty where there is only one of its kind.
  public var name: String
  /// Its bytes.
  public var source: [UInt8]
  /// When it was stored.
  public var storedAt: UTCInstant
  /// By whom.
  public var actor: String
}

extension CostStore {
  /// Keeps a cost map that an operator wrote; the same bytes again change nothing.
  public func keepMap(
    _ source: [UInt8], name: String, audit: AuditRecord
  ) async throws(StoreError) -> Digest256 {
    let digest = SHA256.hash(source)
    try await engine.write("storing a cost map") { database in
      let isKnown =
        try Int.fetchOne(
          database, sql: "SELECT 1 FROM cost_map WHERE digest = ?", arguments: [Data(digest.bytes)])
        != nil
      if isKnown { return }
      try database.execute(
        sql: "INSERT INTO cost_map (digest, name, source, stored_at, actor) VALUES (?, ?, ?, ?, ?)",
        arguments: [
          Data(digest.bytes), name, Data(source), audit.at.microseconds, audit.actor,
        ])
      try AuditTrail.append(database, audit)
    }
    return digest
  }

  /// A cost map by its digest; throws `notFound`.
  public func map(_ digest: Digest256) async throws(StoreError) -> StoredDocument {
    try await engine.read("reading cost map \(digest)") { database in
      let row = try Row.fetchOne(
        database, sql: "SELECT * FROM cost_map WHERE digest = ?", arguments: [Data(digest.bytes)])
      guard let row else { throw StoreError.notFound(what: "cost map \(digest)") }
      return StoredDocument(
        digest: digest, name: row["name"], source: [UInt8](row["source"] as Data),
        storedAt: UTCInstant(microseconds: row["stored_at"]), actor: row["actor"])
    }
  }

  /// Makes a SKU map the one that counts from now on, for all periods that are not closed.
  public func setSKUMap(
    _ source: [UInt8], entries: Int, audit: AuditRecord
  ) async throws(StoreError) -> Digest256 {
    let digest = SHA256.hash(source)
    try await engine.write("storing the SKU map") { database in
      let current = try Data.fetchOne(
        database, sql: "SELECT digest FROM sku_map ORDER BY sequence DESC LIMIT 1")
      if current == Data(digest.bytes) { return }
      try database.execute(
        sql: "INSERT INTO sku_map (digest, source, entries, at, actor) VALUES (?, ?, ?, ?, ?)",
        arguments: [
          Data(digest.bytes), Data(source), entries, audit.at.microseconds, audit.actor,
        ])
      // What a filter says about a record may be another thing now, in every period.
      try database.execute(sql: "UPDATE period_change SET changes = changes + 1")
      try AuditTrail.append(database, audit)
    }
    return digest
  }

  /// The SKU map that counts, or nil when none was ever set.
  public func skuMap() async throws(StoreError) -> StoredDocument? {
    try await engine.read("reading the SKU map") { database in
      try Row.fetchOne(database, sql: "SELECT * FROM sku_map ORDER BY sequence DESC LIMIT 1").map {
        StoredDocument(
          digest: try Stored.digest($0["digest"], table: "sku_map"), name: "",
          source: [UInt8]($0["source"] as Data), storedAt: UTCInstant(microseconds: $0["at"]),
          actor: $0["actor"])
      }
    }
  }
}
