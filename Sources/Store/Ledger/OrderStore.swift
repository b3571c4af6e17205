public import Accounting
public import Digest
internal import Foundation
internal import GRDB

/// Orders: what one person asked for and another approves. They post nothing themselves.
public struct OrderStore: Sendable {
  /// The database.
  let engine: Engine

  /// Stores a pending order; one that waits for the same thing is withdrawn by it.
  public func ask(
    _ request: LedgerRequest, proposal: Digest256, at now: UTCInstant
  ) async throws(StoreError) -> LedgerOrder {
    try await engine.write("storing an order") { database in
      try database.execute(
        sql: """
          UPDATE ledger_order SET state = 'withdrawn', settled_at = ?, settled_by = ?
          WHERE period = ? AND kind = ? AND subject = ? AND state = 'pending'
          """,
        arguments: [
          now.microseconds, request.actor, request.period.description, request.kind,
          request.subject,
        ])
      try database.execute(
        sql: """
          INSERT INTO ledger_order (period, kind, subject, body, proposal, reason, asked_at,
            asked_by, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'pending')
          """,
        arguments: [
          request.period.description, request.kind, request.subject, Data(request.body),
          Data(proposal.bytes), request.reason, now.microseconds, request.actor,
        ])
      let id = database.lastInsertedRowID
      try AuditTrail.append(
        database,
        AuditRecord(
          at: now, actor: request.actor, action: .orderAsk,
          subject: "\(request.period) \(request.kind)",
          detail: "order=\(id) proposal=\(proposal.hex) reason=\(request.reason)"))
      return try Self.order(database, id)
    }
  }

  /// One order; throws `notFound`.
  public func order(_ id: Int64) async throws(StoreError) -> LedgerOrder {
    try await engine.read("reading order \(id)") { database in try Self.order(database, id) }
  }

  /// The latest orders, newest first; only those that wait, when asked.
  public func latest(_ count: Int, pendingOnly: Bool) async throws(StoreError) -> [LedgerOrder] {
    try await engine.read("listing orders") { database in
      try Row.fetchAll(
        database,
        sql: """
          SELECT * FROM ledger_order WHERE state = 'pending' OR NOT ? ORDER BY id DESC LIMIT ?
          """, arguments: [pendingOnly, count]
      ).map(Self.order)
    }
  }

  /// Withdraws a pending order; throws `notFound`, or `exists` when it is settled.
  public func withdraw(
    _ id: Int64, by actor: String, at now: UTCInstant
  ) async throws(StoreError) -> LedgerOrder {
    try await engine.write("withdrawing order \(id)") { database in
      let order = try Self.order(database, id)
      try Self.settle(database, id, as: .withdrawn, by: actor, at: now)
      try AuditTrail.append(
        database,
        AuditRecord(
          at: now, actor: actor, action: .orderWithdraw,
          subject: "\(order.request.period) \(order.request.kind)", detail: "order=\(id)"))
      return try Self.order(database, id)
    }
  }

  /// Settles a pending order inside the transaction that posts what it asked for.
  static func settle(
    _ database: Database, _ id: Int64, as state: LedgerOrder.State, by actor: String,
    at now: UTCInstant
  ) throws {
    try database.execute(
      sql: """
        UPDATE ledger_order SET state = ?, settled_at = ?, settled_by = ?
        WHERE id = ? AND state = 'pending'
        """, arguments: [state.rawValue, now.microseconds, actor, id])
    guard database.changesCount == 1 else { throw StoreError.orderSettled(id: id) }
  }

  /// Marks the order of an approval as done, with a record of who approved it.
  static func approve(_ database: Database, _ approval: OrderApproval, at now: UTCInstant) throws {
    try settle(database, approval.order, as: .done, by: approval.approver, at: now)
    let order = try order(database, approval.order)
    try AuditTrail.append(
      database,
      AuditRecord(
        at: now, actor: approval.approver, action: .orderApprove,
        subject: "\(order.request.period) \(order.request.kind)",
        detail: "order=\(approval.order) asked_by=\(order.request.actor) "
          + "proposal=\(order.proposal.hex)"))
  }

  private static func order(_ database: Database, _ id: Int64) throws -> LedgerOrder {
    let row = try Row.fetchOne(
      database, sql: "SELECT * FROM ledger_order WHERE id = ?", arguments: [id])
    guard let row else { throw StoreError.notFound(what: "order \(id)") }
    return try order(row)
  }

  private static func order(_ row: Row) throws -> LedgerOrder {
    guard let state = LedgerOrder.State(rawValue: row["state"]) else {
      throw StoreError.malformed(table: "ledger_order", reason: "unknown state")
    }
    return LedgerOrder(
      id: row["id"],
      request: LedgerRequest(
        period: try Stored.period(row["period"], table: "ledger_order"), kind: row["kind"],
        subject: row["subject"], body: [UInt8](row["body"] as Data), reason: row["reason"],
        actor: row["asked_by"]),
      proposal: try Stored.digest(row["proposal"], table: "ledger_order"),
      askedAt: UTCInstant(microseconds: row["asked_at"]), state: state,
      settledAt: (row["settled_at"] as Int64?).map { UTCInstant(microseconds: $0) },
      settledBy: row["settled_by"])
  }
}

/// A second person's yes to an order.
public struct OrderApproval: Sendable, Equatable {
  /// The order.
  public var order: Int64
  /// Who approves.
  public var approver: String

  /// An approval.
  public init(order: Int64, approver: String) {
    self.order = order
    self.approver = approver
  }
}
