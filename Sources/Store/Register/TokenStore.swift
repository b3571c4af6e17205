public import Accounting
internal import Digest
internal import Foundation
internal import GRDB

/// Bearer tokens, kept as SHA-256 of their secret.
public struct TokenStore: Sendable {
  /// The database.
  let engine: Engine

  /// Makes a token; its secret is in the answer and nowhere else. `tenant` goes with the role of that
  /// name, and with no other. `maker` is the name of the token that asks for it through the API, and
  /// `nil` for whoever works on the store itself: approvals go by it (`TokenMakers`).
  public func create(
    name: String, role: Role, tenant: String? = nil, maker: String? = nil, by actor: String,
    at now: UTCInstant
  ) async throws(StoreError) -> NewToken {
    precondition((role == .tenant) == (tenant != nil), "a tenant goes with its role")
    let secret = "weir_" + Self.randomHex(words: 4)
    let token = Token(
      id: String(Self.randomHex(words: 1).prefix(8)), name: name, role: role,
      tenant: tenant, maker: maker, createdAtMicroseconds: now.microseconds,
      revokedAtMicroseconds: nil)
    let hash = SHA256.hash(secret)
    try await engine.write("creating a token") { database in
      try database.execute(
        sql: """
          INSERT INTO token (id, name, role, tenant, created_by, hash, created_at)
          VALUES (?, ?, ?, ?, ?, ?, ?)
          """,
        arguments: [
          token.id, name, role.rawValue, tenant, maker, Data(hash.bytes),
          token.createdAtMicroseconds,
        ])
      try AuditTrail.append(
        database,
        AuditRecord(
          at: now, actor: actor, action: .tokenCreate, subject: token.id,
          detail: "name=\(name) role=\(role.rawValue)" + (tenant.map { " tenant=\($0)" } ?? "")))
    }
    return NewToken(token: token, secret: secret)
  }

  /// Revokes a token at once; throws `notFound` for an unknown id.
  public func revoke(
    id: String, by actor: String, at now: UTCInstant
  ) async throws(StoreError) {
    try await engine.write("revoking a token") { database in
      try database.execute(
        sql: "UPDATE token SET revoked_at = ifnull(revoked_at, ?) WHERE id = ?",
        arguments: [now.microseconds, id])
      guard database.changesCount == 1 else { throw StoreError.notFound(what: "token \(id)") }
      try AuditTrail.append(
        database, AuditRecord(at: now, actor: actor, action: .tokenRevoke, subject: id))
    }
  }

  /// All tokens, oldest first.
  public func list() async throws(StoreError) -> [Token] {
    try await engine.read("listing tokens") { database in
      try Row.fetchAll(database, sql: "SELECT * FROM token ORDER BY created_at, id").map(Self.token)
    }
  }

  /// The live token of this secret, or nil.
  ///
  /// The lookup is by hash, so its timing says nothing about a secret; the hashes are then compared
  /// in constant time.
  public func authenticate(secret: String) async throws(StoreError) -> Token? {
    let hash = SHA256.hash(secret)
    return try await engine.read("checking a token") { database in
      let row = try Row.fetchOne(
        database, sql: "SELECT * FROM token WHERE hash = ? AND revoked_at IS NULL",
        arguments: [Data(hash.bytes)])
      guard let row else { return nil }
      let stored = try Stored.digest(row["hash"], table: "token")
      return stored.equalsInConstantTime(hash) ? try Self.token(row) : nil
    }
  }

  private static func token(_ row: Row) throws -> Token {
    guard let role = Role(rawValue: row["role"]) else {
      throw StoreError.malformed(table: "token", reason: "unknown role")
    }
    return Token(
      id: row["id"], name: row["name"], role: role, tenant: row["tenant"],
      maker: row["created_by"], createdAtMicroseconds: row["created_at"],
      revokedAtMicroseconds: row["revoked_at"])
  }

  private static func randomHex(words: Int) -> String {
    (0..<words).map { _ in Random.hex64() }.joined()
  }
}
