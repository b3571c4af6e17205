/// A pool of credits or taxes, split like the rows that it belongs to.
///
/// Rows with the same texts are a group. The group's part of the pool goes to the owners of the
/// followed rows: of a direct pool to whom each row names, of any other pool to whom that pool was
/// given, in proportion to what the rows cost:
///
///     w_o  =  sum over direct pools of  E_o    +    sum over other pools of  E * m_o / M
///
/// with E the rows' effective cost and m_o of M the pool's posted micro-units. Rows and shares whose
/// sum has another sign than the whole they belong to count as nothing; a group without weights has
/// no owner, reason `no-target`.
/// The groups' exact costs are rounded to the pool's micro-units first, then each group is split, so
/// nothing is lost and no order matters.
extension PoolSplit {
  /// The pool, split like the rows it follows.
  func following(_ part: PoolPart) throws(AccountingError) -> PoolAllocation {
    let following = input.costs.followings[part.name] ?? PooledCosts.Following()
    let groups = following.own.keys.map { texts in
      (key: texts.joined(separator: "\u{0}"), texts: texts)
    }.sorted { KeyOrder.precedes($0.key, $1.key) }
    let micros = try Apportionment.round(
      groups.map { (key: $0.key, exact: (following.own[$0.texts] ?? .zero).units) },
      unit: Amount.unitsPerMicro, to: part.posted.micros)
    var sums: [Owner: Int128] = [:]
    var lost = 0
    for (group, amount) in zip(groups, micros) {
      let weights = weights(of: group.texts, following)
      guard !weights.isEmpty else {
        lost += 1
        sums[.unallocated(.noTarget), default: 0] += Int128(amount)
        continue
      }
      let label = group.texts.filter { !$0.isEmpty }.joined(separator: " / ")
      let parts = try split(
        part, amount, keys: weights.map(\.owner.key), weights: weights.map(\.weight),
        what: "with the rows of \(label)")
      for (row, amount) in zip(weights, parts) { sums[row.owner, default: 0] += Int128(amount) }
    }
    let note = "\(lost) of \(groups.count) groups of rows have no rows to follow: unallocated"
    return allocation(
      part, method: "follow", notes: lost > 0 ? [note] : [],
      shares: try shares(sums, of: part))
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

  /// The weights of one group, ordered by account; none is nought.
  private func weights(
    of texts: [String], _ following: PooledCosts.Following
  ) -> [(owner: Owner, weight: BigUInt)] {
    guard !texts.isEmpty else { return [] }
    let rows = following.rows.compactMapValues { $0[texts] }
    let sum = rows.values.flatMap(\.values).reduce(Int128(0)) { $0 &+ $1.units }
    func counts(_ amount: Amount) -> Bool {
      amount != .zero && sum != 0 && (amount < .zero) == (sum < 0)
    }
    var parts: [(rows: BigUInt, owners: [Owner: BigUInt], whole: BigUInt)] = []
    for (name, rows) in rows.sorted(by: { KeyOrder.precedes($0.key, $1.key) }) {
      let isDirect =
        input.policy.pools.first { $0.name == name }
        .map { if case .direct = $0.method { true } else { false } } ?? false
      if isDirect {
        let owners = rows.filter { counts($0.value) }
          .mapValues { BigUInt($0.units.magnitude) }
        parts.append((rows: .one, owners: owners, whole: .one))
      } else if let cost = rows[.kept], counts(cost) {
        let given = given(by: name)
        let whole = given.values.reduce(BigUInt.zero, +)
        if !whole.isZero { parts.append((BigUInt(cost.units.magnitude), given, whole)) }
      }
    }
    // Over the common denominator, the product of all wholes.
    var weights: [Owner: BigUInt] = [:]
    for index in parts.indices {
      let factor = parts.indices.reduce(parts[index].rows) {
        $1 == index ? $0 : $0 * parts[$1].whole
      }
      for (owner, weight) in parts[index].owners {
        weights[owner] = (weights[owner] ?? .zero) + factor * weight
      }
    }
    return weights.filter { !$0.value.isZero }
      .map { (owner: $0.key, weight: $0.value) }
      .sorted { KeyOrder.precedes($0.owner.key, $1.owner.key) }
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
