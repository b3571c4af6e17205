internal import Accounting
internal import Foundation
internal import GRDB
internal import Usage

/// Reads of stored usage: figures for a close, sums for a reader.
enum UsageReading {
  /// How to sum a period's counters by tenant and route, under the names that `history` gives tenants in
  /// each hour.
  static func scan(
    _ database: Database, table: String, period: Period, history: TenantHistory = .empty
  ) throws -> UsageScan {
    UsageScan(
      table: table, hours: hour(period.start)..<hour(period.end),
      names: try names(database, period),
      history: history, renamed: Set(history.aliases(in: period).map(\.tenant)))
  }

  /// Every counter of a period by tenant and route.
  static func figures(
    _ database: Database, table: String, period: Period, history: TenantHistory = .empty
  ) throws -> UsageFigures {
    try scan(database, table: table, period: period, history: history)
      .figures(database, .init())
  }

  /// Names of the quantities for policies and statements: of the operator's units the names declared
  /// in the period, as long as every proxy declares the same one at a position.
  static func names(_ database: Database, _ period: Period) throws -> [String] {
    var names = Usage.Quantity.allCases.map(\.name)
    for (quantity, declared) in zip(units, try declaredUnits(database, period)) {
      guard declared.count == 1, let name = declared.first, !names.contains(name) else { continue }
      names[Int(quantity.rawValue)] = name
    }
    return names
  }

  /// The operator's units, in the order of their positions.
  private static let units: [Usage.Quantity] = [.units0, .units1, .units2, .units3]

  /// The names that proxies declared in a period, by position; what stores of before kept without a
  /// period serves those in which nobody declared anything.
  static func declaredUnits(_ database: Database, _ period: Period) throws -> [[String]] {
    var rows = try Row.fetchAll(
      database,
      sql: "SELECT DISTINCT position, name FROM period_unit WHERE period = ? ORDER BY 1, 2",
      arguments: [period.description])
    if rows.isEmpty {
      rows = try Row.fetchAll(
        database, sql: "SELECT DISTINCT position, name FROM unit_declaration ORDER BY 1, 2")
    }
    var declared: [[String]] = units.map { _ in [] }
    for row in rows {
      let position: Int = row["position"]
      guard declared.indices.contains(position) else { continue }
      declared[position].append(row["name"])
    }
    return declared
  }

  /// Sums over listeners and batches of a period; quarantined batches have none.
  static func listenerTotals(
    _ database: Database, period: Period
  ) throws -> [String: UInt128] {
    let row = try Row.fetchOne(
      database,
      sql: """
        SELECT \(UsageColumns.sums) FROM listener_total
        WHERE batch IN (SELECT id FROM batch WHERE period = ?)
        """, arguments: [period.description])
    var totals: [String: UInt128] = [:]
    for (quantity, name) in zip(Usage.Quantity.allCases, try names(database, period)) {
      let sum: Int64? = row?[quantity.name]
      totals[name] = UInt128(try Counter.value(sum ?? 0, "listener_total"))
    }
    return totals
  }

  /// Sums of a window over counted and late usage.
  static func summary(_ database: Database, _ query: UsageQuery) throws -> [UsageSummaryRow] {
    let key = groupKey(query.grouping)
    let isByTime = query.grouping == .hour || query.grouping == .day
    let sql = """
      SELECT \(key) , \(UsageColumns.sums), weir_sum_histogram(histogram) AS histogram FROM (
        SELECT * FROM usage_rollup WHERE hour >= :from AND hour < :to
          AND tenant = ifnull(:tenant, tenant) AND route = ifnull(:route, route)
        UNION ALL
        SELECT * FROM usage_late WHERE hour >= :from AND hour < :to
          AND tenant = ifnull(:tenant, tenant) AND route = ifnull(:route, route)
        UNION ALL
        SELECT \(takenColumns) FROM usage_taken WHERE hour >= :from AND hour < :to
          AND tenant = ifnull(:tenant, tenant) AND route = ifnull(:route, route))
      GROUP BY 1, 2, 3 ORDER BY \(isByTime ? "3" : "requests DESC, 1, 2") LIMIT :limit
      """
    let rows = try Row.fetchCursor(
      database, sql: sql,
      arguments: [
        "from": query.fromHour, "to": query.toHour, "tenant": query.tenant, "route": query.route,
        "limit": query.rowsMax,
      ])
    var summary: [UsageSummaryRow] = []
    while let row = try rows.next() {
      let counts = try Usage.Quantity.allCases.map { try Counter.value(row[$0.name], "usage") }
      summary.append(
        UsageSummaryRow(
          tenant: row["key_tenant"], route: row["key_route"], hour: row["key_hour"],
          quantities: counts, latency: try latency(row["histogram"])))
    }
    return summary
  }

  private static func latency(_ blob: Data?) throws -> [UInt64]? {
    guard let blob else { return nil }
    let histogram = try HistogramBlob.decode(blob)
    let values = [0.5, 0.95, 0.99].compactMap { histogram.value(atQuantile: $0) }
    return values.count == 3 ? values : nil
  }

  private static func groupKey(_ grouping: UsageQuery.Grouping) -> String {
    switch grouping {
    case .tenant: "tenant AS key_tenant, NULL AS key_route, NULL AS key_hour"
    case .route: "NULL AS key_tenant, route AS key_route, NULL AS key_hour"
    case .tenantRoute: "tenant AS key_tenant, route AS key_route, NULL AS key_hour"
    case .hour: "NULL AS key_tenant, NULL AS key_route, hour AS key_hour"
    case .day: "NULL AS key_tenant, NULL AS key_route, hour - hour % 24 AS key_hour"
    }
  }

  /// Columns of late usage that was taken in, in the order of the tables beside it.
  private static let takenColumns =
    (["tenant", "hour", "route"] + Schema.quantityColumns + ["histogram"]).joined(separator: ", ")

  private static func hour(_ instant: UTCInstant) -> Int64 {
    UsageHour.containing(instant.microseconds)
  }
}
