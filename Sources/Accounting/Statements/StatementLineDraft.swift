internal import Digest

/// What the lines of one statement have in common.
struct LineContext {
  let currency: Currency
  let hints: HintCounts
  private let previous: PreviousStatement?
  private let amounts: [String: Int64]
  private var compared: Set<String> = []

  /// The amounts of lines of one pool and route are summed: members of a tenant may have one each.
  init(
    currency: Currency, hints: HintCounts, previous: PreviousStatement?
  ) throws(AccountingError) {
    self.currency = currency
    self.hints = hints
    self.previous = previous
    var amounts: [String: Int64] = [:]
    for line in previous?.total.currency == currency ? previous?.lines ?? [] : [] {
      let key = StatementLine.key(line.pool, line.route)
      let (sum, overflow) = amounts[key, default: 0].addingReportingOverflow(line.micros)
      guard !overflow else { throw .overflow(operation: "the last period of \(line.pool)") }
      amounts[key] = sum
    }
    self.amounts = amounts
  }

  /// The comparison of the statement that these lines make.
  func comparison(of lines: [StatementLine]) -> Comparison? {
    guard let previous else { return nil }
    let now = Set(lines.map(\.key))
    let gone = previous.lines.filter { line in
      let key = StatementLine.key(line.pool, line.route)
      return amounts[key] != nil && !now.contains(key)
    }
    return Comparison(version: previous.version, total: previous.total, gone: gone)
  }

  /// The amount of a line in the period before: of the first line that asks, so that each amount is
  /// told once.
  mutating func previous(_ key: String) -> Money? {
    guard let micros = amounts[key], compared.insert(key).inserted else { return nil }
    return Money(micros: micros, currency: currency)
  }
}

/// A line before it has its printed amount.
struct StatementLineDraft {
  let pool: PoolAllocation
  let route: String?
  var member: String?
  let micros: Int64
  let share: String
  let values: [String]
  let entry: Digest256

  /// What ties between lines are broken by: the pool, then the route, then whose line it was.
  var key: String {
    StatementLine.key(pool.pool, route) + (member.map { "\u{0}" + $0 } ?? "")
  }

  /// The sum of the magnitudes of a share's lines, in micro-units.
  static func magnitude(of share: PoolShare) -> Int128 {
    share.routes.isEmpty
      ? Int128(share.amount.micros.magnitude)
      : share.routes.reduce(Int128(0)) { $0 + Int128($1.micros.magnitude) }
  }

  /// The lines of a share: one per route, or one.
  static func lines(of share: PoolShare, in pool: PoolAllocation, entry: Digest256)
    -> [StatementLineDraft]
  {
    guard !share.routes.isEmpty else {
      return [
        StatementLineDraft(
          pool: pool, route: nil, micros: share.amount.micros, share: share.share,
          values: share.values, entry: entry)
      ]
    }
    return share.routes.map {
      StatementLineDraft(
        pool: pool, route: $0.route, member: $0.member, micros: $0.micros, share: $0.share,
        values: $0.values, entry: entry)
    }
  }

  func line(
    printed: Int64, _ context: inout LineContext
  ) throws(AccountingError) -> StatementLine {
    let drivers = zip(pool.drivers, values).map { figure, value in
      LineDriver(
        name: figure.name, unit: figure.unit, value: value, total: figure.total,
        weight: figure.effectiveWeight, unitCost: figure.unitCost)
    }
    return StatementLine(
      pool: pool.pool, method: pool.method, layer: CostLayer(method: pool.method), route: route,
      drivers: drivers, share: share, amount: Money(micros: micros, currency: context.currency),
      printed: printed,
      confidence: try Confidence(
        micros: micros, method: pool.method, drivers: drivers, route: route,
        usage: context.hints),
      previous: context.previous(StatementLine.key(pool.pool, route)), entry: entry,
      notes: pool.notes + (member.map { ["of \($0)"] } ?? []))
  }
}
