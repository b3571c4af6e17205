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

/// A stored statement with its document.
public struct StoredStatement: Sendable, Equatable {
  /// Whose.
  public var tenant: String
  /// Canonical JSON.
  public var document: [UInt8]
  /// The amounts of its lines in short form; `nil` where the store's first format kept none.
  var amounts: [UInt8]?

  /// The amounts of its lines, in its order.
  public var lines: [PreviousStatement.Line] {
    get throws {
      if let amounts { return try StatementAmounts.lines(amounts) }
      return try Statement(canonicalJSON: document).amounts
    }
  }
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

  /// Some statements of a version in the order of their tenants, after a tenant, at most `count`.
  public func page(
    of period: Period, version: UInt32, after tenant: String?, max count: Int
  ) async throws(StoreError) -> [StoredStatement] {
    try await engine.read("reading statements of \(period)") { database in
      try Row.fetchAll(
        database,
        sql: """
          SELECT tenant, document, digest, amounts FROM statement
          WHERE period = ? AND version = ? AND tenant > ? ORDER BY tenant LIMIT ?
          """, arguments: [period.description, Int(version), tenant ?? "", count]
      ).map { row in
        let stored = StoredStatement(
          tenant: row["tenant"], document: try PackedDocument.unpack(row["document"]),
          amounts: (row["amounts"] as Data?).map { [UInt8]($0) })
        guard
          SHA256.hash(stored.document) == (try Stored.digest(row["digest"], table: "statement"))
        else {
          throw StoreError.malformed(
            table: "statement", reason: "\(stored.tenant) \(period) was changed")
        }
        return stored
      }
    }
  }

  /// The amounts of every tenant's latest statement of a period, by tenant; empty without any.
  public func amounts(of period: Period) async throws(StoreError) -> [String: PreviousStatement] {
    try await engine.read("reading the statements of \(period)") { database in
      let rows = try Row.fetchCursor(
        database,
        sql: """
          SELECT tenant, version, micros, currency, amounts,
            CASE WHEN amounts IS NULL THEN document END AS document
          FROM statement WHERE period = ? AND version = \(Self.latest)
          """, arguments: [period.description, period.description])
      var found: [String: PreviousStatement] = [:]
      while let row = try rows.next() {
        found[row["tenant"]] = PreviousStatement(
          version: UInt32(clamping: row["version"] as Int64),
          total: Money(
            micros: row["micros"],
            currency: try Stored.currency(row["currency"], table: "statement")),
          lines: try Self.lines(row))
      }
      return found
    }
  }

  /// Stores of format 1 kept no amounts beside the document.
  private static func lines(_ row: Row) throws -> [PreviousStatement.Line] {
    if let amounts: Data = row["amounts"] { return try StatementAmounts.lines([UInt8](amounts)) }
    return try Statement(canonicalJSON: PackedDocument.unpack(row["document"])).amounts
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
      let bytes = try PackedDocument.unpack(row["document"])
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
