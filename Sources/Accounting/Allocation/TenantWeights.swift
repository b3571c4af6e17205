/// By what a pool is split, once it is clear.
enum TenantWeights {
  /// By values of drivers, blended.
  case blend(BlendWeights, notes: [String])
  /// Equal parts for these tenants, at least one, in byte order.
  case equal([String], notes: [String])
  /// There is nobody to split over, for this reason.
  case nobody(note: String)
}

extension PoolSplit {
  /// Who is left out of this pool's shared cost.
  var excluded: Set<String> { input.policy.excluded.union(rule?.excluded ?? []) }

  private func takesPart(_ tenant: String) -> Bool {
    input.policy.reserved[tenant] != .exclude && !excluded.contains(tenant)
  }

  /// The values of a driver over those who take part.
  func values(of driver: PolicyDriver) throws(AccountingError) -> DriverValues {
    try DriverValues(driver, input, takesPart: takesPart)
  }

  /// Weights by drivers, with the ways out when drivers are zero.
  func weights(_ rule: ProportionalRule) throws(AccountingError) -> TenantWeights {
    var drivers: [DriverValues] = []
    for driver in rule.drivers { drivers.append(try values(of: driver)) }
    if let blend = BlendWeights(drivers) {
      let notes = drivers.filter(\.total.isZero).map {
        "driver \($0.driver.name) was zero: its weight \($0.driver.weight) went to the others"
      }
      return .blend(blend, notes: notes)
    }
    let names = drivers.map(\.driver.name).joined(separator: ", ")
    return try fallback(rule.fallback, reason: "all drivers were zero (\(names))")
  }

  private func fallback(
    _ fallback: ProportionalRule.Fallback, reason: String
  ) throws(AccountingError) -> TenantWeights {
    switch fallback {
    case .unallocated: return .nobody(note: "\(reason): unallocated")
    case .driver(let driver):
      guard let blend = BlendWeights([try values(of: driver)]) else {
        return .nobody(note: "\(reason), fallback \(driver.name) too: unallocated")
      }
      return .blend(blend, notes: ["\(reason): split by fallback \(driver.name)"])
    case .even:
      let tenants = input.participants(.active, excluded: excluded)
      guard !tenants.isEmpty else {
        return .nobody(note: "\(reason), no tenant was active: unallocated")
      }
      return .equal(tenants, notes: ["\(reason): split evenly over active tenants"])
    }
  }

  /// Equal weights for whom the rule counts.
  func weights(_ rule: EvenRule) -> TenantWeights {
    let tenants = input.participants(rule.over, excluded: excluded)
    return tenants.isEmpty
      ? .nobody(note: "no tenant was \(rule.over.rawValue): unallocated")
      : .equal(tenants, notes: [])
  }

  /// The weight of each participant's plan.
  func weights(_ rule: TieredRule) -> TenantWeights {
    var values: [String: BigUInt] = [:]
    for tenant in input.participants(rule.over, excluded: excluded) {
      let weight = rule.plans[input.register.plan(of: tenant)] ?? rule.otherwise
      values[tenant] = BigUInt(weight.units.magnitude)
    }
    let driver = DriverValues(
      name: "plan_weight", unit: "1", scaleDigits: Amount.fractionDigits, values: values)
    guard let blend = BlendWeights([driver]) else {
      return .nobody(note: "no \(rule.over.rawValue) tenant has a plan with a weight: unallocated")
    }
    return .blend(blend, notes: [])
  }

  /// What earlier pools gave each tenant. Whose sum has another sign than all sums together counts as
  /// nothing: as a rule, tenants with a credit.
  func weights(_ rule: OverheadRule, of name: String) throws(AccountingError) -> TenantWeights {
    var sums: [String: Int128] = [:]
    let sources = input.policy.sources(of: name, rule.of, isFollowing: false)
    for allocation in sources.flatMap({ earlier[$0] ?? [] }) {
      for share in allocation.shares {
        guard case .tenant(let tenant) = share.owner, !excluded.contains(tenant) else { continue }
        sums[tenant, default: 0] += Int128(share.amount.micros)
      }
    }
    let isCredit = sums.values.reduce(0, +) < 0
    let others = sums.values.count { $0 != 0 && ($0 < 0) != isCredit }
    let values = sums.mapValues { BigUInt(($0 < 0) == isCredit ? $0.magnitude : 0) }
    let driver = DriverValues(
      name: "earlier_pools", unit: input.costs.currency.code, scaleDigits: 6, values: values)
    guard let blend = BlendWeights([driver]) else {
      return try fallback(rule.fallback, reason: "earlier pools gave nobody a cost")
    }
    let note =
      "\(others) tenants had a \(isCredit ? "cost" : "credit") from earlier pools and bear "
      + "nothing of this one"
    return .blend(blend, notes: others > 0 ? [note] : [])
  }
}
