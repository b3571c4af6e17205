internal import Accounting
internal import Digest
internal import Foundation
internal import GRDB

/// Ledger entries as rows, inside one transaction.
enum LedgerRows {
  /// The end of the chain.
  static func head(_ database: Database) throws -> LedgerHead {
    let last = try Row.fetchOne(
      database, sql: "SELECT sequence, hash FROM ledger_entry ORDER BY sequence DESC LIMIT 1")
    guard let last else { return .empty }
    return LedgerHead(
      count: try Counter.value(last["sequence"], "ledger_entry") + 1,
      hash: try Stored.digest(last["hash"], table: "ledger_entry"))
  }

  /// Adds entries at the end.
  static func append(_ database: Database, _ entries: [ChainedEntry]) throws {
    for chained in entries {
      let entry = chained.entry
      let sequence = try Counter.column(entry.sequence, "ledger sequence")
      try database.execute(
        sql: """
          INSERT INTO ledger_entry (sequence, id, period, version, kind, subject, posted_at, actor,
            reason, canonical, previous, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
          """,
        arguments: [
          sequence, Data(entry.id.bytes), entry.period.description, Int(entry.version),
          entry.kind.rawValue, entry.subject, entry.postedAt.microseconds, entry.actor,
          entry.reason,
          Data(entry.canonicalBytes), Data(chained.previous.bytes), Data(chained.hash.bytes),
        ])
      for (position, posting) in entry.postings.enumerated() {
        try database.execute(
          sql: """
            INSERT INTO ledger_posting (entry, position, account, currency, micros)
            VALUES (?, ?, ?, ?, ?)
            """,
          arguments: [
            sequence, position, posting.account.text, posting.amount.currency.code,
            posting.amount.micros,
          ])
      }
    }
  }

  /// The entry that the columns of a row and its postings say, to be compared with its canonical
  /// form.
  ///
  /// Policy, imports and the reversed entry have no column; they come from the canonical form. Nil
  /// when the columns make no entry.
  static func rebuilt(_ database: Database, _ row: Row, canonical: Entry) throws -> Entry? {
    guard let sequence = UInt64(exactly: row["sequence"] as Int64),
      let period = try? Period(parsing: row["period"]),
      let version = UInt32(exactly: row["version"] as Int64),
      let kind = EntryKind(rawValue: row["kind"]),
      let postings = try postings(database, entry: row["sequence"])
    else { return nil }
    let context = PostingContext(
      period: period, version: version, postedAt: UTCInstant(microseconds: row["posted_at"]),
      actor: row["actor"], reason: row["reason"], policy: canonical.policy,
      imports: canonical.imports)
    let entry = try? Entry(
      sequence: sequence, kind: kind, subject: row["subject"], context: context,
      reverses: canonical.reverses, postings: postings)
    guard let entry, Digest256(bytes: [UInt8](row["id"] as Data)) == entry.id,
      entry.postings == postings
    else { return nil }
    return entry
  }

  private static func postings(_ database: Database, entry: Int64) throws -> [Posting]? {
    let rows = try Row.fetchAll(
      database, sql: "SELECT * FROM ledger_posting WHERE entry = ? ORDER BY position",
      arguments: [entry])
    var postings: [Posting] = []
    for (position, row) in rows.enumerated() {
      guard row["position"] as Int == position, let account = try? Account(text: row["account"]),
        let currency = Currency(code: row["currency"])
      else { return nil }
      postings.append(
        Posting(account: account, amount: Money(micros: row["micros"], currency: currency)))
    }
    return postings
  }
}
