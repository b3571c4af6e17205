import Accounting
import Digest
import Foundation
import GRDB
import Testing

@testable import Store

/// A closed month with entries, postings, statements and audit records.
struct ClosedWorld {
  let scratch: Scratch
  let store: EmbeddedStore
  let period: Period

  init() async throws {
    scratch = try Scratch()
    store = try await scratch.store()
    period = try Period(parsing: "2026-10")
    try await close(period, pools: ["compute", "network", "storage"])
  }

  func close(_ period: Period, pools: [String]) async throws {
    let mark = try await store.periods.mark(of: period)
    let usd = try Currency.named("USD")
    let context = PostingContext(
      period: period, version: 1, postedAt: noon, actor: "olga", reason: "month end",
      policy: SHA256.hash("policy"), imports: [])
    var head = mark.ledger
    var entries: [ChainedEntry] = []
    for (index, pool) in pools.enumerated() {
      let micros = Int64(index + 1) * 1_000_001
      let postings = [
        Posting(account: .cost(pool: pool), amount: Money(micros: -micros, currency: usd)),
        Posting(account: .tenant("acme"), amount: Money(micros: micros - 7, currency: usd)),
        Posting(account: .kept, amount: Money(micros: 7, currency: usd)),
      ]
      let entry = try Entry(
        sequence: head.count, kind: .allocation, subject: pool, context: context,
        postings: postings)
      entries.append(ChainedEntry(entry, after: head))
      head = ChainedEntry(entry, after: head).head
    }
    let frozen = FrozenInputs(
      policy: SHA256.hash("policy"), usage: .zero, register: .zero, imports: [])
    let statement = StatementDocument(
      tenant: "acme", total: Money(micros: 6_000_000, currency: usd), bytes: Array("{}".utf8),
      amounts: Array("[]".utf8))
    let closing = PeriodClosing(
      period: period, version: 1, mark: mark,
      facts: PeriodCloseFacts(
        at: noon, actor: "olga", reason: "month end", frozen: frozen, ledger: head),
      entries: entries,
      documents: PeriodDocuments(
        statements: [statement], summary: Array("{}".utf8), reconciliation: Array("{}".utf8)))
    try await store.periods.close(
      closing,
      audit: AuditRecord(
        at: noon, actor: "olga", action: .periodClose, subject: period.description,
        detail: LedgerAnchorText.text(head)))
  }

  /// Changes the file as somebody would who has the disk: triggers dropped, nothing checked.
  func tamper(_ sql: String) throws {
    var configuration = Configuration()
    configuration.foreignKeysEnabled = false
    let foreign = try DatabaseQueue(path: scratch.path(), configuration: configuration)
    try foreign.writeWithoutTransaction { database in
      let triggers = try String.fetchAll(
        database, sql: "SELECT name FROM sqlite_schema WHERE type = 'trigger'")
      for trigger in triggers { try database.execute(sql: "DROP TRIGGER \(trigger)") }
      try database.execute(sql: sql)
    }
  }
}

@Suite struct LedgerStoreTests {
  @Test func `a ledger that nobody touched is sound`() async throws {
    let world = try await ClosedWorld()

    let report = try await world.store.ledger.verify()

    #expect(report.faults == [])
    #expect(report.report.head.count == 3)
    #expect(try await world.store.audit.verify() == AuditReport(records: 1, faults: []))
  }

  @Test(arguments: [
    "UPDATE ledger_entry SET actor = 'eve'",
    "UPDATE ledger_posting SET micros = micros + 1",
    "UPDATE audit SET actor = 'eve'",
    "UPDATE statement SET document = x'00'",
    "UPDATE statement_set SET summary = x'00'",
    "DELETE FROM ledger_entry WHERE sequence = 2",
    "DELETE FROM ledger_posting",
    "DELETE FROM audit",
    "DELETE FROM statement",
    "DELETE FROM statement_set",
    "REPLACE INTO ledger_entry SELECT * FROM ledger_entry WHERE sequence = 1",
    "REPLACE INTO ledger_posting SELECT * FROM ledger_posting WHERE entry = 1",
    "REPLACE INTO audit SELECT * FROM audit",
    "REPLACE INTO statement SELECT * FROM statement",
    "REPLACE INTO statement_set SELECT * FROM statement_set",
    "INSERT OR REPLACE INTO ledger_entry SELECT sequence + 9, id, period, version, kind, subject, "
      + "posted_at, actor, reason, canonical, previous, hash FROM ledger_entry WHERE sequence = 1",
    "INSERT INTO audit SELECT sequence + 5, at, actor, action, subject, detail, previous, hash "
      + "FROM audit",
  ])
  func `the database refuses to change history`(_ sql: String) async throws {
    let world = try await ClosedWorld()
    for isForeign in [false, true] {
      let refusal = await #expect(throws: DatabaseError.self) {
        if isForeign {
          try await world.scratch.foreign().write { try $0.execute(sql: sql) }
        } else {
          try await world.store.engine.pool.write { try $0.execute(sql: sql) }
        }
      }
      #expect(refusal?.message?.contains("refused") == true)
    }
    #expect(try await world.store.ledger.verify().isSound)
  }

  @Test(arguments: [
    "UPDATE ledger_posting SET micros = micros + 1 WHERE entry = 1 AND position = 0",
    "UPDATE ledger_posting SET account = 'tenant:eve' WHERE entry = 2 AND position = 2",
    "DELETE FROM ledger_posting WHERE entry = 0 AND position = 1",
    "INSERT INTO ledger_posting VALUES (9, 0, 'platform:kept', 'USD', 5)",
    "UPDATE ledger_entry SET actor = 'eve' WHERE sequence = 0",
    "UPDATE ledger_entry SET reason = 'because' WHERE sequence = 2",
    "UPDATE ledger_entry SET posted_at = posted_at + 1 WHERE sequence = 1",
    "UPDATE ledger_entry SET period = '2026-09' WHERE sequence = 1",
    "UPDATE ledger_entry SET hash = zeroblob(32) WHERE sequence = 1",
    "UPDATE ledger_entry SET previous = zeroblob(32) WHERE sequence = 1",
    "DELETE FROM ledger_entry WHERE sequence = 2; DELETE FROM ledger_posting WHERE entry = 2",
    "DELETE FROM ledger_entry; DELETE FROM ledger_posting",
    """
    UPDATE ledger_entry SET sequence = 99 WHERE sequence = 0;
    UPDATE ledger_entry SET sequence = 0 WHERE sequence = 1;
    UPDATE ledger_entry SET sequence = 1 WHERE sequence = 99;
    """,
  ])
  func `verification finds a change made behind the triggers`(_ sql: String) async throws {
    let world = try await ClosedWorld()
    try world.tamper(sql)

    let report = try await world.store.ledger.verify()

    #expect(!report.isSound)
    #expect(!report.faults.isEmpty)
  }

  @Test func `verification finds every flipped byte of a canonical form`() async throws {
    let world = try await ClosedWorld()
    let foreign = try world.scratch.foreign()
    try world.tamper("SELECT 1")
    let canonical = try await foreign.read { database in
      try Data.fetchOne(
        database, sql: "SELECT canonical FROM ledger_entry WHERE sequence = 1") ?? Data()
    }
    #expect(canonical.count > 50)
    for index in canonical.indices {
      var flipped = canonical
      flipped[index] ^= 0x01
      try await foreign.write { [flipped] database in
        try database.execute(
          sql: "UPDATE ledger_entry SET canonical = ? WHERE sequence = 1", arguments: [flipped])
      }
      #expect(try await !world.store.ledger.verify().isSound, "byte \(index)")
    }
  }

  @Test func `a tail cut together with its period row is found by the audit trail`() async throws {
    let world = try await ClosedWorld()
    try FileManager.default.removeItem(at: world.scratch.folder.appendingPathComponent("seals"))
    try world.tamper(
      "DELETE FROM ledger_posting; DELETE FROM ledger_entry; UPDATE period SET ledger_hash = NULL")

    #expect(try await !world.store.ledger.verify().isSound)
  }

  @Test func `rows that do not make their entry are named`() async throws {
    let world = try await ClosedWorld()
    try world.tamper(
      """
      DELETE FROM ledger_posting WHERE entry = 0 AND position = 1;
      INSERT INTO ledger_posting VALUES (9, 0, 'platform:kept', 'USD', 5);
      INSERT INTO ledger_posting VALUES (9, 1, 'platform:kept', 'USD', -5);
      """)

    let report = try await world.store.ledger.verify()

    #expect(
      report.rowFaults == [
        "entry 0: its columns make no entry", "postings of entry 9, which is not there",
      ])
  }

  @Test(arguments: [
    "UPDATE audit SET detail = ''",
    "UPDATE period SET ledger_hash = NULL",
    "UPDATE audit SET detail = ''; UPDATE period SET ledger_hash = NULL",
  ])
  func `a cut tail is found by whichever anchor is left`(_ forgotten: String) async throws {
    let world = try await ClosedWorld()
    if !(forgotten.contains("audit") && forgotten.contains("period")) {
      try FileManager.default.removeItem(at: world.scratch.folder.appendingPathComponent("seals"))
    }
    try world.tamper(
      forgotten
        + "; DELETE FROM ledger_posting WHERE entry = 2; DELETE FROM ledger_entry WHERE sequence = 2"
    )

    let report = try await world.store.ledger.verify()

    #expect(report.rowFaults == [])
    #expect(report.faults.count == 1)
  }

  @Test(arguments: [
    "UPDATE audit SET actor = 'eve' WHERE sequence = 1",
    "UPDATE audit SET at = at + 1 WHERE sequence = 0",
    "UPDATE audit SET detail = detail || ' ' WHERE sequence = 2",
    "DELETE FROM audit WHERE sequence = 1",
  ])
  func `a changed audit record breaks its chain`(_ sql: String) async throws {
    let world = try await ClosedWorld()
    for tenant in ["acme", "bolt"] {
      try await world.store.audit.append(
        AuditRecord(at: noon, actor: "rita", action: .statementRead, subject: tenant))
    }
    #expect(try await world.store.audit.verify().isSound)

    try world.tamper(sql)

    #expect(try await !world.store.audit.verify().isSound)
  }

  @Test func `a close that raced with new usage stores nothing`() async throws {
    let world = try await ClosedWorld()
    let november = try Period(parsing: "2026-11")
    let mark = try await world.store.periods.mark(of: november)
    try await world.store.usage.deliver(try Feed().batch(0))
    let frozen = FrozenInputs(policy: .zero, usage: .zero, register: .zero, imports: [])
    let closing = PeriodClosing(
      period: november, version: 1, mark: mark,
      facts: PeriodCloseFacts(
        at: noon, actor: "olga", reason: "early", frozen: frozen, ledger: mark.ledger),
      entries: [], documents: PeriodDocuments(statements: [], summary: [], reconciliation: []))
    let audit = AuditRecord(at: noon, actor: "olga", action: .periodClose, subject: "2026-11")

    await #expect(throws: StoreError.changedMeanwhile(period: "2026-11")) {
      try await world.store.periods.close(closing, audit: audit)
    }

    #expect(try await world.store.periods.record(of: november).state == .open)
    #expect(try await world.store.audit.verify().records == 1)
  }

  @Test func `a period is closed once`() async throws {
    let world = try await ClosedWorld()

    await #expect(throws: StoreError.periodClosed(period: "2026-10")) {
      try await world.close(world.period, pools: ["compute"])
    }
    #expect(try await world.store.ledger.head().count == 3)
  }

  @Test func `usage of a closed period is kept apart as late`() async throws {
    let world = try await ClosedWorld()
    let october = Feed(start: world.period.start.microseconds)

    let outcome = try await world.store.usage.deliver(try october.batch(0))

    #expect(outcome.disposition == .late)
    #expect(try await world.store.usage.figures(of: world.period).tenants == [])
    #expect(try await world.store.usage.lateFigures(of: world.period).total(of: "requests") == 3)
    #expect(try await world.store.usage.counts().late == 1)
  }

  @Test func `a statement whose bytes were changed is not shown`() async throws {
    let world = try await ClosedWorld()
    try world.tamper("UPDATE statement SET document = x'7b207d'")

    await #expect(throws: StoreError.self) {
      try await world.store.statements.document(of: "acme", period: world.period)
    }
  }
}
