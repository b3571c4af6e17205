/// Exact weights of a blend of drivers.
///
///     weight of tenant i  =  sum over k of  a_k * d_ki / D_k      (drivers with D_k > 0)
///
/// brought to the common denominator, the product of all D_k:
///
///     w_i = sum over k of  m_k * d_ki      with  m_k = a_k * product of D_j for j != k
///
/// A driver that is zero for everyone drops out; its weight goes to the others in proportion to
/// theirs, because only the ratios of the a_k matter. For the same reason the m_k are taken without
/// their common factor, which keeps most weights in 128 bits.
struct BlendWeights {
  /// One tenant.
  struct Row {
    /// The tenant.
    let tenant: String
    /// Its weight, not nought.
    let weight: BigUInt
  }

  /// All drivers of the rule.
  let drivers: [DriverValues]
  /// m_k, aligned with `drivers`; nought for a driver that dropped out.
  private let multipliers: [BigUInt]
  /// The tenants with a weight, in no order, none twice.
  let rows: [Row]
  /// The sum of all weights.
  let total: BigUInt

  /// Weights of a blend; `nil` when every driver is zero for everyone.
  init?(_ drivers: [DriverValues]) {
    let active = drivers.indices.filter { !drivers[$0].total.isZero }
    guard !active.isEmpty else { return nil }
    self.drivers = drivers
    multipliers = Self.multipliers(drivers, active)
    if active.count == 1 {
      let values = drivers[active[0]]
      rows = values.entries.map { Row(tenant: $0.tenant, weight: $0.sum) }
      total = values.total
      return
    }
    var tenants: [String] = []
    var weights: [BigUInt] = []
    var positions: [String: Int] = [:]
    for index in active {
      for entry in drivers[index].entries {
        let part = multipliers[index] * entry.sum
        if let position = positions[entry.tenant] {
          weights[position] = weights[position] + part
        } else {
          positions[entry.tenant] = tenants.count
          tenants.append(entry.tenant)
          weights.append(part)
        }
      }
    }
    rows = zip(tenants, weights).map { Row(tenant: $0, weight: $1) }
    total = weights.reduce(.zero, +)
  }

  private static func multipliers(_ drivers: [DriverValues], _ active: [Int]) -> [BigUInt] {
    var multipliers = Array(repeating: BigUInt.zero, count: drivers.count)
    // A single driver needs no common denominator, and its own weight cancels out.
    guard active.count > 1 else {
      multipliers[active[0]] = .one
      return multipliers
    }
    for index in active {
      let weight = BigUInt(drivers[index].driver.weight.units.magnitude)
      multipliers[index] = active.reduce(weight) {
        $1 == index ? $0 : $0 * drivers[$1].total
      }
    }
    let common = active.dropFirst().reduce(multipliers[active[0]]) {
      BigUInt.commonDivisor($0, multipliers[$1])
    }
    for index in active {
      multipliers[index] = multipliers[index].quotientAndRemainder(dividingBy: common).quotient
    }
    return multipliers
  }

  /// One tenant's values, and its weights by route.
  struct Detail {
    /// The values over all routes, aligned with the drivers, as texts.
    let values: [String]
    /// The routes in byte order, with weights that sum to the tenant's, and values as texts.
    let routes: [(route: String, weight: BigUInt, values: [String])]
  }

  /// The detail of one tenant. Each driver is looked up once: a large month asks for every tenant.
  func detail(of tenant: String) -> Detail {
    let entries = drivers.map { $0[tenant] }
    var weights: [(route: String, weight: BigUInt)] = []
    for (multiplier, entry) in zip(multipliers, entries) where !multiplier.isZero {
      for value in entry?.routes ?? [] where !value.value.isZero {
        let part = multiplier * value.value
        // Bound: a tenant has a few routes, so a search along them is short.
        if let position = weights.firstIndex(where: { $0.route == value.route }) {
          weights[position].weight = weights[position].weight + part
        } else {
          weights.append((value.route, part))
        }
      }
    }
    weights.sort { KeyOrder.precedes($0.route, $1.route) }
    let routes = weights.map { row in
      let values = zip(drivers, entries).map { driver, entry in
        driver.text(entry?.routes.first { $0.route == row.route }?.value ?? .zero)
      }
      return (route: row.route, weight: row.weight, values: values)
    }
    return Detail(
      values: zip(drivers, entries).map { $0.text($1?.sum ?? .zero) }, routes: routes)
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

extension BigUInt {
  /// The largest number that divides both; neither is nought.
  static func commonDivisor(_ left: BigUInt, _ right: BigUInt) -> BigUInt {
    var (a, b) = (left, right)
    // Bound: Euclid's algorithm takes at most a few steps a bit.
    while !b.isZero { (a, b) = (b, a.quotientAndRemainder(dividingBy: b).remainder) }
    return a
  }
}
