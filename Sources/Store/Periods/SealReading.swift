internal import Accounting
internal import Digest
internal import Foundation
internal import GRDB

/// Seals made from the database, and compared with it.
enum SealReading {
  /// The seal of a version of a closed period (the latest when nil); nil when there is none.
  static func seal(_ database: Database, _ period: Period, version: UInt32? = nil) throws -> Seal? {
    let record = try PeriodRows.record(database, period)
    guard let close = record.close else { return nil }
    let isLatest = version == nil || version == record.version
    let wanted = version ?? record.version
    var head = close.ledger
    var closedAt = close.at
    if !isLatest {
      guard let last = try last(database, period, wanted) else { return nil }
      head = last.head
      closedAt = last.at
    }
    let count = try Counter.column(head.count, "ledger length")
    return Seal(
      period: period.description, version: Int64(wanted), ledgerCount: count,
      ledgerHash: head.hash, closedAtMicroseconds: closedAt.microseconds,
      issued: try content(database, period.description, Int64(wanted), below: count))
  }

  /// The last entry of an earlier version: the end of the ledger after that close.
  private static func last(
    _ database: Database, _ period: Period, _ version: UInt32
  ) throws -> (head: LedgerHead, at: UTCInstant)? {
    let row = try Row.fetchOne(
      database,
      sql: """
        SELECT sequence, hash, posted_at FROM ledger_entry
        WHERE period = ? AND version = ? AND kind = 'allocation' ORDER BY sequence DESC LIMIT 1
        """, arguments: [period.description, Int(version)])
    guard let row else { return nil }
    let head = LedgerHead(
      count: try Counter.value(row["sequence"], "ledger_entry") + 1,
      hash: try Stored.digest(row["hash"], table: "ledger_entry"))
    return (head, UTCInstant(microseconds: row["posted_at"]))
  }

  /// Counts, sums and digests of what a version issued, worked out anew from entries and documents.
  private static func content(
    _ database: Database, _ period: String, _ version: Int64, below count: Int64
  ) throws -> SealedContent? {
    let set = try Row.fetchOne(
      database,
      sql: "SELECT summary, reconciliation FROM statement_set WHERE period = ? AND version = ?",
      arguments: [period, version])
    guard let set else { return nil }
    var tree = HashTree()
    let documents = try Row.fetchCursor(
      database,
      sql:
        "SELECT tenant, document FROM statement WHERE period = ? AND version = ? ORDER BY tenant",
      arguments: [period, version])
    while let row = try documents.next() {
      tree.add(
        name: row["tenant"], document: SHA256.hash(PackedDocument.whateverIsThere(row["document"])))
    }
    let entries =
      try Int64.fetchOne(
        database,
        sql: """
          SELECT count(*) FROM ledger_entry WHERE period = ? AND version = ? AND sequence < ?
          """, arguments: [period, version, count]) ?? 0
    return SealedContent(
      entries: entries, totals: try totals(database, period, version, below: count),
      statements: Int64(tree.count), statementsRoot: tree.root,
      summary: SHA256.hash([UInt8](set["summary"] as Data)),
      reconciliation: SHA256.hash([UInt8](set["reconciliation"] as Data)))
  }

  private static func totals(
    _ database: Database, _ period: String, _ version: Int64, below count: Int64
  ) throws -> [SealedContent.Totals] {
    func sum(_ condition: String) -> String {
      "coalesce(sum(CASE WHEN \(condition) THEN micros END), 0)"
    }
    let rows = try Row.fetchAll(
      database,
      sql: """
        SELECT currency, \(sum("account LIKE 'cost:%'")), \(sum("account LIKE 'tenant:%'")),
          \(sum("account LIKE 'platform:unallocated:%'")), \(sum("account = 'platform:kept'")),
          \(sum("account = 'platform:rounding'")), \(sum("account = 'platform:fx'"))
        FROM ledger_posting WHERE entry IN (
          SELECT sequence FROM ledger_entry WHERE period = ? AND version = ? AND sequence < ?)
        GROUP BY currency ORDER BY currency
        """, arguments: [period, version, count])
    return rows.map { row in
      SealedContent.Totals(
        currency: row[0], micros: SealedContent.Totals.kinds.indices.map { row[$0 + 1] })
    }
  }

  /// In what the database differs from a seal, in words.
  static func faults(_ database: Database, _ seal: Seal) throws -> [String] {
    var faults: [String] = []
    do {
      try compare(seal, with: database, file: seal.fileName)
    } catch StoreError.behindSeal(_, let reason) {
      faults.append(reason)
    }
    guard let sealed = seal.issued else { return faults }
    let found = try content(database, seal.period, seal.version, below: seal.ledgerCount)
    guard let found else {
      return faults + ["\(seal.period) has no statements of version \(seal.version)"]
    }
    func check(_ what: String, _ isEqual: Bool) {
      if !isEqual {
        faults.append("\(what) of \(seal.period) v\(seal.version) differ from the seal")
      }
    }
    check("the \(found.entries) entries", found.entries == sealed.entries)
    check("the totals", found.totals == sealed.totals)
    check("the \(found.statements) statements", found.statements == sealed.statements)
    check("the bytes of statements", found.statementsRoot == sealed.statementsRoot)
    check("the bytes of the summary", found.summary == sealed.summary)
    check("the bytes of the reconciliation", found.reconciliation == sealed.reconciliation)
    return faults
  }

  /// Throws `behindSeal` unless the ledger holds what it held at the close.
  static func compare(_ seal: Seal, with database: Database, file: String) throws {
    guard seal.ledgerCount > 0 else { return }
    let hash = try Data.fetchOne(
      database, sql: "SELECT hash FROM ledger_entry WHERE sequence = ?",
      arguments: [seal.ledgerCount - 1])
    guard let hash else {
      let count = try Int64.fetchOne(database, sql: "SELECT count(*) FROM ledger_entry") ?? 0
      throw StoreError.behindSeal(
        file: file,
        reason: "period \(seal.period) was closed at \(seal.ledgerCount) entries, "
          + "the ledger has \(count)")
    }
    guard hash == Data(seal.ledgerHash.bytes) else {
      throw StoreError.behindSeal(
        file: file,
        reason: "entry \(seal.ledgerCount - 1) is not the one that closed \(seal.period)")
    }
  }
}
