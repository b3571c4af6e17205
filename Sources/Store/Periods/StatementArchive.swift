public import Accounting
public import Digest
internal import Foundation
internal import GRDB

/// What an archived rendering is of.
public struct ArchiveKey: Sendable, Hashable {
  /// The period.
  public var period: Period
  /// The version of the statement.
  public var version: UInt32
  /// Whose.
  public var tenant: String
  /// The form, for example `pdf`.
  public var form: String

  /// A key.
  public init(period: Period, version: UInt32, tenant: String, form: String) {
    self.period = period
    self.version = version
    self.tenant = tenant
    self.form = form
  }
}

/// A rendering as it was first made.
public struct ArchivedDocument: Sendable, Equatable {
  /// The document.
  public var bytes: [UInt8]
  /// Its SHA-256.
  public var digest: Digest256

  /// A document with the hash of its bytes.
  public init(bytes: [UInt8]) {
    self.bytes = bytes
    digest = SHA256.hash(bytes)
  }
}

/// A rendering that is to be archived.
public struct NewArchiveDocument: Sendable, Equatable {
  /// What it is of.
  public var key: ArchiveKey
  /// The document.
  public var bytes: [UInt8]
  /// SHA-256 of the statement's canonical JSON.
  public var statement: Digest256

  /// A rendering.
  public init(key: ArchiveKey, bytes: [UInt8], statement: Digest256) {
    self.key = key
    self.bytes = bytes
    self.statement = statement
  }
}

/// Renderings that are kept as they were first made. The table is append-only.
extension StatementStore {
  /// An archived rendering, or nil; throws `malformed` when its bytes are not those of its hash.
  public func archived(_ key: ArchiveKey) async throws(StoreError) -> ArchivedDocument? {
    try await engine.read("reading an archived statement") { database in
      try Self.archived(database, key)
    }
  }

  /// Archives renderings in one transaction, with an audit record each, and returns what is archived:
  /// these bytes, or those that somebody else was faster with.
  public func archive(
    _ documents: [NewArchiveDocument], by actor: String, at now: UTCInstant
  ) async throws(StoreError) -> [ArchivedDocument] {
    try await engine.write("archiving statements") { database in
      try documents.map { try Self.archive(database, $0, by: actor, at: now) }
    }
  }

  private static func archive(
    _ database: Database, _ new: NewArchiveDocument, by actor: String, at now: UTCInstant
  ) throws -> ArchivedDocument {
    let key = new.key
    if let kept = try archived(database, key) { return kept }
    let document = ArchivedDocument(bytes: new.bytes)
    let insert = try database.cachedStatement(
      sql: """
        INSERT INTO statement_archive (period, version, tenant, form, bytes, digest,
          statement_digest, made_at, made_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
        """)
    try insert.execute(arguments: [
      key.period.description, Int(key.version), key.tenant, key.form, Data(new.bytes),
      Data(document.digest.bytes), Data(new.statement.bytes), now.microseconds, actor,
    ])
    try AuditTrail.append(
      database,
      AuditRecord(
        at: now, actor: actor, action: .statementArchive, subject: "\(key.tenant) \(key.period)",
        detail: "form=\(key.form) version=\(key.version) sha256=\(document.digest.hex)"))
    return document
  }

  private static func archived(
    _ database: Database, _ key: ArchiveKey
  ) throws -> ArchivedDocument? {
    let row = try Row.fetchOne(
      database,
      sql: """
        SELECT bytes, digest FROM statement_archive
        WHERE period = ? AND version = ? AND tenant = ? AND form = ?
        """,
      arguments: [key.period.description, Int(key.version), key.tenant, key.form])
    guard let row else { return nil }
    let bytes = [UInt8](row["bytes"] as Data)
    let digest = try Stored.digest(row["digest"], table: "statement_archive")
    guard SHA256.hash(bytes) == digest else {
      throw StoreError.malformed(
        table: "statement_archive", reason: "\(key.tenant) \(key.period) was changed")
    }
    return ArchivedDocument(bytes: bytes)
  }
}
