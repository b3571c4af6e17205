/// The allocation of one period: pools, policy and usage in, who bears what out. Pure.
///
/// 1. The exact pool totals are added up and rounded once to micro-units (half-even); that total is
///    spread over the pools by largest remainder.
/// 2. Pool by pool, in the policy's order of allocation, its micro-units are split over its owners:
///    tenants first, by exact weights.
/// 3. Each tenant's part of a pool with drivers is split over the tenant's routes, as detail.
/// 4. What belongs to a tenant with a parent goes to the parent, as lines of its statement.
public enum Allocation {
  /// The name of the pool of what rates differ by.
  public static let fx = "~fx"

  /// Allocates. Throws `unusableCosts` when a record's currency has no rate, an external series is
  /// missing, or more was used than a capacity holds; `overflow` when a sum leaves its range.
  public static func allocate(
    _ input: AllocationInput
  ) throws(AccountingError) -> AllocationResult {
    try allocate(input, tracer: nil)
  }

  static func allocate(
    _ input: AllocationInput, tracer: Tracer?
  ) throws(AccountingError) -> AllocationResult {
    try check(input)
    let input = try input.withCurrentNames()
    let costs = input.costs
    let parts = try parts(of: costs)
    var done: [String: [PoolAllocation]] = [:]
    for name in input.policy.order + [PooledCosts.unmatched, fx] {
      guard let part = parts.all.first(where: { $0.name == name }) else { continue }
      let split = PoolSplit(
        rule: input.policy.pools.first { $0.name == name }, input: input, earlier: done,
        tracer: tracer)
      let allocations = try split.allocations(of: part)
      for allocation in allocations {
        let sum = allocation.shares.reduce(Int128(0)) { $0 + Int128($1.amount.micros) }
        precondition(
          sum == Int128(allocation.posted.micros), "the shares of a pool sum to its cost")
      }
      let posted = allocations.reduce(Int128(0)) { $0 + Int128($1.posted.micros) }
      precondition(posted == Int128(part.posted.micros), "the parts of a pool sum to its cost")
      done[name] = allocations
    }
    let pools = parts.all.flatMap { done[$0.name] ?? [] }
    return AllocationResult(
      period: costs.period, currency: costs.currency, policyName: input.policy.name,
      policyDigest: input.policy.digest, pools: try RollUp(input).applied(to: pools),
      conversions: costs.conversions, exactTotal: parts.exact,
      postedTotal: Money(micros: parts.total, currency: costs.currency))
  }

  /// The pools with records and what rates differ by, each with its posted cost.
  private static func parts(
    of costs: PooledCosts
  ) throws(AccountingError) -> (all: [PoolPart], exact: Amount, total: Int64) {
    var sums: [(key: String, exact: Int128)] = []
    var pools: [PooledCosts.Pool] = costs.pools.filter { $0.tally.records > 0 }
    if costs.fx != .zero {
      var pool = PooledCosts.Pool(name: fx)
      pool.tally = .init(records: 0, billed: .zero, effective: costs.fx)
      pools.append(pool)
    }
    var exact = Amount.zero
    for pool in pools {
      exact = try exact.adding(pool.tally.effective)
      sums.append((key: pool.name, exact: pool.tally.effective.units))
    }
    let total = try exact.roundedToMicros()
    let posted = try Apportionment.round(sums, unit: Amount.unitsPerMicro, to: total)
    let parts = zip(pools, posted).map { pool, micros in
      PoolPart(
        name: pool.name, records: pool.tally.records, exact: pool.tally.effective,
        posted: Money(micros: micros, currency: costs.currency), owners: pool.owners,
        notes: pool.conversionNotes)
    }
    return (parts, exact, total)
  }

  private static func check(_ input: AllocationInput) throws(AccountingError) {
    let costs = input.costs
    if let (currency, tally) = costs.foreign.min(by: { $0.key < $1.key }) {
      throw .unusableCosts(
        reason: "\(tally.records) records are in \(currency), the policy allocates "
          + "\(costs.currency), and no rate for them is known")
    }
    guard costs.pools.map(\.name) == input.policy.pools.map(\.name) + [PooledCosts.unmatched],
      costs.currency == input.policy.currency
    else { throw .unusableCosts(reason: "they were pooled under another policy") }
  }
}

/// A pool, or a part of one, that is to be split.
struct PoolPart {
  var name: String
  var records: Int
  var exact: Amount
  var posted: Money
  var owners: [Owner: Amount] = [:]
  var notes: [String] = []
}

extension PooledCosts.Pool {
  /// Rates listed one by one; more of a currency are told in one line.
  private static let ratesListed = 3

  /// What was converted, at which rates, in words.
  var conversionNotes: [String] {
    let byCurrency = Dictionary(grouping: conversions, by: \.rate.from)
    return byCurrency.keys.sorted().flatMap { currency in
      let sums = byCurrency[currency] ?? []
      guard sums.count > Self.ratesListed, let low = sums.map(\.rate.rate).min(),
        let high = sums.map(\.rate.rate).max()
      else { return sums.map(\.text) }
      let dates = sums.compactMap(\.rate.date).sorted()
      let sources = Set(sums.map(\.rate.source)).sorted(by: KeyOrder.precedes)
      let total = Amount(units: sums.reduce(Int128(0)) { $0 &+ $1.effective.units })
      return [
        "\(total) \(currency) converted at \(sums.count) rates from \(low) to \(high) "
          + "(\(sources.prefix(3).joined(separator: ", ")), "
          + "\(dates.first ?? "of the rows") to \(dates.last ?? "of the rows"))"
      ]
    }
  }
}

extension ConvertedSum {
  /// The sum and its rate in words.
  var text: String {
    let date = rate.date.map { " of \($0)" } ?? ""
    return "\(effective) \(rate.from) converted at \(rate.rate) \(rate.to) "
      + "(\(rate.kind.rawValue), \(rate.source)\(date))"
  }
}
