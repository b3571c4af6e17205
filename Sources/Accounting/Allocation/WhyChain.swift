/// Why a tenant bears what it bears of a pool: every step from the pool's cost to the amount.
///
/// The allocation is made again, with notes; nothing is taken from what was posted. A caller that has
/// the posted amount compares.
public struct WhyChain: Hashable, Sendable {
  /// The tenant.
  public let tenant: String
  /// The pool and its idle parts, in order; empty when the pool has no records.
  public let pools: [PoolAllocation]
  /// The steps in the order in which they were made.
  public let steps: [TraceStep]
  /// The sum of what the tenant bears, in micro-units.
  public let micros: Int64
  /// The tenant's lines, in the order of `pools`.
  public let lines: [Line]
  /// The whole allocation.
  public let result: AllocationResult

  /// What the tenant bears of the pool or of an idle part.
  public struct Line: Hashable, Sendable {
    /// The pool's name.
    public let pool: String
    /// The tenant's share.
    public let share: PoolShare
  }

  /// Makes the allocation again. Throws what `Allocation.allocate` throws.
  public init(
    tenant: String, pool: String, _ input: AllocationInput
  ) throws(AccountingError) {
    self.tenant = tenant
    let families = input.history.families(at: input.lastMoment)
    let members = Set(input.history.relations.flatMap { [$0.tenant, $0.target] })
      .filter { families.bearer(of: $0) == tenant }
    let accounts = Set(([tenant] + members).map { Account.tenant($0).text })
    let tracer = Tracer(pool: pool, accounts: accounts)
    result = try Allocation.allocate(input, tracer: tracer)
    pools = result.pools.filter { $0.pool == pool || $0.pool.hasPrefix(pool + "~") }
    lines = pools.flatMap { part in
      part.shares.filter { $0.owner == .tenant(tenant) }.map { Line(pool: part.pool, share: $0) }
    }
    var sum: Int128 = 0
    for line in lines { sum += Int128(line.share.amount.micros) }
    guard let micros = Int64(exactly: sum) else {
      throw .overflow(operation: "what \(tenant) bears of pool \(pool)")
    }
    self.micros = micros
    steps = Self.opening(tenant, pools, input) + tracer.steps
  }

  /// What comes before any split: names, parents, and how the pool's exact cost became micro-units.
  private static func opening(
    _ tenant: String, _ pools: [PoolAllocation], _ input: AllocationInput
  ) -> [TraceStep] {
    guard let first = pools.first else { return [] }
    func note(_ text: String) -> TraceStep {
      TraceStep(pool: first.pool, kind: .note, text: text)
    }
    var steps = first.notes.map(note)
    let exact = pools.reduce(Int128(0)) { $0 &+ $1.exact.units }
    let posted = pools.reduce(Int128(0)) { $0 + Int128($1.posted.micros) }
    steps.append(
      note(
        "the pool costs \(Amount(units: exact)) exactly; posted, with all pools of the period "
          + "rounded once: \(DecimalText.fixed(posted, digits: 6))"))
    for alias in input.history.aliases(in: input.costs.period) where alias.target == tenant {
      let end = alias.to.map { " to \($0)" } ?? ""
      steps.append(note("\(alias.tenant) counts as \(tenant) from \(alias.from)\(end)"))
    }
    let bearer = input.history.bearer(of: tenant, at: input.lastMoment)
    if bearer != tenant {
      steps.append(note("\(tenant) belongs to \(bearer), whose statement has its cost"))
    }
    return steps
  }
}
