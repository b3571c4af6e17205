/// Exact weights of a blend of drivers.
///
///     weight of tenant i  =  sum over k of  a_k * d_ki / D_k      (drivers with D_k > 0)
///
/// brought to the common denominator, the product of all D_k:
///
///     w_i = sum over k of  m_k * d_ki      with  m_k = a_k * product of D_j for j != k
///
/// A driver that is zero for everyone drops out; its weight goes to the others in proportion to
/// theirs, because only the ratios of the a_k matter.
struct BlendWeights {
  /// All drivers of the rule.
  let drivers: [DriverValues]
  /// m_k, aligned with `drivers`; nought for a driver that dropped out.
  private let multipliers: [BigUInt]
  /// The weights by tenant; none is nought.
  let byTenant: [String: BigUInt]
  /// The sum of all weights.
  let total: BigUInt

  /// Weights of a blend; `nil` when every driver is zero for everyone.
  init?(_ drivers: [DriverValues]) {
    let active = drivers.indices.filter { !drivers[$0].total.isZero }
    guard !active.isEmpty else { return nil }
    self.drivers = drivers
    var multipliers = Array(repeating: BigUInt.zero, count: drivers.count)
    for index in active {
      let others = active.filter { $0 != index }
      // A single driver needs no common denominator, and its own weight cancels out.
      multipliers[index] =
        others.isEmpty
        ? .one
        : others.reduce(BigUInt(drivers[index].driver.weight.units.magnitude)) {
          $0 * drivers[$1].total
        }
    }
    self.multipliers = multipliers
    var weights: [String: BigUInt] = [:]
    for index in active {
      for (tenant, sum) in drivers[index].sums {
        weights[tenant] = (weights[tenant] ?? .zero) + multipliers[index] * sum
      }
    }
    byTenant = weights
    total = weights.values.reduce(.zero, +)
  }

  /// The weights of one tenant by route; they sum to the tenant's weight.
  func byRoute(tenant: String) -> [String: BigUInt] {
    var weights: [String: BigUInt] = [:]
    for (index, driver) in drivers.enumerated() where !multipliers[index].isZero {
      for (route, value) in driver.byTenant[tenant] ?? [:] {
        weights[route] = (weights[route] ?? .zero) + multipliers[index] * value
      }
    }
    return weights
  }

  /// The drivers as shown, for a pool of this cost.
  func figures(posted: Money) -> [DriverFigure] {
    let active = drivers.filter { !$0.total.isZero }
    let sum = active.reduce(BigUInt.zero) { $0 + BigUInt($1.driver.weight.units.magnitude) }
    return drivers.map { values in
      let weight = values.total.isZero ? .zero : BigUInt(values.driver.weight.units.magnitude)
      let unitCost = Fraction(
        numerator: weight * BigUInt(posted.micros.magnitude) * .powerOfTen(values.scaleDigits),
        denominator: sum * BigUInt(1_000_000 as UInt64) * values.total)
      return DriverFigure(
        name: values.driver.name, unit: values.unit, weight: values.driver.weight,
        effectiveWeight: Fraction(numerator: weight, denominator: sum)
          .text(digits: Fraction.shareDigits),
        total: values.text(values.total),
        unitCost: values.total.isZero
          ? nil
          : unitCost.text(digits: Fraction.unitCostDigits, isNegative: posted.micros < 0))
    }
  }
}
