/// Sorts the records of a period into the pools of a policy, one record at a time.
///
/// Every record lands in exactly one place: the first pool whose filter takes it, `~unmatched`, the
/// records set aside as the other side of a split, the records in another currency, or the count of
/// records of other periods. Memory grows with pools and owners, not with records.
public struct CostPooling: Sendable {
  private let policy: Policy
  private let splits: SplitDecision
  private var costs: PooledCosts

  /// Pooling for one period under one policy.
  public init(policy: Policy, period: Period, splits: SplitDecision = .none) {
    self.policy = policy
    self.splits = splits
    var names = policy.pools.map(\.name)
    names.append(PooledCosts.unmatched)
    costs = PooledCosts(
      period: period, currency: policy.currency, pools: names.map { PooledCosts.Pool(name: $0) })
    costs.unsettledSplits = splits.unsettled
  }

  /// Puts one record where it belongs. Throws `overflow` when a sum leaves its range.
  public mutating func add(_ record: CostRecord) throws(AccountingError) {
    guard record.period == costs.period else {
      costs.outsidePeriod += 1
      return
    }
    guard splits.counts(record) else {
      try costs.setAside.add(record)
      return
    }
    guard record.currency == costs.currency else {
      try costs.foreign[record.currency, default: .init()].add(record)
      return
    }
    try costs.inScope.add(record)
    let category = record[.chargeCategory] ?? ""
    try costs.categories[category, default: .init()].add(record)
    try costs.invoices[record[.invoice] ?? "", default: .init()].add(record)
    let index = policy.pools.firstIndex { $0.filter.takes(record) } ?? policy.pools.count
    try costs.pools[index].tally.add(record)
    guard index < policy.pools.count, case .direct(let rule) = policy.pools[index].method else {
      return
    }
    let owner = rule.owner(of: record)
    let sum = costs.pools[index].owners[owner] ?? .zero
    costs.pools[index].owners[owner] = try sum.adding(record.effectiveCost)
  }

  /// The pools as they are now.
  public func finish() -> PooledCosts { costs }

  /// Pools records that are all in memory, with both passes over split rows.
  public static func pool(
    _ records: [CostRecord], policy: Policy, period: Period
  ) throws(AccountingError) -> PooledCosts {
    var resolver = SplitResolver()
    for record in records where record.period == period { try resolver.noteAllocated(record) }
    for record in records where record.period == period { try resolver.matchOrigin(record) }
    var pooling = CostPooling(policy: policy, period: period, splits: resolver.decide())
    for record in records { try pooling.add(record) }
    return pooling.finish()
  }
}
