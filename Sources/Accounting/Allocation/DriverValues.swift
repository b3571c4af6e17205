/// The values of one driver: per tenant and route, with route factors applied.
///
/// Values are whole numbers of `10^-scaleDigits`: 0 digits for plain counts, 18 when route factors or an
/// external series bring fractions in.
struct DriverValues {
  /// The driver.
  let driver: PolicyDriver
  /// The unit of the quantity.
  let unit: String
  /// Fraction digits of the values.
  let scaleDigits: Int
  /// Values by tenant and route; the route of an external series is "". None is zero.
  private(set) var byTenant: [String: [String: BigUInt]] = [:]
  /// Sums by tenant.
  private(set) var sums: [String: BigUInt] = [:]
  /// The sum over everybody.
  private(set) var total = BigUInt.zero

  /// The values of a driver over those who take part.
  ///
  /// Throws `unusableCosts` when an external series is missing or names something that is no tenant.
  init(
    _ driver: PolicyDriver, _ input: AllocationInput, takesPart: (String) -> Bool
  ) throws(AccountingError) {
    self.driver = driver
    switch driver.source {
    case .quantity(let name):
      unit = MeteredQuantity.unit(of: name)
      scaleDigits = driver.routeWeights.isEmpty ? 0 : Amount.fractionDigits
      for tenant in input.usage.tenants where takesPart(tenant) {
        for (route, value) in input.usage.byRoute(tenant: tenant, quantity: name) {
          let factor = driver.factor(route: route)
          guard factor > .zero else { continue }
          let scaled =
            scaleDigits == 0
            ? BigUInt(value) : BigUInt(value) * BigUInt(factor.units.magnitude)
          add(tenant, route, scaled)
        }
      }
    case .external(let name):
      let series = try Self.series(name, input)
      unit = series.unit
      scaleDigits = Amount.fractionDigits
      for (tenant, value) in series.values where value > .zero && takesPart(tenant) {
        add(tenant, "", BigUInt(value.units.magnitude))
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
    for (tenant, value) in values where !value.isZero { add(tenant, "", value) }
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

  private mutating func add(_ tenant: String, _ route: String, _ value: BigUInt) {
    byTenant[tenant, default: [:]][route] = value
    sums[tenant] = (sums[tenant] ?? .zero) + value
    total = total + value
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
