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
    var rows = blend.rows.map {
      Row(tenant: $0.tenant, owner: owner($0.tenant), weight: $0.weight)
    }
    if !more.isEmpty {
      let known = Set(blend.rows.map(\.tenant))
      rows += more.filter { !known.contains($0) }
        .map { Row(tenant: $0, owner: owner($0), weight: .zero) }
    }
    // Accounts as text are made once: sorting would make them again and again.
    return rows.map { (row: $0, key: $0.owner.key) }
      .sorted { KeyOrder.precedes($0.key, $1.key) }.map(\.row)
  }

  /// An owner's share with its routes.
  func share(
    _ row: Row, _ part: PoolPart, _ blend: BlendWeights, _ amount: Int64, text: String
  ) throws(AccountingError) -> PoolShare {
    let detail = blend.detail(of: row.tenant)
    let micros = try Apportionment.split(
      total: row.weight.isZero ? 0 : amount, keys: detail.routes.map(\.route),
      weights: detail.routes.map(\.weight))
    let routes = zip(detail.routes, micros).map { row, micros in
      RouteShare(
        route: row.route.isEmpty ? nil : row.route, member: nil, micros: micros,
        share: Self.share(row.weight, of: blend.total), values: row.values)
    }
    return PoolShare(
      owner: row.owner, amount: Money(micros: amount, currency: part.posted.currency),
      share: text, exact: nil, values: detail.values, routes: routes)
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
