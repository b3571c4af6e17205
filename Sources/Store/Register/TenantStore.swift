public import Accounting
internal import Digest
internal import Foundation
internal import GRDB

/// A tenant on the register.
public struct RegisteredTenant: Sendable, Equatable {
  /// The id that proxies resolve.
  public var id: String
  /// The name on statements; may be empty.
  public var name: String
  /// The plan; may be empty.
  public var plan: String
  /// When it was first registered.
  public var registeredAt: UTCInstant

  /// A tenant.
  public init(id: String, name: String, plan: String, registeredAt: UTCInstant) {
    self.id = id
    self.name = name
    self.plan = plan
    self.registeredAt = registeredAt
  }
}

/// The register of tenants that may have usage without being marked unregistered.
public struct TenantStore: Sendable {
  /// The database.
  let engine: Engine

  /// Adds tenants and renames those that are there; `registeredAt` of a known one stays. Returns
  /// how many are new. A close that loaded its inputs before is refused.
  public func register(
    _ tenants: [RegisteredTenant], audit: AuditRecord
  ) async throws(StoreError) -> Int {
    try await engine.write("registering tenants") { database in
      let before = try Int.fetchOne(database, sql: "SELECT count(*) FROM tenant") ?? 0
      let statement = try database.cachedStatement(
        sql: """
          INSERT INTO tenant (id, name, plan, registered_at) VALUES (?, ?, ?, ?)
          ON CONFLICT (id) DO UPDATE SET name = excluded.name, plan = excluded.plan
          """)
      for tenant in tenants {
        try statement.execute(arguments: [
          tenant.id, tenant.name, tenant.plan, tenant.registeredAt.microseconds,
        ])
      }
      try PeriodChange.bumpAll(database)
      try AuditTrail.append(database, audit)
      return (try Int.fetchOne(database, sql: "SELECT count(*) FROM tenant") ?? 0) - before
    }
  }

  /// Whether a tenant is registered, has usage, or has postings in the ledger.
  public func isKnown(_ id: String) async throws(StoreError) -> Bool {
    try await engine.read("looking for tenant \(id)") { database in
      let tables = ["usage_rollup", "usage_late", "usage_taken"]
      let found = tables.map { "EXISTS (SELECT 1 FROM \($0) WHERE tenant = :id)" }
      return try Bool.fetchOne(
        database,
        sql: """
          SELECT EXISTS (SELECT 1 FROM tenant WHERE id = :id)
            OR EXISTS (SELECT 1 FROM ledger_posting WHERE account = :account)
            OR \(found.joined(separator: " OR "))
          """, arguments: ["id": id, "account": Account.tenant(id).text]) ?? false
    }
  }

  /// All tenants in order of their ids.
  public func list() async throws(StoreError) -> [RegisteredTenant] {
    try await engine.read("listing tenants") { database in
      try Row.fetchAll(database, sql: "SELECT * FROM tenant ORDER BY id").map { row in
        RegisteredTenant(
          id: row["id"], name: row["name"], plan: row["plan"],
          registeredAt: UTCInstant(microseconds: row["registered_at"]))
      }
    }
  }
}
