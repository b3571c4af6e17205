internal import Accounting
internal import Digest
internal import Foundation
internal import GRDB

/// Periods as rows, inside one transaction.
enum PeriodRows {
  /// What is known about a period.
  static func record(_ database: Database, _ period: Period) throws -> PeriodRecord {
    let row = try Row.fetchOne(
      database, sql: "SELECT * FROM period WHERE id = ?", arguments: [period.description])
    guard let row else {
      return PeriodRecord(period: period, state: .open, version: 0)
    }
    guard let state = PeriodState(rawValue: row["state"]),
      let version = UInt32(exactly: row["version"] as Int64)
    else { throw StoreError.malformed(table: "period", reason: "state of \(period)") }
    return PeriodRecord(
      period: period, state: state, version: version,
      close: try facts(database, row, period: period, version: version),
      softClose: softClose(row))
  }

  private static func softClose(_ row: Row) -> SoftCloseFacts? {
    guard let at: Int64 = row["soft_closed_at"], let actor: String = row["soft_closed_by"] else {
      return nil
    }
    return SoftCloseFacts(
      at: UTCInstant(microseconds: at), actor: actor, reason: row["soft_close_reason"] ?? "")
  }

  private static func facts(
    _ database: Database, _ row: Row, period: Period, version: UInt32
  ) throws -> PeriodCloseFacts? {
    guard let at: Int64 = row["closed_at"], let actor: String = row["closed_by"],
      let reason: String = row["reason"], let count: Int64 = row["ledger_count"]
    else { return nil }
    let imports = try Row.fetchAll(
      database,
      sql: """
        SELECT cost_snapshot.* FROM period_import
        JOIN cost_snapshot ON cost_snapshot.import = period_import.import
          AND cost_snapshot.period = period_import.period
        WHERE period_import.period = ? AND period_import.version = ? ORDER BY period_import.source
        """, arguments: [period.description, Int(version)]
    ).map { row in
      CostSnapshot(
        importID: row["import"], source: row["source"], period: period,
        digest: try Stored.digest(row["digest"], table: "cost_snapshot"), records: row["records"],
        state: CostSnapshot.State(rawValue: row["state"]) ?? .superseded)
    }
    var others = FrozenInputs.Others()
    others.rates = try Stored.digest(optional: row["rates_digest"], table: "period")
    others.skuMap = try Stored.digest(optional: row["sku_map_digest"], table: "period")
    others.series = try Stored.digest(optional: row["series_digest"], table: "period")
    others.invoices = try Stored.digest(optional: row["invoices_digest"], table: "period")
    let frozen = FrozenInputs(
      policy: try Stored.digest(row["policy"], table: "period"),
      usage: try Stored.digest(row["usage_digest"], table: "period"),
      register: try Stored.digest(row["register_digest"], table: "period"), imports: imports,
      others: others)
    return PeriodCloseFacts(
      at: UTCInstant(microseconds: at), actor: actor, approver: row["approved_by"],
      reason: reason, frozen: frozen,
      ledger: LedgerHead(
        count: try Counter.value(count, "period"),
        hash: try Stored.digest(row["ledger_hash"], table: "period")))
  }

  /// Writes everything that a close leaves.
  static func store(_ database: Database, _ closing: PeriodClosing) throws {
    let period = closing.period.description
    let known = try record(database, closing.period)
    guard (known.state == .closed) == closing.isRestatement,
      closing.version == known.version + 1
    else { throw StoreError.periodClosed(period: period) }
    let mark = PeriodMark(
      changes: try PeriodChange.reading(database, period), ledger: try LedgerRows.head(database))
    guard mark == closing.mark else { throw StoreError.changedMeanwhile(period: period) }
    try LedgerRows.append(database, closing.entries)
    try LedgerLink.append(database, closing.links)
    try storeFacts(database, closing)
    try storeDocuments(database, closing)
    try ProvisionalRows.forget(database, period)
    if closing.isRestatement {
      try LateUsage.take(database, closing.period, version: closing.version)
    }
    if let approval = closing.approval {
      try OrderStore.approve(database, approval, at: closing.facts.at)
    }
  }

  private static func storeFacts(_ database: Database, _ closing: PeriodClosing) throws {
    let facts = closing.facts
    guard try LedgerRows.head(database) == facts.ledger else {
      throw StoreError.changedMeanwhile(period: closing.period.description)
    }
    try database.execute(
      sql: """
        INSERT INTO period (id, state, version, closed_at, closed_by, reason, policy, usage_digest,
          register_digest, ledger_count, ledger_hash, approved_by, rates_digest, sku_map_digest,
          series_digest, invoices_digest)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (id) DO UPDATE SET state = excluded.state, version = excluded.version,
          closed_at = excluded.closed_at, closed_by = excluded.closed_by,
          reason = excluded.reason, policy = excluded.policy,
          usage_digest = excluded.usage_digest, register_digest = excluded.register_digest,
          ledger_count = excluded.ledger_count, ledger_hash = excluded.ledger_hash,
          approved_by = excluded.approved_by, rates_digest = excluded.rates_digest,
          sku_map_digest = excluded.sku_map_digest, series_digest = excluded.series_digest,
          invoices_digest = excluded.invoices_digest
        """,
      arguments: [
        closing.period.description, PeriodState.closed.rawValue, Int(closing.version),
        facts.at.microseconds, facts.actor, facts.reason, Data(facts.policy.bytes),
        Data(facts.usage.bytes), Data(facts.register.bytes),
        try Counter.column(facts.ledger.count, "ledger length"), Data(facts.ledger.hash.bytes),
        facts.approver, column(facts.others.rates), column(facts.others.skuMap),
        column(facts.others.series), column(facts.others.invoices),
      ])
    for snapshot in facts.imports {
      try database.execute(
        sql: """
          INSERT INTO period_import (period, version, source, import, digest)
          VALUES (?, ?, ?, ?, ?)
          """,
        arguments: [
          closing.period.description, Int(closing.version), snapshot.source, snapshot.importID,
          Data(snapshot.digest.bytes),
        ])
    }
  }

  private static func column(_ digest: Digest256?) -> Data? { digest.map { Data($0.bytes) } }

  private static func storeDocuments(_ database: Database, _ closing: PeriodClosing) throws {
    let period = closing.period.description
    let version = Int(closing.version)
    try database.execute(
      sql: """
        INSERT INTO statement_set (period, version, summary, reconciliation) VALUES (?, ?, ?, ?)
        """,
      arguments: [period, version, Data(closing.summary), Data(closing.reconciliation)])
    let insert = try database.cachedStatement(
      sql: """
        INSERT INTO statement (period, version, tenant, document, digest, micros, currency, amounts)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """)
    try closing.statements.makeAll { prepared in
      let statement = prepared.document
      try insert.execute(arguments: [
        period, version, statement.tenant, Data(prepared.packed), Data(prepared.digest.bytes),
        statement.total.micros, statement.total.currency.code,
        statement.amounts.map { Data($0) },
      ])
    }
  }
}
