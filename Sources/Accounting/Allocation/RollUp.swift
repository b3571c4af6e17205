/// Moves what tenants with a parent bear to the parent, where each stays a line of its own.
///
/// What holds at the last moment of the period holds for all of it, names included. The sum of every pool stays the
/// same, and nobody bears anything twice: a child whose cost moved bears nothing itself.
struct RollUp {
  private let input: AllocationInput
  private let families: TenantFamilies

  init(_ input: AllocationInput) {
    self.input = input
    families = input.history.families(at: input.lastMoment)
  }

  /// The pools with parents in the place of their children.
  func applied(to pools: [PoolAllocation]) throws(AccountingError) -> [PoolAllocation] {
    guard input.history.relations.contains(where: { $0.kind == .parent }) else { return pools }
    var moved: [PoolAllocation] = []
    for pool in pools {
      moved.append(
        PoolAllocation(
          pool: pool.pool, method: pool.method, records: pool.records, exact: pool.exact,
          posted: pool.posted, drivers: pool.drivers, notes: pool.notes,
          shares: try gathered(pool.shares)))
    }
    return moved
  }

  private func gathered(_ shares: [PoolShare]) throws(AccountingError) -> [PoolShare] {
    var byOwner: [Owner: [(share: PoolShare, member: String?)]] = [:]
    for share in shares {
      guard case .tenant(let tenant) = share.owner else {
        byOwner[share.owner, default: []].append((share, nil))
        continue
      }
      let bearer = families.bearer(of: tenant)
      byOwner[.tenant(bearer), default: []].append((share, bearer == tenant ? nil : tenant))
    }
    var gathered: [PoolShare] = []
    let sorted = byOwner.map { (key: $0.key.key, owner: $0.key, parts: $0.value) }
      .sorted { KeyOrder.precedes($0.key, $1.key) }
    for (_, owner, parts) in sorted {
      if parts.count == 1, parts[0].member == nil {
        gathered.append(parts[0].share)
      } else {
        gathered.append(try Self.sum(parts, owner: owner))
      }
    }
    return gathered
  }

  private static func sum(
    _ parts: [(share: PoolShare, member: String?)], owner: Owner
  ) throws(AccountingError) -> PoolShare {
    let parts = parts.sorted { KeyOrder.precedes($0.member ?? "", $1.member ?? "") }
    var amount = parts[0].share.amount
    var share = try Amount(parsing: parts[0].share.share)
    var exact = parts[0].share.exact
    var values = parts[0].share.values
    for (next, _) in parts.dropFirst() {
      amount = try amount.adding(next.amount)
      share = try share.adding(try Amount(parsing: next.share))
      exact = try exact?.adding(next.exact ?? .zero)
      for index in values.indices {
        values[index] = try Amount(parsing: values[index])
          .adding(try Amount(parsing: next.values[index])).description
      }
    }
    return PoolShare(
      owner: owner, amount: amount, share: Self.twelveDigits(share), exact: exact, values: values,
      routes: parts.flatMap { lines(of: $0.share, member: $0.member) })
  }

  private static func lines(of share: PoolShare, member: String?) -> [RouteShare] {
    guard !share.routes.isEmpty else {
      return [
        RouteShare(
          route: nil, member: member, micros: share.amount.micros, share: share.share,
          values: share.values)
      ]
    }
    return share.routes.map {
      RouteShare(
        route: $0.route, member: member, micros: $0.micros, share: $0.share, values: $0.values)
    }
  }

  /// Shares have twelve digits, so their sum has no more.
  private static func twelveDigits(_ share: Amount) -> String {
    DecimalText.fixed(share.units / 1_000_000, digits: Fraction.shareDigits)
  }
}
