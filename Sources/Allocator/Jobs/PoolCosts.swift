internal import Accounting
internal import Store

/// Sorts the records of a period into the pools of a policy.
///
/// One walk over the records where no provider split any; else two more, as both sides of the splits have to be
/// known before the pools can be filled. Memory grows with pools, owners and split groups, not with records.
struct PoolCosts: Sendable {
  /// What it works on.
  let world: AllocatorWorld

  /// The pools of what a period counts now, or of what its close counted.
  func run(
    _ period: Period, under policy: Policy, _ selection: CostSelection, history: TenantHistory
  ) async throws -> PooledCosts {
    let rates = try await world.store.rates.book(for: period, to: policy.currency)
    let skus = try await skuMap()
    let controls = selection == .current ? try await controls(period) : []
    func pooling(_ splits: SplitDecision) -> CostPooling {
      CostPooling(
        policy: policy, period: period, splits: splits, rates: rates, history: history, skus: skus,
        controls: controls)
    }
    let first = FirstWalk(pooling(.none))
    let costs = world.store.costs
    let walked = try await costs.scan(
      period, selection, into: first, begin: { $0.begin($1) }, { try $0.add($1) })
    if walked.splits.isEmpty { return try walked.finish() }
    let splits = try await matched(walked.splits, period, selection)
    return try await costs.scan(
      period, selection, into: pooling(splits), begin: { $0.begin(source: $1) },
      { try $0.add($1) }
    ).finish()
  }

  /// The pools as they are when no record is a split one, and the split ones when there are any: then the
  /// pools are not what they should be, and are no longer filled.
  private struct FirstWalk: Sendable {
    private(set) var splits = SplitResolver()
    private var pooling: CostPooling
    /// What would not go into a pool; it matters only when nothing is set aside.
    private var failure: AccountingError?

    init(_ pooling: CostPooling) { self.pooling = pooling }

    mutating func begin(_ source: String) { pooling.begin(source: source) }

    mutating func add(_ record: CostRecord) throws(AccountingError) {
      try splits.noteAllocated(record)
      guard splits.isEmpty, failure == nil else { return }
      do {
        try pooling.add(record)
      } catch {
        failure = error
      }
    }

    func finish() throws(AccountingError) -> PooledCosts {
      if let failure { throw failure }
      return try pooling.finish()
    }
  }

  /// Which sides of provider splits count.
  func splits(_ period: Period, _ selection: CostSelection) async throws -> SplitDecision {
    let noted = try await scan(period, selection, into: SplitResolver()) { resolver, record in
      try resolver.noteAllocated(record)
    }
    return noted.isEmpty ? .none : try await matched(noted, period, selection)
  }

  private func matched(
    _ noted: SplitResolver, _ period: Period, _ selection: CostSelection
  ) async throws -> SplitDecision {
    try await scan(period, selection, into: noted) { resolver, record in
      try resolver.matchOrigin(record)
    }.decide()
  }

  private func scan<State: Sendable>(
    _ period: Period, _ selection: CostSelection, into state: State,
    _ step: @escaping @Sendable (inout State, CostRecord) throws -> Void
  ) async throws -> State {
    try await world.store.costs.scan(period, selection, into: state, step)
  }

  /// What issuers state of the invoices of a period.
  private func controls(_ period: Period) async throws -> [InvoiceTotal] {
    try await world.store.costs.invoiceControls(of: period).map { control in
      InvoiceTotal(
        source: control.source, invoice: control.invoice, currency: control.currency,
        lines: control.linesCounted, linesRounded: control.linesRounded, billed: control.billed)
    }
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
