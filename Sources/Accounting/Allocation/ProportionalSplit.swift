/// The split of one pool by drivers, with the ways out when drivers are zero.
struct ProportionalSplit {
  let pool: PooledCosts.Pool
  let posted: Money
  let rule: ProportionalRule
  let input: AllocationInput

  /// The pool, split by its drivers, or by its fallback, or unallocated.
  func allocation() throws(AccountingError) -> PoolAllocation {
    var drivers: [DriverValues] = []
    for driver in rule.drivers { drivers.append(try values(of: driver)) }
    if let blend = BlendWeights(drivers) {
      let notes = drivers.filter(\.total.isZero).map {
        "driver \($0.driver.name) was zero: its weight \($0.driver.weight) went to the others"
      }
      return try split(by: blend, notes: notes)
    }
    let names = drivers.map(\.driver.name).joined(separator: ", ")
    let reason = "all drivers were zero (\(names))"
    switch rule.fallback {
    case .unallocated: return unallocated("\(reason): unallocated")
    case .driver(let driver):
      guard let blend = BlendWeights([try values(of: driver)]) else {
        return unallocated("\(reason), fallback \(driver.name) too: unallocated")
      }
      return try split(by: blend, notes: ["\(reason): split by fallback \(driver.name)"])
    case .even:
      let tenants = activeTenants()
      guard !tenants.isEmpty else {
        return unallocated("\(reason), no tenant was active: unallocated")
      }
      return try even(tenants, note: "\(reason): split evenly over active tenants")
    }
  }

  private func values(of driver: PolicyDriver) throws(AccountingError) -> DriverValues {
    try DriverValues(
      driver, usage: input.usage, externals: input.externals, policy: input.policy)
  }

  private func unallocated(_ note: String) -> PoolAllocation {
    Allocation.whole(
      pool, posted, method: "proportional", owner: .unallocated(.noDriver), notes: [note])
  }

  /// Tenants with at least one request; reserved tenants are not somebody.
  private func activeTenants() -> [String] {
    let requests = MeteredQuantity.requests.rawValue
    return input.usage.tenants.filter { tenant in
      !TenantNaming.reserved.contains(tenant)
        && !input.usage.byRoute(tenant: tenant, quantity: requests).isEmpty
    }
  }

  private func split(by blend: BlendWeights, notes: [String]) throws(AccountingError)
    -> PoolAllocation
  {
    let tenants = blend.byTenant.map {
      (tenant: $0.key, owner: Self.owner($0.key), weight: $0.value)
    }
    .sorted { KeyOrder.precedes($0.owner.key, $1.owner.key) }
    let micros = try Apportionment.split(
      total: posted.micros, keys: tenants.map(\.owner.key), weights: tenants.map(\.weight))
    var shares: [PoolShare] = []
    shares.reserveCapacity(tenants.count)
    for (row, amount) in zip(tenants, micros) {
      let values = blend.drivers.map { $0.text($0.sums[row.tenant] ?? .zero) }
      shares.append(
        PoolShare(
          owner: row.owner, amount: Money(micros: amount, currency: posted.currency),
          share: Self.share(row.weight, of: blend.total), exact: nil, values: values,
          routes: try routes(of: row.tenant, amount, blend)))
    }
    return result(shares, drivers: blend.figures(posted: posted), notes: notes)
  }

  private func routes(
    of tenant: String, _ amount: Int64, _ blend: BlendWeights
  ) throws(AccountingError) -> [RouteShare] {
    let weights = blend.byRoute(tenant: tenant).sorted { KeyOrder.precedes($0.key, $1.key) }
    let micros = try Apportionment.split(
      total: amount, keys: weights.map(\.key), weights: weights.map(\.value))
    return zip(weights, micros).map { row, micros in
      RouteShare(
        route: row.key.isEmpty ? nil : row.key, micros: micros,
        share: Self.share(row.value, of: blend.total),
        values: blend.drivers.map { $0.text($0.byTenant[tenant]?[row.key] ?? .zero) })
    }
  }

  private func even(_ tenants: [String], note: String) throws(AccountingError) -> PoolAllocation {
    let sorted = tenants.sorted(by: KeyOrder.precedes)
    let owners = sorted.map { Owner.tenant($0) }
    let micros = try Apportionment.split(
      total: posted.micros, keys: owners.map(\.key), weights: owners.map { _ in .one })
    let share = Self.share(.one, of: BigUInt(UInt64(owners.count)))
    let shares = zip(owners, micros).map { owner, micros in
      PoolShare(
        owner: owner, amount: Money(micros: micros, currency: posted.currency), share: share,
        exact: nil, values: [], routes: [])
    }
    return result(shares, drivers: [], notes: [note])
  }

  private func result(
    _ shares: [PoolShare], drivers: [DriverFigure], notes: [String]
  ) -> PoolAllocation {
    PoolAllocation(
      pool: pool.name, method: "proportional", records: pool.tally.records,
      exact: pool.tally.effective, posted: posted, drivers: drivers, notes: notes,
      shares: shares)
  }

  private static func owner(_ tenant: String) -> Owner {
    UnallocatedReason(reservedTenant: tenant).map { .unallocated($0) } ?? .tenant(tenant)
  }

  private static func share(_ weight: BigUInt, of total: BigUInt) -> String {
    Fraction(numerator: weight, denominator: total).text(digits: Fraction.shareDigits)
  }
}
