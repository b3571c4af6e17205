internal import Accounting
internal import GRDB
internal import Usage

/// Sums the hours of a period by tenant and route: one seek a tenant, then its hours in the order of the key.
///
/// A month of many tenants has tens of millions of rows of some thirty counters, so columns are read from the statement
/// itself. Memory: one sum a (tenant, route) and quantity that is not 0.
struct UsageScan {
  /// `usage_rollup`, or a table with the same key and columns.
  let table: String
  /// The first hour, and the one behind the last.
  let hours: Range<Int64>
  /// Names of the quantities.
  let names: [String]
  /// What tenants are called over time.
  let history: TenantHistory
  /// The tenants in the period that have more than one name.
  let renamed: Set<String>

  /// Tenants from `first` on that come before `end`; `nil` is open.
  struct Section: Sendable {
    var first: String?
    var end: String?
  }

  /// Sums a section.
  func figures(_ database: Database, _ section: Section) throws -> UsageFigures {
    var figures = UsageFigures()
    let columns = try figures.columns(names)
    let next = try RawStatement(
      database, "SELECT tenant FROM \(table) WHERE tenant > ?1 ORDER BY tenant LIMIT 1")
    let rows = try RawStatement(
      database,
      """
      SELECT route, hour, \(Schema.quantityColumns.joined(separator: ", ")) FROM \(table)
      WHERE tenant = ?1 AND hour >= ?2 AND hour < ?3
      """)
    var tenant = try first(database, section)
    while let current = tenant, section.end.map({ KeyOrder.precedes(current, $0) }) ?? true {
      try rows.bind(1, current)
      try rows.bind(2, hours.lowerBound)
      try rows.bind(3, hours.upperBound)
      if renamed.contains(current) {
        try addByHour(rows, current, columns, &figures)
      } else {
        try add(rows, current, columns, &figures)
      }
      rows.reset()
      try next.bind(1, current)
      tenant = try next.step() ? next.text(0) : nil
      next.reset()
    }
    return figures
  }

  private func first(_ database: Database, _ section: Section) throws -> String? {
    let statement = try RawStatement(
      database, "SELECT tenant FROM \(table) WHERE tenant >= ?1 ORDER BY tenant LIMIT 1")
    try statement.bind(1, section.first ?? "")
    return try statement.step() ? statement.text(0) : nil
  }

  /// Sums of one route of one tenant.
  private struct RouteSums {
    let route: String
    let bytes: [UInt8]
    var sums: [UInt64]
  }

  private func add(
    _ rows: borrowing RawStatement, _ tenant: String, _ columns: UsageFigures.Columns,
    _ figures: inout UsageFigures
  ) throws {
    var routes: [RouteSums] = []
    while try rows.step() {
      // Bound: routes of the configurations of all proxies; they come in order within an hour.
      var place = routes.firstIndex { rows.text(0, is: $0.bytes) }
      if place == nil {
        let route = rows.text(0)
        place = routes.count
        routes.append(
          RouteSums(
            route: route, bytes: Array(route.utf8), sums: [UInt64](repeating: 0, count: names.count)
          ))
      }
      guard let place else { continue }
      try add(rows, to: &routes[place].sums)
    }
    for route in routes {
      try figures.add(tenant: tenant, route: route.route, columns: columns, route.sums)
    }
  }

  private func addByHour(
    _ rows: borrowing RawStatement, _ tenant: String, _ columns: UsageFigures.Columns,
    _ figures: inout UsageFigures
  ) throws {
    while try rows.step() {
      let moment = UTCInstant(microseconds: rows.integer(1) * UsageHour.microseconds)
      var sums = [UInt64](repeating: 0, count: names.count)
      try add(rows, to: &sums)
      try figures.add(
        tenant: history.name(of: tenant, at: moment), route: rows.text(0), columns: columns, sums)
    }
  }

  @inline(__always)
  private func add(_ rows: borrowing RawStatement, to sums: inout [UInt64]) throws {
    for column in 0..<sums.count {
      let (sum, overflow) = sums[column].addingReportingOverflow(
        UInt64(bitPattern: rows.integer(Int32(2 + column))))
      // Stored counters are 0 to 2^63 - 1: the table checks it.
      guard !overflow else { throw StoreError.counterOverflow(what: "usage of a tenant") }
      sums[column] = sum
    }
  }

  /// Splits the tenants into at most `count` sections of about as many each.
  func sections(_ database: Database, _ count: Int) throws -> [Section] {
    let next = try RawStatement(
      database, "SELECT tenant FROM \(table) WHERE tenant > ?1 ORDER BY tenant LIMIT 1")
    var tenants: [String] = []
    var tenant = try first(database, Section())
    while let current = tenant {
      tenants.append(current)
      try next.bind(1, current)
      tenant = try next.step() ? next.text(0) : nil
      next.reset()
    }
    guard tenants.count >= 2 * count else { return [Section()] }
    let bounds = (1..<count).map { tenants[tenants.count * $0 / count] }
    return (0..<count).map {
      Section(
        first: $0 == 0 ? nil : bounds[$0 - 1], end: $0 == count - 1 ? nil : bounds[$0])
    }
  }
}
