/// The split of one pool over its owners, by whatever its method is.
struct PoolSplit {
  /// The pool's rule; `nil` for the pools that every policy has.
  let rule: PolicyPool?
  /// What the allocation depends on.
  let input: AllocationInput
  /// The pools that are allocated already, by name.
  let earlier: [String: [PoolAllocation]]
  /// Who takes notes for an auditor.
  let tracer: Tracer?

  /// The pool, split: one allocation, and further ones for what of it was idle.
  func allocations(of part: PoolPart) throws(AccountingError) -> [PoolAllocation] {
    guard let rule else {
      return part.name == Allocation.fx
        ? [whole(part, method: "fx", owner: .fx, notes: [])]
        : [whole(part, method: "unmatched", owner: .unallocated(.unmatched), notes: [])]
    }
    guard let idle = rule.idle else { return [try allocation(of: part, rule)] }
    let parts = try idleParts(of: part, idle)
    var allocations = [try allocation(of: parts.used, rule)]
    for idlePart in parts.idle {
      allocations.append(try idleAllocation(of: idlePart.part, idlePart.treatment, rule))
    }
    return allocations
  }

  private func allocation(
    of part: PoolPart, _ rule: PolicyPool
  ) throws(AccountingError) -> PoolAllocation {
    switch rule.method {
    case .keep: whole(part, method: rule.method.name, owner: .kept, notes: [])
    case .direct: try direct(part)
    case .fixed(let fixed): try stated(part, fixed)
    case .follow: try following(part)
    case .proportional, .even, .tiered, .overhead:
      try shared(part, try weights(of: rule), method: rule.method.name, minimum: rule.minimum)
    }
  }

  /// The weights of a method that has weights.
  func weights(of rule: PolicyPool) throws(AccountingError) -> TenantWeights {
    switch rule.method {
    case .proportional(let method): return try weights(method)
    case .even(let method): return weights(method)
    case .tiered(let method): return weights(method)
    case .overhead(let method): return try weights(method, of: rule.name)
    case .keep, .direct, .fixed, .follow:
      preconditionFailure("the method \(rule.method.name) has no weights")
    }
  }

  /// A pool that goes to one owner in full.
  func whole(
    _ part: PoolPart, method: String, owner: Owner, notes: [String]
  ) -> PoolAllocation {
    tracer?.note(part, "all of it goes to \(owner.account)", to: owner, part.posted.micros)
    return allocation(
      part, method: method, notes: notes,
      shares: [
        PoolShare(
          owner: owner, amount: part.posted, share: "1.000000000000", exact: nil, values: [],
          routes: [])
      ])
  }

  /// The allocation of a part with these shares.
  func allocation(
    _ part: PoolPart, method: String, drivers: [DriverFigure] = [], notes: [String],
    shares: [PoolShare]
  ) -> PoolAllocation {
    PoolAllocation(
      pool: part.name, method: method, records: part.records, exact: part.exact,
      posted: part.posted, drivers: drivers, notes: part.notes + notes, shares: shares)
  }

  /// A pool whose records name their owners.
  private func direct(_ part: PoolPart) throws(AccountingError) -> PoolAllocation {
    let owners = part.owners.keys.sorted { KeyOrder.precedes($0.key, $1.key) }
    let parts = owners.map { (key: $0.key, exact: (part.owners[$0] ?? .zero).units) }
    let micros = try Apportionment.round(
      parts, unit: Amount.unitsPerMicro, to: part.posted.micros)
    let whole = part.exact.units
    let shares = zip(owners, zip(parts, micros)).map { owner, sums in
      let (own, micros) = sums
      tracer?.note(
        part,
        "the records that name it cost \(Amount(units: own.exact)) exactly; rounded with the "
          + "others to the pool's \(part.posted.text)", to: owner, micros)
      let share =
        whole == 0
        ? "0.000000000000"
        : Fraction(
          numerator: BigUInt(own.exact.magnitude), denominator: BigUInt(whole.magnitude)
        ).text(digits: Fraction.shareDigits, isNegative: (own.exact < 0) != (whole < 0))
      return PoolShare(
        owner: owner, amount: Money(micros: micros, currency: part.posted.currency),
        share: share, exact: Amount(units: own.exact), values: [], routes: [])
    }
    return allocation(part, method: "direct", notes: [], shares: shares)
  }

  /// A whole number over weights, noted for an auditor.
  func split(
    _ part: PoolPart, _ total: Int64, keys: [String], weights: [BigUInt], what: String
  ) throws(AccountingError) -> [Int64] {
    let micros = try Apportionment.split(total: total, keys: keys, weights: weights)
    tracer?.note(part, what, total: total, keys: keys, weights: weights, parts: micros)
    return micros
  }
}
