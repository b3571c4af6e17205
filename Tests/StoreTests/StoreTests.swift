import Accounting
import Digest
import Foundation
import GRDB
import Testing

@testable import Store

@Suite struct StoreTests {
  @Test func `commits are durable and history is guarded on every connection`() async throws {
    let scratch = try Scratch()
    let store = try await scratch.store()

    let writer = try await store.engine.pool.write { database in
      try ["synchronous", "recursive_triggers", "foreign_keys", "busy_timeout"].map {
        try Int.fetchOne(database, sql: "PRAGMA \($0)")
      }
    }
    let journal = try await store.engine.pool.read { database in
      try String.fetchOne(database, sql: "PRAGMA journal_mode")
    }

    #expect(writer == [2, 1, 1, 15_000])
    #expect(journal == "wal")
  }

  @Test func `a store of a newer format is refused with both versions`() async throws {
    let scratch = try Scratch()
    try await scratch.store().close()
    try await scratch.foreign().write { try $0.execute(sql: "PRAGMA user_version = 7") }

    let refusal = await #expect(throws: StoreError.self) { try await scratch.store() }

    #expect(refusal == .newerFormat(path: scratch.path(), found: 7, known: 3))
    #expect(refusal?.description.contains("7") == true)
  }

  @Test func `a database of another program is refused`() async throws {
    let scratch = try Scratch()
    try await scratch.foreign().write { try $0.execute(sql: "CREATE TABLE other (x)") }

    await #expect(throws: StoreError.notAStore(path: scratch.path())) {
      try await scratch.store()
    }
  }

  @Test func `a store is not made by accident`() async throws {
    let scratch = try Scratch()

    await #expect(throws: StoreError.missing(path: scratch.path())) {
      try await EmbeddedStore.open(at: scratch.path(), create: false)
    }
  }

  @Test func `an epoch stays with its store`() async throws {
    let scratch = try Scratch()
    let first = try await scratch.store()
    try first.close()

    let second = try await scratch.store()

    #expect(first.epoch == second.epoch)
    #expect(first.epoch.utf8.count == 32)
  }

  @Test func `a restored backup has all it had and a new epoch`() async throws {
    let scratch = try Scratch()
    let store = try await scratch.store()
    try await store.usage.deliver(try Feed().batch(0))
    try await store.backup(to: scratch.path("copy.sqlite"))
    try await store.usage.deliver(try Feed().batch(1))

    let restored = try await EmbeddedStore.restore(
      from: scratch.path("copy.sqlite"), to: scratch.path("restored.sqlite"), by: "olga",
      at: noon)

    #expect(restored.epoch != store.epoch)
    #expect(try await restored.usage.requests() == 3)
    let again = try await restored.usage.deliver(try Feed().batch(1))
    #expect(again.disposition == .stored)
    #expect(again.instancePosition == 2)
    let reopened = try await EmbeddedStore.open(at: scratch.path("restored.sqlite"), create: false)
    #expect(reopened.epoch == restored.epoch)
  }

  @Test func `a backup that was copied by hand also gets a new epoch`() async throws {
    let scratch = try Scratch()
    let store = try await scratch.store()
    try await store.backup(to: scratch.path("copy.sqlite"))

    let copy = try await EmbeddedStore.open(at: scratch.path("copy.sqlite"), create: false)

    #expect(copy.epoch != store.epoch)
  }

  @Test func `a backup is one plain file that needs no journal beside it`() async throws {
    let scratch = try Scratch()
    let store = try await scratch.store()
    try await store.usage.deliver(try Feed().batch(0))
    try await store.backup(to: scratch.path("copy.sqlite"))

    let bytes = try Data(contentsOf: scratch.folder.appendingPathComponent("copy.sqlite"))
    let files = try FileManager.default.contentsOfDirectory(atPath: scratch.folder.path)

    // Bytes 18 and 19 of the file format: 1 for a rollback journal, 2 for a WAL.
    #expect([UInt8](bytes[18...19]) == [1, 1])
    #expect(files.filter { $0.hasPrefix("copy") } == ["copy.sqlite"])
  }

  @Test func `a backup older than a sealed close is refused`() async throws {
    let world = try await ClosedWorld()
    try await world.store.backup(to: world.scratch.path("old.sqlite"))
    try await world.close(try Period(parsing: "2026-11"), pools: ["compute"])

    let refusal = await #expect(throws: StoreError.self) {
      try await EmbeddedStore.restore(
        from: world.scratch.path("old.sqlite"), to: world.scratch.path("restored.sqlite"),
        by: "olga", at: noon)
    }

    guard case .behindSeal(let file, let reason) = refusal else {
      Issue.record("\(String(describing: refusal))")
      return
    }
    #expect(file == "2026-11-v1.json")
    #expect(reason.contains("4 entries") && reason.contains("has 3"))
    #expect(!FileManager.default.fileExists(atPath: world.scratch.path("restored.sqlite")))
  }

  @Test func `a ledger with another history than its seal is refused`() async throws {
    let world = try await ClosedWorld()
    try world.tamper("UPDATE ledger_entry SET hash = zeroblob(32) WHERE sequence = 2")

    await #expect(throws: StoreError.self) { try await world.store.prepareToServe() }
  }

  @Test func `a seal that a crash left out is written before serving`() async throws {
    let world = try await ClosedWorld()
    let seal = world.scratch.folder.appendingPathComponent("seals/2026-10-v1.json")
    let before = try Data(contentsOf: seal)
    try FileManager.default.removeItem(at: seal)

    try await world.store.prepareToServe()

    #expect(try Data(contentsOf: seal) == before)
  }

  @Test func `backup and restore never write over a file`() async throws {
    let scratch = try Scratch()
    let store = try await scratch.store()
    try Data([1]).write(to: URL(fileURLWithPath: scratch.path("there")))

    await #expect(throws: StoreError.destinationExists(path: scratch.path("there"))) {
      try await store.backup(to: scratch.path("there"))
    }
    await #expect(throws: StoreError.destinationExists(path: scratch.path("there"))) {
      try await EmbeddedStore.restore(
        from: scratch.path(), to: scratch.path("there"), by: "olga", at: noon)
    }
  }

  @Test func `a token opens the door until it is revoked`() async throws {
    let scratch = try Scratch()
    let store = try await scratch.store()
    let made = try await store.tokens.create(name: "edge", role: .ingest, by: "olga", at: noon)

    let live = try await store.tokens.authenticate(secret: made.secret)
    #expect(live == made.token)
    #expect(try await store.tokens.authenticate(secret: made.secret + "0") == nil)
    try await store.tokens.revoke(id: made.token.id, by: "olga", at: noon)
    #expect(try await store.tokens.authenticate(secret: made.secret) == nil)
    await #expect(throws: StoreError.notFound(what: "token nope")) {
      try await store.tokens.revoke(id: "nope", by: "olga", at: noon)
    }
  }

  @Test func `the secret of a token is not in the file`() async throws {
    let scratch = try Scratch()
    let store = try await scratch.store()
    let made = try await store.tokens.create(name: "edge", role: .ingest, by: "olga", at: noon)
    try store.close()

    for name in try FileManager.default.contentsOfDirectory(atPath: scratch.folder.path) {
      let bytes = try Data(contentsOf: scratch.folder.appendingPathComponent(name))
      #expect(bytes.range(of: Data(made.secret.utf8)) == nil, "\(name)")
    }
  }

  @Test func `the register keeps the day a tenant came`() async throws {
    let scratch = try Scratch()
    let store = try await scratch.store()
    let audit = AuditRecord(at: noon, actor: "olga", action: .tenantsImport, subject: "register")
    let later = UTCInstant(microseconds: noon.microseconds + 1)
    func tenant(_ name: String, _ at: UTCInstant) -> RegisteredTenant {
      RegisteredTenant(id: "acme", name: name, plan: "gold", registeredAt: at)
    }
    #expect(try await store.tenants.register([tenant("Acme", noon)], audit: audit) == 1)
    #expect(try await store.tenants.register([tenant("Acme Ltd", later)], audit: audit) == 0)

    #expect(try await store.tenants.list() == [tenant("Acme Ltd", noon)])
  }
}
