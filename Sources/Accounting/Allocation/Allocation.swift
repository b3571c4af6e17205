/// The allocation of one period: pools, policy and usage in, who bears what out. Pure.
///
/// 1. The exact pool totals are added up and rounded once to micro-units (half-even); that total is
///    spread over the pools by largest remainder.
/// 2. Each pool's micro-units are split over its owners: tenants first, by exact weights.
/// 3. Each tenant's part of a proportional pool is split over the tenant's routes, as detail.
public enum Allocation {
  /// Allocates. Throws `unusableCosts` when records are in another currency than the policy's or an
  /// external series is missing, and `overflow` when a sum leaves its range.
  public static func allocate(
    _ input: AllocationInput
  ) throws(AccountingError) -> AllocationResult {
    let costs = input.costs
    try check(input)
    let pools = costs.pools.filter { $0.tally.records > 0 }
    var exact = Amount.zero
    for pool in pools { exact = try exact.adding(pool.tally.effective) }
    let total = try exact.roundedToMicros()
    let posted = try Apportionment.round(
      pools.map { (key: $0.name, exact: $0.tally.effective.units) },
      unit: Amount.unitsPerMicro, to: total)
    var allocations: [PoolAllocation] = []
    for (pool, micros) in zip(pools, posted) {
      let money = Money(micros: micros, currency: costs.currency)
      let allocation = try allocate(pool, money, input)
      precondition(
        allocation.shares.reduce(Int128(0)) { $0 + Int128($1.amount.micros) } == Int128(micros),
        "the shares of a pool sum to its cost")
      allocations.append(allocation)
    }
    return AllocationResult(
      period: costs.period, currency: costs.currency, policyName: input.policy.name,
      policyDigest: input.policy.digest, pools: allocations, exactTotal: exact,
      postedTotal: Money(micros: total, currency: costs.currency))
  }

  private static func check(_ input: AllocationInput) throws(AccountingError) {
    let costs = input.costs
    if let (currency, tally) = costs.foreign.min(by: { $0.key < $1.key }) {
      throw .unusableCosts(
        reason: "\(tally.records) records are in \(currency), the policy allocates "
          + "\(costs.currency); conversion is not available")
    }
    guard costs.pools.map(\.name) == input.policy.pools.map(\.name) + [PooledCosts.unmatched],
      costs.currency == input.policy.currency
    else { throw .unusableCosts(reason: "they were pooled under another policy") }
  }

  private static func allocate(
    _ pool: PooledCosts.Pool, _ posted: Money, _ input: AllocationInput
  ) throws(AccountingError) -> PoolAllocation {
    guard let rule = input.policy.pools.first(where: { $0.name == pool.name }) else {
      return whole(pool, posted, method: "unmatched", owner: .unallocated(.unmatched))
    }
    switch rule.method {
    case .keep: return whole(pool, posted, method: rule.method.name, owner: .kept)
    case .direct: return try direct(pool, posted)
    case .proportional(let proportional):
      return try ProportionalSplit(pool: pool, posted: posted, rule: proportional, input: input)
        .allocation()
    }
  }

  /// A pool that goes to one owner in full.
  static func whole(
    _ pool: PooledCosts.Pool, _ posted: Money, method: String, owner: Owner,
    drivers: [DriverFigure] = [], notes: [String] = []
  ) -> PoolAllocation {
    let share = PoolShare(
      owner: owner, amount: posted, share: "1.000000000000", exact: nil, values: [], routes: [])
    return PoolAllocation(
      pool: pool.name, method: method, records: pool.tally.records, exact: pool.tally.effective,
      posted: posted, drivers: drivers, notes: notes, shares: [share])
  }

  private static func direct(
    _ pool: PooledCosts.Pool, _ posted: Money
  ) throws(AccountingError) -> PoolAllocation {
    let owners = pool.owners.keys.sorted { KeyOrder.precedes($0.key, $1.key) }
    let parts = owners.map { (key: $0.key, exact: (pool.owners[$0] ?? .zero).units) }
    let micros = try Apportionment.round(parts, unit: Amount.unitsPerMicro, to: posted.micros)
    let whole = pool.tally.effective.units
    let shares = zip(owners, zip(parts, micros)).map { owner, sums in
      let (part, micros) = sums
      let share =
        whole == 0
        ? "0.000000000000"
        : Fraction(
          numerator: BigUInt(part.exact.magnitude), denominator: BigUInt(whole.magnitude)
        ).text(digits: Fraction.shareDigits, isNegative: (part.exact < 0) != (whole < 0))
      return PoolShare(
        owner: owner, amount: Money(micros: micros, currency: posted.currency), share: share,
        exact: Amount(units: part.exact), values: [], routes: [])
    }
    return PoolAllocation(
      pool: pool.name, method: "direct", records: pool.tally.records,
      exact: pool.tally.effective, posted: posted, drivers: [], notes: [], shares: shares)
  }
}
