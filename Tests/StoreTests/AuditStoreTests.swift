import Accounting
import Digest
import Testing

@testable import Store

/// Who did what, and what shows that somebody changed the record of it.
@Suite struct AuditStoreTests {
  @Test(arguments: [
    (
      "DELETE FROM audit WHERE sequence = 1", 3,
      ["record 1 is missing before 2", "record 2 does not follow"]
    ),
    (
      "DELETE FROM audit WHERE sequence = 0", 3,
      ["record 0 is missing before 1", "record 1 does not follow"]
    ),
    ("UPDATE audit SET detail = 'nothing' WHERE sequence = 1", 3, ["record 1 was changed"]),
    (
      "UPDATE audit SET previous = zeroblob(32) WHERE sequence = 1", 3,
      ["record 1 does not follow", "record 1 was changed"]
    ),
    (
      "UPDATE audit SET hash = zeroblob(32) WHERE sequence = 1", 3,
      ["record 1 was changed", "record 2 does not follow"]
    ),
  ])
  func `damage to the trail is named, record by record`(
    _ sql: String, _ records: Int64, _ faults: [String]
  ) async throws {
    let world = try await ClosedWorld()
    for tenant in ["acme", "bolt"] {
      try await world.store.audit.append(
        AuditRecord(at: noon, actor: "rita", action: .statementRead, subject: tenant))
    }
    try world.tamper(sql)

    let report = try await world.store.audit.verify()

    #expect(report == AuditReport(records: records, faults: faults))
  }

  @Test func `every deed that changes the store leaves a record of it`() async throws {
    let scratch = try Scratch()
    let store = try await scratch.store()
    func record(_ action: AuditRecord.Action) -> AuditRecord {
      AuditRecord(at: noon, actor: "olga", action: action, subject: "x")
    }

    let made = try await store.tokens.create(name: "edge", role: .ingest, by: "olga", at: noon)
    try await store.tokens.revoke(id: made.token.id, by: "olga", at: noon)
    _ = try await store.tenants.register([], audit: record(.tenantsImport))
    _ = try await store.policies.activate(source: [1], name: "a", audit: record(.policySet))
    var staging = try await store.costs.begin(source: "aws", by: "olga", at: noon)
    _ = try await staging.commit(
      CostFileFacts(
        digest: .zero, bytes: 0, form: .focus, version: .v12, totals: CostFileTotals()),
      audit: record(.costsImport))
    try await store.backup(to: scratch.path("copy.sqlite"))
    let restored = try await EmbeddedStore.restore(
      from: scratch.path("copy.sqlite"), to: scratch.path("restored.sqlite"), by: "olga", at: noon)

    let latest = try await restored.audit.latest(100)
    #expect(
      latest.reversed().map(\.action) == [
        "token.create", "token.revoke", "tenants.import", "policy.set", "costs.import",
        "store.restore",
      ])
    #expect(latest.allSatisfy { $0.actor == "olga" && $0.atMicroseconds == noon.microseconds })
    #expect(latest.last?.detail == "name=edge role=ingest")
  }
}
