public import Accounting
internal import Digest
internal import Foundation
internal import GRDB

/// Disputes: an append-only list of events each.
public struct DisputeStore: Sendable {
  /// Events that one dispute may have.
  static let eventsMax = 1_000

  /// The database.
  let engine: Engine

  /// Opens a dispute with its first event. Throws `notFound` when the tenant has no statement of
  /// that period and version.
  public func open(
    _ claim: DisputeClaim, event: DisputeEvent
  ) async throws(StoreError) -> Dispute {
    try await engine.write("opening a dispute") { database in
      try checkStatement(database, claim)
      try database.execute(
        sql: """
          INSERT INTO dispute (period, version, tenant, pool, micros, currency, opened_at)
          VALUES (?, ?, ?, ?, ?, ?, ?)
          """,
        arguments: [
          claim.period.description, Int(claim.version), claim.tenant, claim.pool,
          claim.amount?.micros, claim.amount?.currency.code, event.at.microseconds,
        ])
      let id = database.lastInsertedRowID
      try append(database, id, position: 0, event)
      return try Self.dispute(database, id)
    }
  }

  /// Adds an event. Throws `notFound`, and `exists` when the dispute is resolved or an entry that
  /// the event names is not in the ledger.
  public func add(_ event: DisputeEvent, to id: Int64) async throws(StoreError) -> Dispute {
    try await engine.write("writing to dispute \(id)") { database in
      let dispute = try Self.dispute(database, id)
      guard dispute.state != .resolved, dispute.events.count < Self.eventsMax else {
        throw StoreError.exists(what: "a resolution of dispute \(id)")
      }
      if let entry = event.entry, try LedgerReading.entry(database, entry) == nil {
        throw StoreError.notFound(what: "ledger entry \(entry.hex)")
      }
      try append(database, id, position: dispute.events.count, event)
      return try Self.dispute(database, id)
    }
  }

  /// One dispute; throws `notFound`.
  public func dispute(_ id: Int64) async throws(StoreError) -> Dispute {
    try await engine.read("reading dispute \(id)") { database in try Self.dispute(database, id) }
  }

  /// Disputes, oldest first: of one period or tenant when given.
  public func list(
    period: Period? = nil, tenant: String? = nil, unresolvedOnly: Bool = false, max count: Int
  ) async throws(StoreError) -> [Dispute] {
    try await engine.read("listing disputes") { database in
      try Int64.fetchAll(
        database,
        sql: """
          SELECT id FROM dispute WHERE period = ifnull(?, period) AND tenant = ifnull(?, tenant)
            AND (NOT ? OR NOT EXISTS (SELECT 1 FROM dispute_event
              WHERE dispute_event.dispute = dispute.id AND kind = 'resolve'))
          ORDER BY id LIMIT ?
          """, arguments: [period?.description, tenant, unresolvedOnly, count]
      ).map { try Self.dispute(database, $0) }
    }
  }

  /// How many disputes are not resolved, and when the oldest of them was opened.
  public func unresolved() async throws(StoreError) -> (count: Int, oldest: UTCInstant?) {
    try await engine.read("counting disputes") { database in
      let row = try Row.fetchOne(
        database,
        sql: """
          SELECT count(*), min(opened_at) FROM dispute WHERE NOT EXISTS (
            SELECT 1 FROM dispute_event
            WHERE dispute_event.dispute = dispute.id AND kind = 'resolve')
          """)
      let oldest: Int64? = row?[1]
      return (row?[0] ?? 0, oldest.map { UTCInstant(microseconds: $0) })
    }
  }

  private func checkStatement(_ database: Database, _ claim: DisputeClaim) throws {
    let isProvisional = claim.version == Statement.provisionalVersion
    let known = try Int.fetchOne(
      database,
      sql: isProvisional
        ? "SELECT 1 FROM provisional_statement WHERE period = ? AND tenant = ? AND 0 = ?"
        : "SELECT 1 FROM statement WHERE period = ? AND tenant = ? AND version = ?",
      arguments: [claim.period.description, claim.tenant, Int(claim.version)])
    guard known != nil else {
      throw StoreError.notFound(
        what: "statement of \(claim.tenant) for \(claim.period), version \(claim.version)")
    }
  }

  private func append(
    _ database: Database, _ id: Int64, position: Int, _ event: DisputeEvent
  ) throws {
    try database.execute(
      sql: """
        INSERT INTO dispute_event (dispute, position, kind, at, actor, text, evidence_name,
          evidence_digest, outcome, entry) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        id, position, event.kind.rawValue, event.at.microseconds, event.actor, event.text,
        event.evidence?.name, event.evidence.map { Data($0.digest.bytes) },
        event.outcome?.rawValue, event.entry.map { Data($0.bytes) },
      ])
    try AuditTrail.append(
      database,
      AuditRecord(
        at: event.at, actor: event.actor, action: Self.action(event.kind), subject: "dispute \(id)",
        detail: Self.detail(event)))
  }

  private static func action(_ kind: DisputeEvent.Kind) -> AuditRecord.Action {
    switch kind {
    case .open: .disputeOpen
    case .answer: .disputeAnswer
    case .evidence: .disputeEvidence
    case .resolve: .disputeResolve
    }
  }

  private static func detail(_ event: DisputeEvent) -> String {
    var words: [String] = []
    if let outcome = event.outcome { words.append("outcome=\(outcome.rawValue)") }
    if let evidence = event.evidence { words.append("evidence=\(evidence.digest.hex)") }
    if let entry = event.entry { words.append("entry=\(entry.hex)") }
    return words.joined(separator: " ")
  }

  private static func dispute(_ database: Database, _ id: Int64) throws -> Dispute {
    let row = try Row.fetchOne(
      database, sql: "SELECT * FROM dispute WHERE id = ?", arguments: [id])
    guard let row else { throw StoreError.notFound(what: "dispute \(id)") }
    var amount: Money?
    if let micros: Int64 = row["micros"], let code: String = row["currency"] {
      amount = Money(micros: micros, currency: try Stored.currency(code, table: "dispute"))
    }
    let events = try Row.fetchAll(
      database, sql: "SELECT * FROM dispute_event WHERE dispute = ? ORDER BY position",
      arguments: [id]
    ).map(event)
    return Dispute(
      id: id,
      claim: DisputeClaim(
        period: try Stored.period(row["period"], table: "dispute"),
        version: UInt32(clamping: row["version"] as Int64), tenant: row["tenant"],
        pool: row["pool"], amount: amount),
      openedAt: UTCInstant(microseconds: row["opened_at"]), events: events)
  }

  private static func event(_ row: Row) throws -> DisputeEvent {
    guard let kind = DisputeEvent.Kind(rawValue: row["kind"]) else {
      throw StoreError.malformed(table: "dispute_event", reason: "unknown kind")
    }
    var evidence: DisputeEvent.Evidence?
    if let name: String = row["evidence_name"],
      let digest = try Stored.digest(optional: row["evidence_digest"], table: "dispute_event")
    {
      evidence = .init(name: name, digest: digest)
    }
    return DisputeEvent(
      kind: kind, at: UTCInstant(microseconds: row["at"]), actor: row["actor"], text: row["text"],
      evidence: evidence,
      outcome: (row["outcome"] as String?).flatMap(DisputeEvent.Outcome.init(rawValue:)),
      entry: try Stored.digest(optional: row["entry"], table: "dispute_event"))
  }
}
