import Accounting
import Digest
import Foundation
import GRDB
import Testing

@testable import Store

/// Seals that were kept elsewhere, against a store that somebody changed together with its anchors.
@Suite struct SealTests {
  @Test func `a seal holds for the store that was sealed and reads back`() async throws {
    let world = try await ClosedWorld()

    let seal = try await world.store.periods.seal(of: world.period)

    #expect(try await world.store.periods.faults(against: seal) == [])
    #expect(try Seal(bytes: seal.bytes, file: "s") == seal)
    let totals = try #require(seal.issued?.totals.first)
    #expect(totals.micros.reduce(0, +) == 0 && totals.micros[0] == -6_000_006)
    #expect(seal.issued?.entries == 3 && seal.issued?.statements == 1)
    let file = world.scratch.folder.appendingPathComponent("seals/2026-10-v1.json")
    #expect(try [UInt8](Data(contentsOf: file)) == seal.bytes)
  }

  @Test(arguments: [
    "UPDATE statement SET document = x'7b7d20', digest = x''",
    "UPDATE statement SET tenant = 'bolt'",
    "DELETE FROM statement",
    "UPDATE statement_set SET summary = x'7b7d20'",
    "UPDATE statement_set SET reconciliation = x'7b7d20'",
    "DELETE FROM statement_set",
    "UPDATE ledger_posting SET micros = micros + 1 WHERE account = 'tenant:acme'",
    "UPDATE ledger_entry SET hash = zeroblob(32) WHERE sequence = 2",
    "UPDATE ledger_entry SET version = 2 WHERE sequence = 1",
    "DELETE FROM ledger_posting; DELETE FROM ledger_entry",
  ])
  func `a seal finds what was changed after it`(_ sql: String) async throws {
    let world = try await ClosedWorld()
    let seal = try await world.store.periods.seal(of: world.period)
    try world.tamper(sql)

    #expect(try await !world.store.periods.faults(against: seal).isEmpty)
  }

  @Test func `a seal of the first format is still read and compared`() async throws {
    let world = try await ClosedWorld()
    var seal = try await world.store.periods.seal(of: world.period)
    seal.issued = nil

    let old = try Seal(bytes: seal.bytes, file: "s")

    #expect(old.issued == nil)
    #expect(String(decoding: old.bytes, as: UTF8.self).contains(#""format":1"#))
    #expect(try await world.store.periods.faults(against: old) == [])
    try world.tamper("UPDATE ledger_entry SET hash = zeroblob(32) WHERE sequence = 2")
    #expect(try await world.store.periods.faults(against: old).count == 1)
  }

  @Test(arguments: ["", "{}", #"{"format":9}"#, #"{"format":2,"period":"2026-10","version":1}"#])
  func `what is no seal is refused`(_ text: String) {
    #expect(throws: StoreError.self) { try Seal(bytes: Array(text.utf8), file: "s") }
  }

  @Test(arguments: [
    "UPDATE ledger_link SET kind = 'corrects'", "DELETE FROM ledger_link",
    "REPLACE INTO ledger_link SELECT * FROM ledger_link",
    "UPDATE dispute_event SET text = 'x'", "DELETE FROM dispute_event",
    "UPDATE dispute SET tenant = 'x'", "DELETE FROM dispute",
  ])
  func `links and disputes are only ever added to`(_ sql: String) async throws {
    let world = try await ClosedWorld()
    let event = DisputeEvent(kind: .open, at: noon, actor: "olga", text: "why?")
    _ = try await world.store.disputes.open(
      DisputeClaim(
        period: world.period, version: 1, tenant: "acme", pool: nil, amount: nil), event: event)
    try await world.store.engine.write("test") { database in
      try database.execute(
        sql: "INSERT INTO ledger_link (entry, origin, kind) VALUES (2, 1, 'corrects')")
    }

    await #expect(throws: (any Error).self) {
      try await world.store.engine.pool.write { try $0.execute(sql: sql) }
    }
  }

  @Test func `a link that its entry does not say is found`() async throws {
    let world = try await ClosedWorld()
    try await world.store.engine.write("test") { database in
      try database.execute(
        sql: "INSERT INTO ledger_link (entry, origin, kind) VALUES (2, 1, 'reverses')")
    }

    #expect(try await world.store.ledger.verify().rowFaults.count == 1)
  }
}
