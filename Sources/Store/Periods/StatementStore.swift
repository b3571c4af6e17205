public import Accounting
public import Digest
internal import Foundation
internal import GRDB

/// A stored statement without its document.
public struct StatementHeading: Sendable, Equatable {
  /// Whose.
  public var tenant: String
  /// The version.
  public var version: UInt32
  /// The total that was posted.
  public var total: Money
  /// SHA-256 of the document.
  public var digest: Digest256
}

/// Statements as they were issued. A version is never replaced; version 0 stands for the provisional
/// statements of a soft close, which are.
public struct StatementStore: Sendable {
  /// The database.
  let engine: Engine

  /// Headings of a version (the latest when nil), by tenant.
  public func headings(
    of period: Period, version: UInt32? = nil
  ) async throws(StoreError) -> [StatementHeading] {
    try await engine.read("listing statements of \(period)") { database in
      if try ProvisionalRows.answers(database, period, version: version) {
        return try Row.fetchAll(
          database,
          sql: """
            SELECT tenant, 0 AS version, micros, currency, digest FROM provisional_statement
            WHERE period = ? ORDER BY tenant
            """, arguments: [period.description]
        ).map(Self.heading)
      }
      return try Row.fetchAll(
        database,
        sql: """
          SELECT tenant, version, micros, currency, digest FROM statement
          WHERE period = ? AND version = ifnull(?, \(Self.latest)) ORDER BY tenant
          """, arguments: [period.description, version.map { Int($0) }, period.description]
      ).map(Self.heading)
    }
  }

  /// A statement's canonical JSON, of the latest version when nil; throws `notFound`.
  public func document(
    of tenant: String, period: Period, version: UInt32? = nil
  ) async throws(StoreError) -> [UInt8] {
    try await engine.read("reading a statement of \(period)") { database in
      let isProvisional = try ProvisionalRows.answers(database, period, version: version)
      let row =
        try isProvisional
        ? Row.fetchOne(
          database,
          sql: "SELECT document, digest FROM provisional_statement WHERE period = ? AND tenant = ?",
          arguments: [period.description, tenant])
        : Row.fetchOne(
          database,
          sql: """
            SELECT document, digest FROM statement
            WHERE period = ? AND tenant = ? AND version = ifnull(?, \(Self.latest))
            """,
          arguments: [period.description, tenant, version.map { Int($0) }, period.description])
      guard let row else {
        throw StoreError.notFound(what: "statement of \(tenant) for \(period)")
      }
      let bytes = [UInt8](row["document"] as Data)
      guard SHA256.hash(bytes) == (try Stored.digest(row["digest"], table: "statement")) else {
        throw StoreError.malformed(table: "statement", reason: "\(tenant) \(period) was changed")
      }
      return bytes
    }
  }

  /// The summary and the reconciliation of a version (the latest when nil); throws `notFound`.
  public func overview(
    of period: Period, version: UInt32? = nil
  ) async throws(StoreError) -> PeriodDocuments {
    try await engine.read("reading the reconciliation of \(period)") { database in
      let isProvisional = try ProvisionalRows.answers(database, period, version: version)
      let row =
        try isProvisional
        ? Row.fetchOne(
          database, sql: "SELECT summary, reconciliation FROM provisional_set WHERE period = ?",
          arguments: [period.description])
        : Row.fetchOne(
          database,
          sql: """
            SELECT summary, reconciliation FROM statement_set
            WHERE period = ? AND version = ifnull(?, \(Self.latest))
            """, arguments: [period.description, version.map { Int($0) }, period.description])
      guard let row else { throw StoreError.notFound(what: "close of \(period)") }
      return PeriodDocuments(
        statements: [], summary: [UInt8](row["summary"] as Data),
        reconciliation: [UInt8](row["reconciliation"] as Data))
    }
  }

  private static func heading(_ row: Row) throws -> StatementHeading {
    StatementHeading(
      tenant: row["tenant"], version: UInt32(clamping: row["version"] as Int64),
      total: Money(
        micros: row["micros"], currency: try Stored.currency(row["currency"], table: "statement")),
      digest: try Stored.digest(row["digest"], table: "statement"))
  }

  private static let latest = "(SELECT max(version) FROM statement_set WHERE period = ?)"
}
