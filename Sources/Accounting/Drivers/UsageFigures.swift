/// The usage of one period: sums per tenant, route and quantity name.
///
/// Reserved tenants are tenants here. Order of additions does not matter. Memory grows with the
/// number of (tenant, route) pairs.
public struct UsageFigures: Hashable, Sendable {
  /// One sum.
  public struct Figure: Hashable, Sendable {
    /// The route.
    public let route: String
    /// The quantity's name.
    public let quantity: String
    /// The sum, never 0.
    public let value: UInt128
  }

  private var sums: [String: [String: [String: UInt128]]] = [:]

  /// No usage.
  public init() {}

  /// Adds a value; throws `overflow` past 2^128, which no meter reaches.
  public mutating func add(
    tenant: String, route: String, quantity: String, _ value: UInt128
  ) throws(AccountingError) {
    guard value > 0 else { return }
    let old = sums[tenant, default: [:]][route, default: [:]][quantity, default: 0]
    let (sum, overflow) = old.addingReportingOverflow(value)
    guard !overflow else { throw .overflow(operation: "usage of \(tenant), \(quantity)") }
    sums[tenant, default: [:]][route, default: [:]][quantity] = sum
  }

  /// All sums of both; throws `overflow`.
  public func merging(_ other: UsageFigures) throws(AccountingError) -> UsageFigures {
    var merged = self
    for tenant in other.sums.keys {
      for figure in other.figures(of: tenant) {
        try merged.add(
          tenant: tenant, route: figure.route, quantity: figure.quantity, figure.value)
      }
    }
    return merged
  }

  /// Whether there is none.
  public var isEmpty: Bool { sums.isEmpty }

  /// All tenants with usage, reserved ones included, in byte order.
  public var tenants: [String] { sums.keys.sorted(by: KeyOrder.precedes) }

  /// The sum of one tenant, route and quantity.
  public func value(tenant: String, route: String, quantity: String) -> UInt128 {
    sums[tenant]?[route]?[quantity] ?? 0
  }

  /// The sum of a quantity over all tenants and routes.
  public func total(of quantity: String) -> UInt128 {
    sums.values.reduce(0) { total, routes in
      routes.values.reduce(total) { $0 + ($1[quantity] ?? 0) }
    }
  }

  /// The names of all quantities that were added, in byte order.
  public var quantities: [String] {
    var names: Set<String> = []
    for routes in sums.values {
      for quantities in routes.values { names.formUnion(quantities.keys) }
    }
    return names.sorted(by: KeyOrder.precedes)
  }

  /// All sums of one tenant, ordered by route and then quantity, both as bytes.
  public func figures(of tenant: String) -> [Figure] {
    guard let routes = sums[tenant] else { return [] }
    return routes.keys.sorted(by: KeyOrder.precedes).flatMap { route in
      let quantities = routes[route] ?? [:]
      return quantities.keys.sorted(by: KeyOrder.precedes).map { quantity in
        Figure(route: route, quantity: quantity, value: quantities[quantity] ?? 0)
      }
    }
  }

  /// The sums of one quantity of one tenant by route; no order.
  func byRoute(tenant: String, quantity: String) -> [String: UInt128] {
    (sums[tenant] ?? [:]).compactMapValues { $0[quantity] }
  }
}
