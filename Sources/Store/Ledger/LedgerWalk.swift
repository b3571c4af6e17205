public import Accounting
internal import Digest
internal import Foundation
internal import GRDB

/// What a walk over the stored ledger found.
public struct LedgerVerification: Sendable, Equatable {
  /// The chain, its balances, and its anchors.
  public var report: LedgerReport
  /// Rows whose columns or postings do not make the entry that their canonical form says.
  public var rowFaults: [String]

  /// Whether nothing is wrong.
  public var isSound: Bool { report.isSound && rowFaults.isEmpty }

  /// Every fault as one line.
  public var faults: [String] { report.faults.map(\.description) + rowFaults }
}

/// One walk over the stored ledger that feeds `LedgerVerifier`.
struct LedgerWalk {
  /// Where the ledger is.
  let database: Database
  /// What was written beside it.
  let seals: [Seal]

  /// The walk.
  func run() throws -> LedgerVerification {
    var verifier = LedgerVerifier(anchors: try anchors())
    var rowFaults: [String] = []
    var reversed: [Digest256: Digest256] = [:]
    let rows = try Row.fetchCursor(
      database, sql: "SELECT * FROM ledger_entry ORDER BY sequence")
    while let row = try rows.next() {
      let canonical = [UInt8](row["canonical"] as Data)
      let decoded = try? Entry(canonicalBytes: canonical)
      if let decoded, let origin = decoded.reverses { reversed[decoded.id] = origin }
      let columns = try decoded.flatMap {
        try LedgerRows.rebuilt(database, row, canonical: $0)
      }
      if columns == nil {
        rowFaults.append("entry \(row["sequence"] as Int64): its columns make no entry")
      }
      verifier.check(
        StoredEntry(
          canonical: canonical, previous: digest(row["previous"]), hash: digest(row["hash"]),
          columns: columns))
    }
    rowFaults += try strayPostings() + strayLinks(reversed)
    return LedgerVerification(
      report: verifier.finish(balances: try balances()), rowFaults: rowFaults)
  }

  private func digest(_ data: Data) -> Digest256 { Digest256(bytes: [UInt8](data)) ?? .zero }

  private func strayPostings() throws -> [String] {
    try Int64.fetchAll(
      database,
      sql: """
        SELECT DISTINCT entry FROM ledger_posting
        WHERE entry NOT IN (SELECT sequence FROM ledger_entry) ORDER BY entry
        """
    ).map { "postings of entry \($0), which is not there" }
  }

  /// The way back from a reversed entry is a table; the entries themselves say where it has to lead.
  private func strayLinks(_ reversed: [Digest256: Digest256]) throws -> [String] {
    var missing = reversed
    var faults: [String] = []
    let rows = try Row.fetchCursor(
      database,
      sql: """
        SELECT ledger_link.entry, entry.id AS id, origin.id AS origin FROM ledger_link
        LEFT JOIN ledger_entry AS entry ON entry.sequence = ledger_link.entry
        LEFT JOIN ledger_entry AS origin ON origin.sequence = ledger_link.origin
        WHERE ledger_link.kind = 'reverses'
        """)
    while let row = try rows.next() {
      let id = try Stored.digest(optional: row["id"], table: "ledger_link") ?? .zero
      let origin = try Stored.digest(optional: row["origin"], table: "ledger_link") ?? .zero
      if missing[id] == origin {
        missing[id] = nil
      } else {
        faults.append(
          "the link of entry \(row["entry"] as Int64) says another origin than the entry")
      }
    }
    return faults + missing.keys.sorted().map { "the reversal \($0.hex) has no link to its origin" }
  }

  /// Lengths and heads that were written down elsewhere: period rows, the audit trail, seals.
  private func anchors() throws -> [LedgerHead] {
    var anchors = seals.map { seal in
      LedgerHead(count: UInt64(clamping: seal.ledgerCount), hash: seal.ledgerHash)
    }
    let periods = try Row.fetchAll(
      database,
      sql: "SELECT ledger_count, ledger_hash FROM period WHERE ledger_hash IS NOT NULL")
    for row in periods {
      anchors.append(
        LedgerHead(
          count: try Counter.value(row[0], "period"),
          hash: try Stored.digest(row[1], table: "period"))
      )
    }
    let actions = AuditRecord.anchoring
    let marks = databaseQuestionMarks(count: actions.count)
    let deeds = try String.fetchAll(
      database, sql: "SELECT detail FROM audit WHERE action IN (\(marks))",
      arguments: StatementArguments(actions.map { $0.rawValue }))
    return anchors + deeds.compactMap(LedgerAnchorText.head(in:))
  }

  private func balances() throws -> [AccountBalance] {
    try Row.fetchAll(
      database,
      sql: """
        SELECT account, currency, sum(micros) AS micros FROM ledger_posting
        GROUP BY account, currency ORDER BY account, currency
        """
    ).compactMap { row in
      guard let account = try? Account(text: row["account"]),
        let currency = Currency(code: row["currency"])
      else { return nil }
      return AccountBalance(
        account: account, amount: Money(micros: row["micros"], currency: currency))
    }
  }
}
