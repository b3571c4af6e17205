/// A pool of credits or taxes, split like the rows that it belongs to.
///
/// Rows with the same texts are a group. In three steps, none of which loses a unit or depends on an
/// order:
///
/// 1. The groups' exact costs are rounded to the pool's micro-units.
/// 2. Each group is split over what its followed rows cost: over the owners that rows of direct pools
///    name, and over the other pools as a whole.
/// 3. What each of those pools took is split over those to whom the pool itself was given.
///
/// Rows and shares whose sum has another sign than the whole they belong to count as nothing; a group
/// without weights has no owner, reason `no-target`.
extension PoolSplit {
  /// Where a part of a group goes.
  private enum Target: Hashable {
    case owner(Owner)
    case pool(String)

    /// What ties are broken by.
    var key: String {
      switch self {
      case .owner(let owner): owner.key
      case .pool(let name): Account.cost(pool: name).text
      }
    }
  }

  /// The pool, split like the rows it follows.
  func following(_ part: PoolPart) throws(AccountingError) -> PoolAllocation {
    let following = input.costs.followings[part.name] ?? PooledCosts.Following()
    let groups = following.own.keys.map { texts in
      (key: texts.joined(separator: "\u{0}"), texts: texts)
    }.sorted { KeyOrder.precedes($0.key, $1.key) }
    let micros = try Apportionment.round(
      groups.map { (key: $0.key, exact: (following.own[$0.texts] ?? .zero).units) },
      unit: Amount.unitsPerMicro, to: part.posted.micros)
    let given = following.rows.keys.reduce(into: [:]) { $0[$1] = self.given(by: $1) }
    var sums: [Owner: Int128] = [:]
    var taken: [String: Int128] = [:]
    var lost = 0
    for (group, amount) in zip(groups, micros) {
      let weights = weights(of: group.texts, following, given)
      guard !weights.isEmpty else {
        lost += 1
        sums[.unallocated(.noTarget), default: 0] += Int128(amount)
        continue
      }
      let label = group.texts.filter { !$0.isEmpty }.joined(separator: " / ")
      let parts = try split(
        part, amount, keys: weights.map(\.target.key), weights: weights.map(\.weight),
        what: "with the rows of \(label)")
      for (row, amount) in zip(weights, parts) {
        switch row.target {
        case .owner(let owner): sums[owner, default: 0] += Int128(amount)
        case .pool(let name): taken[name, default: 0] += Int128(amount)
        }
      }
    }
    for (name, amount) in taken.sorted(by: { KeyOrder.precedes($0.key, $1.key) }) {
      try hand(amount, on: name, given[name] ?? [:], part, to: &sums)
    }
    let note = "\(lost) of \(groups.count) groups of rows have no rows to follow: unallocated"
    return allocation(
      part, method: "follow", notes: lost > 0 ? [note] : [],
      shares: try shares(sums, of: part))
  }

  /// Splits what the rows of a pool took over those to whom the pool was given.
  private func hand(
    _ amount: Int128, on name: String, _ given: [Owner: BigUInt], _ part: PoolPart,
    to sums: inout [Owner: Int128]
  ) throws(AccountingError) {
    guard let micros = Int64(exactly: amount) else {
      throw .overflow(operation: "what pool \(part.name) adds to pool \(name)")
    }
    let owners = given.keys.sorted { KeyOrder.precedes($0.key, $1.key) }
    let parts = try split(
      part, micros, keys: owners.map(\.key), weights: owners.map { given[$0] ?? .zero },
      what: "with the rows of pool \(name), as that was given")
    for (owner, micros) in zip(owners, parts) { sums[owner, default: 0] += Int128(micros) }
  }

  private func shares(
    _ sums: [Owner: Int128], of part: PoolPart
  ) throws(AccountingError) -> [PoolShare] {
    let whole = part.posted.micros
    var shares: [PoolShare] = []
    for (owner, sum) in sums.sorted(by: { KeyOrder.precedes($0.key.key, $1.key.key) }) {
      guard let micros = Int64(exactly: sum) else {
        throw .overflow(operation: "what \(owner.account) bears of pool \(part.name)")
      }
      let share =
        whole == 0
        ? "0.000000000000"
        : Fraction(numerator: BigUInt(sum.magnitude), denominator: BigUInt(whole.magnitude))
          .text(digits: Fraction.shareDigits, isNegative: (sum < 0) != (whole < 0))
      shares.append(
        PoolShare(
          owner: owner, amount: Money(micros: micros, currency: part.posted.currency),
          share: share, exact: nil, values: [], routes: []))
    }
    return shares
  }

  /// The weights of one group, ordered by key; none is nought.
  private func weights(
    of texts: [String], _ following: PooledCosts.Following, _ given: [String: [Owner: BigUInt]]
  ) -> [(target: Target, weight: BigUInt)] {
    guard !texts.isEmpty else { return [] }
    let rows = following.rows.compactMapValues { $0[texts] }
    let sum = rows.values.flatMap(\.values).reduce(Int128(0)) { $0 &+ $1.units }
    var weights: [Target: BigUInt] = [:]
    for (name, owners) in rows {
      for (owner, amount) in owners {
        guard amount != .zero, sum != 0, (amount < .zero) == (sum < 0) else { continue }
        let target: Target = isDirect(name) ? .owner(owner) : .pool(name)
        if case .pool = target, given[name]?.isEmpty ?? true { continue }
        weights[target] = (weights[target] ?? .zero) + BigUInt(amount.units.magnitude)
      }
    }
    return weights.map { (target: $0.key, weight: $0.value) }
      .sorted { KeyOrder.precedes($0.target.key, $1.target.key) }
  }

  private func isDirect(_ name: String) -> Bool {
    guard let pool = input.policy.pools.first(where: { $0.name == name }) else { return false }
    if case .direct = pool.method { return true }
    return false
  }

  /// What a pool gave each owner, as magnitudes of the shares that have its own sign.
  private func given(by name: String) -> [Owner: BigUInt] {
    var sums: [Owner: Int128] = [:]
    var posted: Int128 = 0
    for allocation in earlier[name] ?? [] {
      posted += Int128(allocation.posted.micros)
      for share in allocation.shares {
        sums[share.owner, default: 0] += Int128(share.amount.micros)
      }
    }
    return sums.filter { $0.value != 0 && ($0.value < 0) == (posted < 0) }
      .mapValues { BigUInt($0.magnitude) }
  }
}
