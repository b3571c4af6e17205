/// A split in which every active tenant bears at least a minimum.
///
///     1.  F = nobody
///     2.  R = |T| - |F| * M,  W = sum of the weights of those outside of F
///     3.  whoever is active, outside of F, and has  R * w_i / W < M  joins F
///     4.  from 2 again until nobody joins
///
/// Those in F bear M each; R is split over the others by their weights. Everybody who falls short
/// joins at once, so the order of tenants plays no part. A credit is split by magnitude and negated.
/// When the minima are more than the pool, it is split evenly over active tenants.
extension PoolSplit {
  /// The pool, split by weights with a minimum.
  func raised(
    _ part: PoolPart, _ blend: BlendWeights, minimum: Int64, method: String, notes: [String]
  ) throws(AccountingError) -> PoolAllocation {
    let active = input.participants(.active, excluded: excluded)
    let magnitude = BigUInt(part.posted.micros.magnitude)
    let least = BigUInt(minimum.magnitude)
    let wanted = least * BigUInt(UInt64(active.count))
    guard wanted < magnitude else {
      let note =
        "the minimum of \(Amount(micros: minimum)) for \(active.count) active tenants is "
        + "not less than the pool: split evenly over active tenants"
      guard !active.isEmpty, part.posted.micros != 0 else {
        return try shared(part, .blend(blend, notes: notes), method: method, minimum: nil)
      }
      return try equally(part, active, method: method, notes: notes + [note])
    }
    let rows = Self.rows(of: blend, and: active)
    let floor = Self.floor(rows, active: Set(active), magnitude: magnitude, least: least)
    return try shares(part, blend, rows, floor, minimum: minimum, method: method, notes: notes)
  }

  /// Who bears the minimum, and what is left for the others.
  struct Floor {
    var tenants: Set<String> = []
    var rest: BigUInt
    var weight: BigUInt
  }

  private static func floor(
    _ rows: [Row], active: Set<String>, magnitude: BigUInt, least: BigUInt
  ) -> Floor {
    var floor = Floor(rest: magnitude, weight: rows.reduce(.zero) { $0 + $1.weight })
    // Bound: each round but the last takes in at least one tenant.
    while true {
      let short = rows.filter { row in
        active.contains(row.tenant) && !floor.tenants.contains(row.tenant)
          && floor.rest * row.weight < least * floor.weight
      }
      guard !short.isEmpty else { return floor }
      for row in short { floor.tenants.insert(row.tenant) }
      let given = least * BigUInt(UInt64(floor.tenants.count))
      floor.rest = magnitude.minus(given)
      floor.weight = rows.reduce(.zero) {
        floor.tenants.contains($1.tenant) ? $0 : $0 + $1.weight
      }
    }
  }

  private func shares(
    _ part: PoolPart, _ blend: BlendWeights, _ rows: [Row], _ floor: Floor, minimum: Int64,
    method: String, notes: [String]
  ) throws(AccountingError) -> PoolAllocation {
    let isCredit = part.posted.micros < 0
    guard let rest = floor.rest.asUInt64, rest <= UInt64(Int64.max) else {
      throw .overflow(operation: "the minimum of pool \(part.name)")
    }
    let total = isCredit ? -Int64(rest) : Int64(rest)
    let others = rows.filter { !floor.tenants.contains($0.tenant) }
    let micros = try split(
      part, total, keys: others.map(\.owner.key), weights: others.map(\.weight),
      what: "by \(blend.text), what \(floor.tenants.count) minima left")
    var amounts: [String: Int64] = [:]
    for (row, amount) in zip(others, micros) { amounts[row.tenant] = amount }
    let whole = BigUInt(part.posted.micros.magnitude)
    var shares: [PoolShare] = []
    for row in rows {
      let isRaised = floor.tenants.contains(row.tenant)
      let amount = isRaised ? (isCredit ? -minimum : minimum) : amounts[row.tenant] ?? 0
      if isRaised {
        tracer?.note(
          part, "it falls short of the minimum of \(Amount(micros: minimum))", to: row.owner, amount
        )
      }
      let text =
        isRaised
        ? Self.share(BigUInt(minimum.magnitude), of: whole)
        : Self.share(floor.rest * row.weight, of: floor.weight * whole)
      shares.append(try share(row, part, blend, amount, text: text))
    }
    tracer?.note(part, blend)
    let note = "\(floor.tenants.count) tenants bear the minimum of \(Amount(micros: minimum))"
    return allocation(
      part, method: method, drivers: blend.figures(posted: part.posted),
      notes: notes + (floor.tenants.isEmpty ? [] : [note]), shares: shares)
  }
}
