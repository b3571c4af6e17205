extension PoolSplit {
  /// A pool whose parts stand in the policy. Stated amounts are taken with the sign of the pool.
  func stated(_ part: PoolPart, _ rule: FixedRule) throws(AccountingError) -> PoolAllocation {
    switch rule.shares {
    case .percents(let percents): try byPercents(part, percents)
    case .amounts(let amounts): try byAmounts(part, amounts, rule.rest)
    }
  }

  private func byPercents(
    _ part: PoolPart, _ percents: [String: Amount]
  ) throws(AccountingError) -> PoolAllocation {
    let rows = percents.map { name, percent in
      (
        owner: name == FixedRule.platform ? Owner.kept : .tenant(name),
        weight: BigUInt(percent.units.magnitude)
      )
    }.sorted { KeyOrder.precedes($0.owner.key, $1.owner.key) }
    let total = rows.reduce(BigUInt.zero) { $0 + $1.weight }
    let micros = try split(
      part, part.posted.micros, keys: rows.map(\.owner.key), weights: rows.map(\.weight),
      what: "by stated percents, in 10^-18 of a percent")
    let shares = zip(rows, micros).map { row, micros in
      PoolShare(
        owner: row.owner, amount: Money(micros: micros, currency: part.posted.currency),
        share: Self.share(row.weight, of: total), exact: nil, values: [], routes: [])
    }
    return allocation(part, method: "fixed", notes: [], shares: shares)
  }

  private func byAmounts(
    _ part: PoolPart, _ amounts: [String: Int64], _ restRule: FixedRule.Rest
  ) throws(AccountingError) -> PoolAllocation {
    let sign: Int128 = part.posted.micros < 0 ? -1 : 1
    let stated = amounts.values.reduce(Int128(0)) { $0 + Int128($1) }
    let rest = Int128(part.posted.micros) - sign * stated
    let owner: Owner = restRule == .keep ? .kept : .unallocated(.fixedRest)
    var parts = amounts.map { (owner: Owner.tenant($0.key), micros: sign * Int128($0.value)) }
    if rest != 0 { parts.append((owner, rest)) }
    var shares: [PoolShare] = []
    for (owner, micros) in parts.sorted(by: { KeyOrder.precedes($0.owner.key, $1.owner.key) }) {
      guard let amount = Int64(exactly: micros) else {
        throw .overflow(operation: "the stated amounts of pool \(part.name)")
      }
      tracer?.note(part, "the policy states it", to: owner, amount)
      let whole = part.posted.micros
      let share =
        whole == 0
        ? "0.000000000000"
        : Fraction(numerator: BigUInt(micros.magnitude), denominator: BigUInt(whole.magnitude))
          .text(digits: Fraction.shareDigits, isNegative: (micros < 0) != (whole < 0))
      shares.append(
        PoolShare(
          owner: owner, amount: Money(micros: amount, currency: part.posted.currency),
          share: share, exact: nil, values: [], routes: []))
    }
    let excess = DecimalText.trimmed(
      magnitude: rest.magnitude, isNegative: false, digits: 6)
    let isMore = (rest < 0) != (sign < 0) && rest != 0
    let note =
      "the stated amounts are \(excess) more than the pool: \(owner.account) bears that "
      + "with the other sign"
    return allocation(part, method: "fixed", notes: isMore ? [note] : [], shares: shares)
  }
}
