/// How a pool is split by what tenants used.
public struct ProportionalRule: Hashable, Sendable {
  /// The drivers; their weights sum to exactly 1.
  public let drivers: [PolicyDriver]
  /// What happens when every driver is zero for everyone.
  public let fallback: Fallback

  /// What happens when every driver is zero for everyone.
  public enum Fallback: Hashable, Sendable {
    /// The cost has no owner; the reason is `no-driver`.
    case unallocated
    /// Equal parts for every tenant with at least one request; without any, unallocated.
    case even
    /// By another driver; when that is zero too, unallocated.
    case driver(PolicyDriver)
  }
}

/// One quantity that drives a share.
public struct PolicyDriver: Hashable, Sendable {
  /// What is counted.
  public enum Source: Hashable, Sendable {
    /// A metered quantity, or a declared unit of the operator.
    case quantity(String)
    /// A declared external series.
    case external(String)
  }

  /// What is counted.
  public let source: Source
  /// Its part of the blend, greater than 0.
  public let weight: Amount
  /// Only these routes count; `nil` for all.
  public let routes: [String]?
  /// Factor per route, not negative; routes that are not named have 1.
  public let routeWeights: [String: Amount]

  /// The name of the quantity or series.
  public var name: String {
    switch source {
    case .quantity(let name), .external(let name): name
    }
  }

  /// The factor of a route: 0 when the route does not count.
  func factor(route: String) -> Amount {
    if let routes, !routes.contains(route) { return .zero }
    return routeWeights[route] ?? Amount(units: Amount.unitsPerOne)
  }
}
