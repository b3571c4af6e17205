internal import Accounting
internal import Store

/// Sorts the records of a period into the pools of a policy.
///
/// Three walks over the records: both sides of provider splits first, then the pools. Memory grows with
/// pools, owners and split groups, not with records.
struct PoolCosts: Sendable {
  /// What it works on.
  let world: AllocatorWorld

  /// The pools of what a period counts now, or of what its close counted.
  func run(
    _ period: Period, under policy: Policy, _ selection: CostSelection, history: TenantHistory
  ) async throws -> PooledCosts {
    let rates = try await world.store.rates.book(for: period, to: policy.currency)
    let empty = CostPooling(
      policy: policy, period: period, splits: try await splits(period, selection), rates: rates,
      history: history, skus: try await skuMap())
    return try await world.store.costs.scan(period, selection, into: empty) { pooling, record in
      try pooling.add(record)
    }.finish()
  }

  /// Which sides of provider splits count.
  func splits(_ period: Period, _ selection: CostSelection) async throws -> SplitDecision {
    let costs = world.store.costs
    let allocated = try await costs.scan(period, selection, into: SplitResolver()) {
      resolver, record in try resolver.noteAllocated(record)
    }
    return try await costs.scan(period, selection, into: allocated) { resolver, record in
      try resolver.matchOrigin(record)
    }.decide()
  }

  /// The SKU map that counts, or nil.
  func skuMap() async throws -> SKUMap? {
    guard let stored = try await world.store.costs.skuMap() else { return nil }
    return try SKUMap.decode(stored.source)
  }

  /// What came late for a closed period, pool by pool under the policy of its close; nil for a period
  /// that is not closed.
  func late(_ period: Period) async throws -> LatePools? {
    let record = try await world.store.periods.record(of: period)
    guard record.state == .closed, let close = record.close,
      let stored = try await world.store.policies.version(close.policy)
    else { return nil }
    let policy = try PolicyDocument.policy(stored.source)
    let sources = try await world.store.costs.late(of: period)
    if sources.isEmpty { return LatePools(sources: [], pools: [], currency: policy.currency) }
    let history = try await world.store.history.current()
    let closed = try await run(period, under: policy, .closed, history: history)
    let current = try await run(period, under: policy, .current, history: history)
    var pools: [LatePools.Pool] = []
    for (before, after) in zip(closed.pools, current.pools) where before.tally != after.tally {
      pools.append(
        .init(name: before.name, closed: before.tally, current: after.tally))
    }
    return LatePools(sources: sources, pools: pools, currency: policy.currency)
  }
}

/// What came late for a closed period.
struct LatePools: Sendable {
  /// One pool whose cost is no longer what the close counted.
  struct Pool: Sendable {
    /// The pool.
    var name: String
    /// What the close counted.
    var closed: PooledCosts.Tally
    /// What it would count now.
    var current: PooledCosts.Tally
  }

  /// Sources that differ.
  var sources: [LateCosts]
  /// Pools that differ, in the order of the policy.
  var pools: [Pool]
  /// The currency of the pools.
  var currency: Currency
}
