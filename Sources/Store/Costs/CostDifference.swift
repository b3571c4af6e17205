public import Accounting
internal import GRDB

/// What one snapshot changed against the one whose place it took, by service and charge category.
public struct CostDifference: Sendable, Equatable {
  /// Sums of one side.
  public struct Side: Sendable, Equatable {
    /// Records.
    public var records = 0
    /// Sum of billed cost.
    public var billed = Amount.zero
    /// Sum of effective cost.
    public var effective = Amount.zero
  }

  /// One service, charge category and currency in which the sides differ.
  public struct Row: Sendable, Equatable {
    /// The service; `…` for those past the bound.
    public var service: String
    /// The charge category.
    public var category: String
    /// The currency.
    public var currency: Currency
    /// What the source said before.
    public var before: Side
    /// What it says now.
    public var after: Side
  }

  /// The snapshot.
  public var snapshot: CostSnapshot
  /// Rows that differ, by service, category and currency.
  public var rows: [Row]
}

/// A source whose costs of a closed period are no longer those that the close counted.
public struct LateCosts: Sendable, Equatable {
  /// The source.
  public var source: String
  /// The import that the close counted; nil when the source is new.
  public var closed: Int64?
  /// The import that says what the source says now; nil when nothing of it is current.
  public var current: Int64?
}

/// What of a source can be withdrawn.
public enum CostWithdrawal: String, Sendable, CaseIterable {
  /// The records of a period.
  case costs
  /// The invoices that are stated for it.
  case invoices
}

/// Which records of a period are walked.
public enum CostSelection: Sendable, Equatable {
  /// Those that count now.
  case current
  /// Those that the last close of the period counted.
  case closed
}

/// Sums of a snapshot by service and charge category.
struct CostGroups: Sendable {
  /// Which sum a record goes into.
  struct Key: Hashable, Sendable {
    var period: Period
    var currency: Currency
    var service: String
    var category: String
  }

  /// Bound: groups of one file; what is beyond goes under the service `…`.
  private static let groupsMax = 20_000

  private var places: [Key: Int] = [:]
  private var entries: [(key: Key, side: CostDifference.Side)] = []
  /// Places of keys that came before, by a quick hash: most records have one of a few.
  private var recent: [Int] = Array(repeating: -1, count: 64)

  /// The sums by key.
  var sums: [Key: CostDifference.Side] {
    Dictionary(uniqueKeysWithValues: entries.map { ($0.key, $0.side) })
  }

  /// Takes a record of a period in; throws `engine` when a sum leaves its range.
  mutating func add(_ record: CostRecord, period: Period) throws(StoreError) {
    let place = place(
      Key(
        period: period, currency: record.currency, service: record[.service] ?? "",
        category: record[.chargeCategory] ?? ""))
    do {
      entries[place].side.records += 1
      entries[place].side.billed = try entries[place].side.billed.adding(record.billedCost)
      entries[place].side.effective = try entries[place].side.effective.adding(
        record.effectiveCost)
    } catch {
      throw .engine(operation: "importing costs", reason: "\(error)")
    }
  }

  private mutating func place(_ given: Key) -> Int {
    let slot = (given.service.utf8.count &* 7 &+ given.category.utf8.count) & (recent.count - 1)
    if recent[slot] >= 0, entries[recent[slot]].key == given { return recent[slot] }
    var key = given
    if places[key] == nil, entries.count >= Self.groupsMax { key.service = "…" }
    let place = places[key] ?? entries.count
    if place == entries.count {
      entries.append((key, .init()))
      places[key] = place
    }
    if key == given { recent[slot] = place }
    return place
  }

  /// Stores the sums of a period's snapshot.
  func store(_ database: Database, importID: Int64, period: Period) throws {
    let insert = try database.cachedStatement(
      sql: """
        INSERT INTO cost_group (import, period, currency, service, category, records, billed,
          effective) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """)
    for (key, side) in entries where key.period == period {
      try insert.execute(arguments: [
        importID, period.description, key.currency.code, key.service, key.category, side.records,
        side.billed.description, side.effective.description,
      ])
    }
  }

  /// The sums of a stored snapshot; one of a store of format 1 is added up from its records.
  static func stored(
    _ database: Database, importID: Int64, period: Period
  ) throws -> [Key: CostDifference.Side] {
    var sums: [Key: CostDifference.Side] = [:]
    let rows = try Row.fetchCursor(
      database, sql: "SELECT * FROM cost_group WHERE import = ? AND period = ?",
      arguments: [importID, period.description])
    while let row = try rows.next() {
      let key = Key(
        period: period, currency: try Stored.currency(row["currency"], table: "cost_group"),
        service: row["service"], category: row["category"])
      sums[key] = CostDifference.Side(
        records: row["records"], billed: try Stored.amount(row["billed"], table: "cost_group"),
        effective: try Stored.amount(row["effective"], table: "cost_group"))
    }
    if !sums.isEmpty { return sums }
    var groups = CostGroups()
    try CostReading.forEachRecord(database, importID: importID, period: period) { record in
      try groups.add(record, period: period)
    }
    return groups.sums
  }

  /// Where two snapshots differ.
  static func difference(
    _ before: [Key: CostDifference.Side], _ after: [Key: CostDifference.Side]
  ) -> [CostDifference.Row] {
    let rows = Set(before.keys).union(after.keys).map { key in
      CostDifference.Row(
        service: key.service, category: key.category, currency: key.currency,
        before: before[key] ?? .init(), after: after[key] ?? .init())
    }
    return rows.filter { $0.before != $0.after }.sorted { left, right in
      [left.service, left.category, left.currency.code]
        .lexicographicallyPrecedes([right.service, right.category, right.currency.code])
    }
  }
}
