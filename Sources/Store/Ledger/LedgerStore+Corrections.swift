public import Accounting
public import Digest
internal import Foundation
internal import GRDB

/// Entries outside of a close, to be stored in one transaction.
public struct LedgerCorrection: Sendable {
  /// The period that is posted to; it must not be closed.
  public var period: Period
  /// The reading under which the inputs were loaded, of the period that it was taken of.
  public var mark: PeriodMark
  /// The period whose inputs the mark reads.
  public var marked: Period
  /// The entries.
  public var entries: [ChainedEntry]
  /// What they undo or correct.
  public var links: [LedgerLink]
  /// The second person, where one is needed.
  public var approval: OrderApproval?

  /// A correction.
  public init(
    period: Period, mark: PeriodMark, marked: Period, entries: [ChainedEntry],
    links: [LedgerLink], approval: OrderApproval?
  ) {
    self.period = period
    self.mark = mark
    self.marked = marked
    self.entries = entries
    self.links = links
    self.approval = approval
  }
}

extension LedgerStore {
  /// Posts a correction with its audit record.
  ///
  /// Throws `periodClosed` for a period that is closed, `exists` when an entry of that id is there,
  /// and `changedMeanwhile` when inputs or ledger moved since the mark; nothing is stored then.
  public func post(
    _ correction: LedgerCorrection, audit: AuditRecord
  ) async throws(StoreError) {
    try await engine.write("posting to \(correction.period)") { database in
      let period = correction.period
      guard try PeriodRows.record(database, period).state != .closed else {
        throw StoreError.periodClosed(period: period.description)
      }
      for chained in correction.entries {
        guard try LedgerReading.entry(database, chained.entry.id) == nil else {
          throw StoreError.exists(what: "ledger entry \(chained.entry.id.hex)")
        }
      }
      let mark = PeriodMark(
        changes: try PeriodChange.reading(database, correction.marked.description),
        ledger: try LedgerRows.head(database))
      guard mark == correction.mark else {
        throw StoreError.changedMeanwhile(period: correction.marked.description)
      }
      try LedgerRows.append(database, correction.entries)
      try LedgerLink.append(database, correction.links)
      if let approval = correction.approval {
        try OrderStore.approve(database, approval, at: audit.at)
      }
      try AuditTrail.append(database, audit)
    }
  }

  /// The allocation entries of a version of a period's statements.
  public func allocation(
    of period: Period, version: UInt32
  ) async throws(StoreError) -> [Entry] {
    try await engine.read("reading the ledger") { database in
      try LedgerReading.entries(
        database, "period = ? AND version = ? AND kind = 'allocation'",
        [period.description, Int(version)])
    }
  }

  /// What was posted so far for what came late after a version: adjustments in later periods, and
  /// their reversals, in the order of the ledger.
  public func lateAdjustments(
    of period: Period, version: UInt32
  ) async throws(StoreError) -> [Entry] {
    try await engine.read("reading the ledger") { database in
      // ';' follows ':' in ASCII, so the range holds what begins with the prefix.
      let prefix = LateSubject.prefix(origin: period, version: version)
      let isLate = "kind = 'adjustment' AND subject >= ? AND subject < ?"
      let range = [prefix, String(prefix.dropLast()) + ";"]
      return try LedgerReading.entries(
        database,
        """
        (\(isLate)) OR sequence IN (SELECT entry FROM ledger_link WHERE kind = 'reverses' AND origin
          IN (SELECT sequence FROM ledger_entry WHERE \(isLate)))
        """, StatementArguments(range + range))
    }
  }

  /// Adjustments, write-offs and their reversals that were posted in a period, in order.
  public func corrections(in period: Period) async throws(StoreError) -> [Entry] {
    try await engine.read("reading the ledger") { database in
      try LedgerReading.entries(
        database,
        """
        period = ? AND (kind IN ('adjustment', 'write-off') OR sequence IN (
          SELECT ledger_link.entry FROM ledger_link
          JOIN ledger_entry AS origin ON origin.sequence = ledger_link.origin
          WHERE ledger_link.kind = 'reverses' AND origin.kind <> 'allocation'))
        """, [period.description])
    }
  }

  /// One entry by its id; throws `notFound`.
  public func entry(_ id: Digest256) async throws(StoreError) -> Entry {
    try await engine.read("reading the ledger") { database in
      guard let entry = try LedgerReading.entry(database, id) else {
        throw StoreError.notFound(what: "ledger entry \(id.hex)")
      }
      return entry
    }
  }

  /// Links from or to these entries.
  public func links(of entries: [Entry]) async throws(StoreError) -> [LedgerLink] {
    try await engine.read("reading ledger links") { database in
      try LedgerLink.touching(
        database, try entries.map { try Counter.column($0.sequence, "ledger sequence") })
    }
  }
}

/// Entries from their canonical forms.
enum LedgerReading {
  /// Entries that meet a condition, in order.
  static func entries(
    _ database: Database, _ condition: String, _ arguments: StatementArguments
  ) throws -> [Entry] {
    try Row.fetchAll(
      database,
      sql: "SELECT canonical FROM ledger_entry WHERE \(condition) ORDER BY sequence",
      arguments: arguments
    ).map { try Entry(canonicalBytes: [UInt8]($0["canonical"] as Data)) }
  }

  /// One entry by its id, or nil.
  static func entry(_ database: Database, _ id: Digest256) throws -> Entry? {
    try entries(database, "id = ?", [Data(id.bytes)]).first
  }
}
