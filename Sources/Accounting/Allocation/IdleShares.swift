/// What of a pool was used and what was idle.
///
///     idle  =  T * (capacity - used) / capacity
///
/// split by largest remainder, so that both parts sum to the pool. More use than capacity is refused:
/// the capacity is wrong, and a negative idle cost would hide that.
extension PoolSplit {
  /// The used part, and the idle parts with who bears each.
  func idleParts(
    of part: PoolPart, _ idle: IdleRule
  ) throws(AccountingError) -> (
    used: PoolPart, idle: [(part: PoolPart, treatment: IdleRule.Treatment)]
  ) {
    let measured = try DriverValues(idle.used, input) { _ in true }
    let capacity = try capacity(of: idle)
    let used = measured.total * .powerOfTen(Amount.fractionDigits - measured.scaleDigits)
    guard !capacity.isZero, used <= capacity else {
      throw .unusableCosts(
        reason: "pool \(part.name): \(measured.text(measured.total)) \(measured.unit) of "
          + "\(idle.used.name) were used, more than the capacity")
    }
    let unused = capacity.minus(used)
    let micros = try Apportionment.split(
      total: part.posted.micros, keys: ["idle", "used"], weights: [unused, used])
    let share = Fraction(numerator: unused, denominator: capacity)
      .text(digits: Fraction.shareDigits)
    tracer?.steps.append(
      TraceStep(
        pool: part.name, kind: .note,
        text: "\(measured.text(measured.total)) \(measured.unit) of \(idle.used.name) were used; "
          + "\(share) of the pool is idle: \(DecimalText.fixed(Int128(micros[0]), digits: 6))"))
    var usedPart = part
    usedPart.posted = Money(micros: micros[1], currency: part.posted.currency)
    var rest = micros[0]
    var idleParts: [(part: PoolPart, treatment: IdleRule.Treatment)] = []
    func add(_ name: String, _ micros: Int64, _ treatment: IdleRule.Treatment) {
      var idlePart = part
      idlePart.name = "\(part.name)~\(name)"
      idlePart.records = 0
      idlePart.owners = [:]
      idlePart.notes = ["idle: \(share) of the pool \(part.name)"]
      idlePart.exact = Amount(micros: micros)
      idlePart.posted = Money(micros: micros, currency: part.posted.currency)
      idleParts.append((idlePart, treatment))
    }
    if case .threshold(let percent) = idle.treatment {
      let spread = Self.part(of: part.posted.micros, percent: percent)
      let bounded = spread.magnitude < rest.magnitude ? spread : rest
      add("idle", bounded, .usage)
      rest -= bounded
      if rest != 0 { add("idle-kept", rest, .keep) }
    } else {
      add("idle", rest, idle.treatment)
    }
    // The pool's own sum stays exact: what the idle parts took is whole micro-units.
    usedPart.exact = try part.exact.subtracting(Amount(micros: micros[0]))
    return (usedPart, idleParts)
  }

  /// One idle part, given to whom the treatment says.
  func idleAllocation(
    of part: PoolPart, _ treatment: IdleRule.Treatment, _ rule: PolicyPool
  ) throws(AccountingError) -> PoolAllocation {
    switch treatment {
    case .keep: whole(part, method: "idle", owner: .kept, notes: [])
    case .usage, .threshold:
      try shared(part, try weights(of: rule), method: "idle", minimum: nil)
    case .even: try shared(part, weights(EvenRule(over: .active)), method: "idle", minimum: nil)
    case .drivers(let drivers):
      try shared(part, try weights(drivers), method: "idle", minimum: nil)
    }
  }

  private func capacity(of idle: IdleRule) throws(AccountingError) -> BigUInt {
    switch idle.capacity {
    case .amount(let amount): return BigUInt(amount.units.magnitude)
    case .external(let name):
      let series = try DriverValues.series(name, input)
      return series.values.values.reduce(BigUInt.zero) { $0 + BigUInt($1.units.magnitude) }
    }
  }

  /// So many percents of a total, toward zero.
  private static func part(of total: Int64, percent: Amount) -> Int64 {
    let product = BigUInt(total.magnitude) * BigUInt(percent.units.magnitude)
    let hundred = BigUInt((100 * Amount.unitsPerOne).magnitude)
    let quotient = product.quotientAndRemainder(dividingBy: hundred).quotient
    guard let magnitude = quotient.asUInt64 else {
      preconditionFailure("at most a hundred percent of a total fit where the total does")
    }
    return Int64(truncatingIfNeeded: total < 0 ? 0 &- magnitude : magnitude)
  }
}
