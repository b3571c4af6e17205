extension PoolSplit {
  /// A pool split by weights, with a minimum for each active tenant when there is one.
  func shared(
    _ part: PoolPart, _ weights: TenantWeights, method: String, minimum: Int64?
  ) throws(AccountingError) -> PoolAllocation {
    switch weights {
    case .nobody(let note):
      return whole(part, method: method, owner: .unallocated(.noDriver), notes: [note])
    case .equal(let tenants, let notes):
      return try equally(part, tenants, method: method, notes: notes)
    case .blend(let blend, let notes):
      guard let minimum else { return try blended(part, blend, method: method, notes: notes) }
      return try raised(part, blend, minimum: minimum, method: method, notes: notes)
    }
  }

  /// Equal parts.
  func equally(
    _ part: PoolPart, _ tenants: [String], method: String, notes: [String]
  ) throws(AccountingError) -> PoolAllocation {
    let owners = tenants.map { Owner.tenant($0) }
    let micros = try split(
      part, part.posted.micros, keys: owners.map(\.key), weights: owners.map { _ in .one },
      what: "in equal parts over \(owners.count) tenants")
    let share = Self.share(.one, of: BigUInt(UInt64(owners.count)))
    let shares = zip(owners, micros).map { owner, micros in
      PoolShare(
        owner: owner, amount: Money(micros: micros, currency: part.posted.currency),
        share: share, exact: nil, values: [], routes: [])
    }
    return allocation(part, method: method, notes: notes, shares: shares)
  }

  private func blended(
    _ part: PoolPart, _ blend: BlendWeights, method: String, notes: [String]
  ) throws(AccountingError) -> PoolAllocation {
    let rows = Self.rows(of: blend)
    let micros = try split(
      part, part.posted.micros, keys: rows.map(\.owner.key), weights: rows.map(\.weight),
      what: "by " + blend.text)
    var shares: [PoolShare] = []
    shares.reserveCapacity(rows.count)
    for (row, amount) in zip(rows, micros) {
      shares.append(
        try share(
          row, part, blend, amount, text: Self.share(row.weight, of: blend.total)))
    }
    tracer?.note(part, blend)
    return allocation(
      part, method: method, drivers: blend.figures(posted: part.posted), notes: notes,
      shares: shares)
  }

  /// One owner of a blend with its weight.
  struct Row {
    let tenant: String
    let owner: Owner
    let weight: BigUInt
  }

  /// The owners of a blend, ordered by account; those of `more` without a weight are among them.
  static func rows(of blend: BlendWeights, and more: [String] = []) -> [Row] {
    let idle = more.filter { blend.byTenant[$0] == nil }
    let rows =
      blend.byTenant.map { Row(tenant: $0.key, owner: owner($0.key), weight: $0.value) }
      + idle.map { Row(tenant: $0, owner: owner($0), weight: .zero) }
    // Accounts as text are made once: sorting would make them again and again.
    return rows.map { (row: $0, key: $0.owner.key) }
      .sorted { KeyOrder.precedes($0.key, $1.key) }.map(\.row)
  }

  /// An owner's share with its routes.
  func share(
    _ row: Row, _ part: PoolPart, _ blend: BlendWeights, _ amount: Int64, text: String
  ) throws(AccountingError) -> PoolShare {
    PoolShare(
      owner: row.owner, amount: Money(micros: amount, currency: part.posted.currency),
      share: text, exact: nil,
      values: blend.drivers.map { $0.text($0.sums[row.tenant] ?? .zero) },
      routes: row.weight.isZero ? [] : try routes(of: row.tenant, amount, blend))
  }

  private func routes(
    of tenant: String, _ amount: Int64, _ blend: BlendWeights
  ) throws(AccountingError) -> [RouteShare] {
    let weights = blend.byRoute(tenant: tenant).sorted { KeyOrder.precedes($0.key, $1.key) }
    let micros = try Apportionment.split(
      total: amount, keys: weights.map(\.key), weights: weights.map(\.value))
    return zip(weights, micros).map { row, micros in
      RouteShare(
        route: row.key.isEmpty ? nil : row.key, member: nil, micros: micros,
        share: Self.share(row.value, of: blend.total),
        values: blend.drivers.map { $0.text($0.byTenant[tenant]?[row.key] ?? .zero) })
    }
  }

  /// Who bears what is split over a tenant of usage.
  static func owner(_ tenant: String) -> Owner {
    UnallocatedReason(reservedTenant: tenant).map { .unallocated($0) } ?? .tenant(tenant)
  }

  /// A share as text.
  static func share(_ weight: BigUInt, of total: BigUInt) -> String {
    Fraction(numerator: weight, denominator: total).text(digits: Fraction.shareDigits)
  }
}

extension BlendWeights {
  /// The drivers in words.
  var text: String {
    drivers.filter { !$0.total.isZero }.map { values in
      drivers.count == 1 ? values.driver.name : "\(values.driver.weight) \(values.driver.name)"
    }.joined(separator: " + ")
  }
}
