internal import Digest

/// The statements of a period, each made when it is asked for: those of a large month take several times the memory
/// of what they are made of.
public struct StatementDrafts: Sendable {
  /// The period in one table.
  public let summary: PeriodSummary

  private struct Place {
    let pool: Int
    let share: Int
  }

  private let input: StatementInput
  private let tenants: [(id: String, row: PeriodSummary.Row)]
  /// The entries of the pools, in their order; nil for a pool without one.
  private let entries: [Digest256?]
  private let places: [String: [Place]]

  /// What statements are made of. Throws `unusableCosts` when the entries do not post the allocation, and
  /// `overflow` when sums leave their range.
  public init(_ given: StatementInput) throws(AccountingError) {
    var input = given
    let posted = try StatementBuilder.entriesByPool(input)
    summary = try StatementBuilder.summary(input, version: input.entries.first?.version ?? 1)
    input.coverage = input.coverage.ofStatement
    self.input = input
    let pools = input.allocation.pools
    entries = pools.map { posted[$0.pool]?.id }
    var places: [String: [Place]] = [:]
    var magnitudes: [String: Int128] = [:]
    for (pool, allocation) in pools.enumerated() where entries[pool] != nil {
      for (share, owned) in allocation.shares.enumerated() {
        guard case .tenant(let tenant) = owned.owner else { continue }
        places[tenant, default: []].append(Place(pool: pool, share: share))
        magnitudes[tenant, default: 0] += StatementLineDraft.magnitude(of: owned)
      }
    }
    self.places = places
    for (tenant, magnitude) in magnitudes {
      try StatementBuilder.requireRange(magnitude, "the statement of \(tenant)")
    }
    tenants = summary.rows.compactMap { row in
      if case .tenant(let id) = row.account { (id, row) } else { nil }
    }
  }

  /// How many there are: one for every tenant with an amount or with usage.
  public var count: Int { tenants.count }

  /// One statement, in byte order of the tenants, below `count`. Throws `overflow` when a sum of its
  /// lines leaves its range.
  public func statement(at index: Int) throws(AccountingError) -> Statement {
    let (tenant, row) = tenants[index]
    let drafts = (places[tenant] ?? []).flatMap { place -> [StatementLineDraft] in
      guard let entry = entries[place.pool] else { return [] }
      let pool = input.allocation.pools[place.pool]
      return StatementLineDraft.lines(of: pool.shares[place.share], in: pool, entry: entry)
    }
    return try StatementBuilder.statement(tenant, row, drafts, summary, input)
  }

  /// The sum of all totals, in micro-units.
  public var totalMicros: Int128 {
    tenants.reduce(Int128(0)) { $0 + Int128($1.row.amount.micros) }
  }

  /// What statements and the summary show of usage, by quantity. Throws `overflow`.
  public func shownUsage() throws(AccountingError) -> [String: UInt128] {
    var shown: [String: UInt128] = [:]
    for tenant in tenants.map(\.id) + Array(summary.reservedUsage.keys) {
      for figure in input.usage.figures(of: tenant) {
        try UsageBridge.add(figure.value, of: figure.quantity, to: &shown)
      }
    }
    return shown
  }
}
