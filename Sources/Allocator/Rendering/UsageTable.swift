internal import Accounting

/// The usage of a statement turned: one row a quantity, one column a route.
struct UsageTable {
  /// How many routes fit side by side on A4.
  static let columnsMax = 4

  /// One quantity.
  struct Row {
    /// Its name.
    let quantity: String
    /// Its unit.
    let unit: String
    /// Its sums, aligned with the routes.
    let values: [String]
  }

  /// The routes, in the order in which they appear.
  let routes: [String]
  /// The quantities that are not all zero, in the order in which they appear.
  let rows: [Row]

  /// A table of these lines.
  init(_ lines: [UsageLine]) {
    var routes: [String] = []
    var quantities: [(name: String, unit: String)] = []
    var values: [String: [String: UInt128]] = [:]
    for line in lines {
      if !routes.contains(line.route) { routes.append(line.route) }
      if values[line.quantity] == nil { quantities.append((line.quantity, line.unit)) }
      values[line.quantity, default: [:]][line.route, default: 0] += line.value
    }
    let columns = routes
    self.routes = columns
    rows = quantities.map { quantity in
      let sums = values[quantity.name] ?? [:]
      return Row(
        quantity: quantity.name, unit: quantity.unit,
        values: columns.map { String(sums[$0] ?? 0) })
    }
  }
}
