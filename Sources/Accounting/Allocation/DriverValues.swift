/// The values of one driver: per tenant and route, with route factors applied.
///
/// Values are whole numbers of `10^-scaleDigits`: 0 digits for plain counts, 18 when route factors or an
/// external series bring fractions in. Tenants stand in an array, found by a table of positions: a
/// month of 100,000 tenants over ten routes goes through here for each pool.
struct DriverValues {
  /// One route of a tenant.
  struct RouteValue {
    /// The route; empty for what has none.
    let route: String
    /// The value, not nought.
    let value: BigUInt
  }

  /// One tenant.
  struct Entry {
    /// The tenant.
    let tenant: String
    /// Its routes, in no order, none twice.
    let routes: [RouteValue]
    /// The sum over them.
    let sum: BigUInt
  }

  /// The driver.
  private(set) var driver: PolicyDriver
  /// The unit of the quantity.
  let unit: String
  /// Fraction digits of the values.
  let scaleDigits: Int
  /// The tenants with a value, in no order.
  private(set) var entries: [Entry] = []
  /// The sum over everybody.
  private(set) var total = BigUInt.zero
  private var positions: [String: Int] = [:]

  /// The values of a driver over those who take part.
  ///
  /// Throws `unusableCosts` when an external series is missing or names something that is no tenant.
  init(
    _ driver: PolicyDriver, _ input: AllocationInput, takesPart: (String) -> Bool
  ) throws(AccountingError) {
    self.driver = driver
    switch driver.source {
    case .quantity(let name):
      let isPlain = driver.routes == nil && driver.routeWeights.isEmpty
      unit = MeteredQuantity.unit(of: name)
      scaleDigits = driver.routeWeights.isEmpty ? 0 : Amount.fractionDigits
      var found: [(tenant: String, routes: [RouteValue])] = []
      input.usage.forEachTenant(with: name) { tenant, routes in
        guard takesPart(tenant) else { return }
        let values = routes.compactMap { route, value in
          isPlain ? RouteValue(route: route, value: BigUInt(value)) : scaled(route, value)
        }
        found.append((tenant, values))
      }
      for (tenant, routes) in found { add(tenant, routes) }
    case .external(let name):
      let series = try Self.series(name, input)
      unit = series.unit
      scaleDigits = Amount.fractionDigits
      for (tenant, value) in series.values where value > .zero && takesPart(tenant) {
        add(tenant, [RouteValue(route: "", value: BigUInt(value.units.magnitude))])
      }
    }
  }

  /// Values that the allocation itself found, one a tenant; noughts are left out.
  init(name: String, unit: String, scaleDigits: Int, values: [String: BigUInt]) {
    driver = PolicyDriver(
      source: .quantity(name), weight: Amount(units: Amount.unitsPerOne), routes: nil,
      routeWeights: [:])
    self.unit = unit
    self.scaleDigits = scaleDigits
    for (tenant, value) in values { add(tenant, [RouteValue(route: "", value: value)]) }
  }

  /// A loaded series by its name; throws `unusableCosts` when it is missing or names no tenant.
  static func series(
    _ name: String, _ input: AllocationInput
  ) throws(AccountingError) -> ExternalSeries {
    guard let series = input.externals.first(where: { $0.name == name }) else {
      throw .unusableCosts(reason: "the external series \"\(name)\" is not loaded")
    }
    for (tenant, value) in series.values where value > .zero {
      guard TenantNaming.isValid(tenant) || TenantNaming.reserved.contains(tenant) else {
        throw .unusableCosts(reason: "series \"\(name)\": \"\(tenant)\" is not a tenant id")
      }
    }
    return series
  }

  /// The same values under a driver that differs by its weight only.
  func with(_ driver: PolicyDriver) -> DriverValues {
    var values = self
    values.driver = driver
    return values
  }

  /// The entry of a tenant; `nil` when it has no value.
  subscript(tenant: String) -> Entry? { positions[tenant].map { entries[$0] } }

  private func scaled(_ route: String, _ value: UInt128) -> RouteValue? {
    let factor = driver.factor(route: route)
    guard factor > .zero else { return nil }
    return RouteValue(
      route: route,
      value: scaleDigits == 0
        ? BigUInt(value) : BigUInt(value) * BigUInt(factor.units.magnitude))
  }

  private mutating func add(_ tenant: String, _ routes: [RouteValue]) {
    let sum = routes.reduce(BigUInt.zero) { $0 + $1.value }
    guard !sum.isZero else { return }
    positions[tenant] = entries.count
    entries.append(Entry(tenant: tenant, routes: routes, sum: sum))
    total = total + sum
  }

  /// A value of this driver as a decimal text without trailing zeros.
  func text(_ value: BigUInt) -> String {
    guard scaleDigits > 0 else { return value.decimalText }
    let (whole, rest) = value.quotientAndRemainder(dividingBy: .powerOfTen(scaleDigits))
    guard let small = rest.asUInt128, small > 0 else { return whole.decimalText }
    var fraction = String(small)
    fraction = String(repeating: "0", count: scaleDigits - fraction.utf8.count) + fraction
    while fraction.last == "0" { fraction.removeLast() }
    return whole.decimalText + "." + fraction
  }
}
