public import Accounting
internal import Digest
internal import Foundation
internal import GRDB

/// The ledger: entries that are only ever added, each chained to the one before.
public struct LedgerStore: Sendable {
  /// The database.
  let engine: Engine
  /// What closes wrote beside it.
  let seals: SealFolder

  /// The end of the chain.
  public func head() async throws(StoreError) -> LedgerHead {
    try await engine.read("reading the ledger's head") { database in
      try LedgerRows.head(database)
    }
  }

  /// Entries in order, from a sequence on; of one period unless nil.
  public func entries(
    from sequence: UInt64 = 0, period: Period? = nil, max count: Int
  ) async throws(StoreError) -> [ChainedEntry] {
    let first = try Counter.column(sequence, "ledger sequence")
    return try await engine.read("reading the ledger") { database in
      try Row.fetchAll(
        database,
        sql: """
          SELECT canonical, previous FROM ledger_entry
          WHERE sequence >= ? AND period = ifnull(?, period) ORDER BY sequence LIMIT ?
          """, arguments: [first, period?.description, count]
      ).map { row in
        let entry = try Entry(canonicalBytes: [UInt8](row["canonical"] as Data))
        let previous = try Stored.digest(row["previous"], table: "ledger_entry")
        return ChainedEntry(entry, after: LedgerHead(count: entry.sequence, hash: previous))
      }
    }
  }

  /// Walks the chain, re-adds every balance, compares columns with canonical forms, and the
  /// ledger's length and head with what closed periods, the audit trail and the seals remember.
  public func verify() async throws(StoreError) -> LedgerVerification {
    let sealed = try seals.all().map(\.seal)
    return try await engine.read("verifying the ledger") { database in
      try LedgerWalk(database: database, seals: sealed).run()
    }
  }
}
