internal import Accounting
internal import Digest
internal import Store

/// Loads everything that a period's statements depend on.
///
/// The mark is taken first: whatever changes while the rest is read is noticed at commit.
struct LoadPeriod: Sendable {
  /// What it works on.
  let world: AllocatorWorld

  /// Which usage and which policy a computation stands on.
  enum Basis: Sendable {
    /// For a close: what counts, under the current policy.
    case counted
    /// What counts, under a policy that is only tried.
    case trial(Policy)
    /// For a closed period as it would be now: late usage too, under a policy of the past, or the
    /// current one when nil.
    case withLate(policy: Digest256?)
  }

  /// The period as it is now.
  func run(
    _ period: Period, at now: UTCInstant, basis: Basis = .counted
  ) async throws -> LoadedPeriod {
    let store = world.store
    let mark = try await store.periods.mark(of: period)
    let (policy, faults) = try await self.policy(basis)
    let history = try await store.history.current()
    var usage = try await store.usage.figures(of: period, history: history)
    var late = try await store.usage.lateFigures(of: period, history: history)
    if case .withLate = basis {
      usage = try usage.merging(late)
      late = UsageFigures()
    }
    // Provisional amounts are nothing to compare with.
    let before = try await store.periods.record(of: period.previous)
    let previous =
      before.close == nil ? [:] : try await store.statements.amounts(of: period.previous)
    return LoadedPeriod(
      mark: mark, record: try await store.periods.record(of: period), now: now, policy: policy,
      policyFaults: faults, snapshots: try await store.costs.current(of: period),
      costs: try await pooled(period, policy, history),
      series: try await store.series.current(of: period),
      skuMap: try await store.costs.skuMap()?.digest, history: history,
      quarantinedRows: try await store.costs.quarantinedRows(of: period), usage: usage,
      declaredUnits: try await store.usage.declaredUnits(of: period),
      listenerTotals: try await store.usage.listenerTotals(of: period),
      lateTotals: Self.totals(late), tenants: try await store.tenants.list(),
      coverage: try await coverage(period, now),
      conflicts: try await store.usage.conflicts(of: period),
      previous: previous, openBills: try await openBills(period))
  }

  /// What providers say may still change.
  private func openBills(_ period: Period) async throws -> [String] {
    let costs = world.store.costs
    let notices = try await costs.billingPeriods(of: period).filter { !$0.notice.isClosed }
    let invoices = try await costs.invoiceControls(of: period).filter(\.isOpen)
    return notices.map { "\($0.notice.issuer) has not closed the bill of \(period) (\($0.source))" }
      + invoices.map { "invoice \($0.invoice) of \($0.issuer) is not issued yet (\($0.source))" }
  }

  /// Sums over all tenants and routes, by quantity name.
  static func totals(_ usage: UsageFigures) -> [String: UInt128] {
    usage.totals
  }

  private func policy(_ basis: Basis) async throws -> (Policy?, [PolicyFault]) {
    let stored: StoredPolicy?
    switch basis {
    case .trial(let policy): return (policy, [])
    case .counted, .withLate(nil): stored = try await world.store.policies.current()
    case .withLate(let digest?): stored = try await world.store.policies.version(digest)
    }
    guard let stored else { return (nil, []) }
    do {
      return (try PolicyDocument.policy(stored.source), [])
    } catch let error as PolicyFaults {
      // A document that an older version took and this one refuses.
      return (nil, error.faults)
    }
  }

  private func pooled(
    _ period: Period, _ policy: Policy?, _ history: TenantHistory
  ) async throws -> PooledCosts? {
    guard let policy else { return nil }
    return try await PoolCosts(world: world).run(
      period, under: policy, .current, history: history)
  }

  /// Which sides of provider splits count.
  func splits(of period: Period) async throws -> SplitDecision {
    try await PoolCosts(world: world).splits(period, .current)
  }

  /// Coverage of a period as statements show it.
  func coverage(_ period: Period, _ now: UTCInstant) async throws -> Coverage {
    let proxies = world.configuration.proxies
    let window = CoverageWindow(
      from: period.start, to: period.end, now: now,
      toleranceMicroseconds: Int64(proxies.silenceSeconds) * 1_000_000)
    let found = try await world.store.coverage.coverage(of: window, expected: proxies.expected)
    return Coverage(
      found.map { proxy in
        ProxyCoverage(
          instance: proxy.instance, batches: proxy.batches, from: proxy.from, to: proxy.to,
          holes: proxy.holes.map { .init(from: $0.from, to: $0.to, reason: $0.reason) })
      })
  }
}
