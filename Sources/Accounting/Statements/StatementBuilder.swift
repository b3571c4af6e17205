import Digest

/// Everything that the statements of a period are made of.
public struct StatementInput: Sendable {
  /// The allocation.
  public var allocation: AllocationResult
  /// The ledger entries that posted it.
  public var entries: [Entry]
  /// The usage of the period.
  public var usage: UsageFigures
  /// The register.
  public var register: TenantRegister
  /// What the usage is made of.
  public var coverage: Coverage
  /// The statements of the period before, by tenant.
  public var previous: [String: PreviousStatement]
  /// Whether the period ties out.
  public var reconciliation: ReconciliationState
  /// The rows of the version before, when this is a restatement: an account with the same amount
  /// keeps its printed figure (only what changed is rounded again).
  public var restated: [Account: PeriodSummary.Row] = [:]

  /// An input.
  public init(
    allocation: AllocationResult, entries: [Entry], usage: UsageFigures,
    register: TenantRegister, coverage: Coverage, previous: [String: PreviousStatement] = [:],
    reconciliation: ReconciliationState
  ) {
    self.allocation = allocation
    self.entries = entries
    self.usage = usage
    self.register = register
    self.coverage = coverage
    self.previous = previous
    self.reconciliation = reconciliation
  }
}

/// The statements of a period and their summary.
public struct StatementSet: Hashable, Sendable {
  /// One for every tenant with an amount or with usage, in byte order of the tenants.
  public let statements: [Statement]
  /// The period in one table.
  public let summary: PeriodSummary
}

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
    for (pool, allocation) in pools.enumerated() where entries[pool] != nil {
      for (share, owned) in allocation.shares.enumerated() {
        guard case .tenant(let tenant) = owned.owner else { continue }
        places[tenant, default: []].append(Place(pool: pool, share: share))
      }
    }
    self.places = places
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
    let drafts = (places[tenant] ?? []).flatMap { place -> [Draft] in
      guard let entry = entries[place.pool] else { return [] }
      let pool = input.allocation.pools[place.pool]
      return Draft.lines(of: pool.shares[place.share], in: pool, entry: entry)
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

/// Makes statements. Pure; nothing is computed again that the allocation has found.
///
/// Printed figures: the period's total is rounded to the minor unit (half-even) and spread over all
/// accounts by largest remainder; each account's printed figure is spread over its lines in the same
/// way. So lines add up to statements and statements add up to the period, as printed.
public enum StatementBuilder {
  /// Makes the statements. Throws `unusableCosts` when the entries do not post the allocation.
  public static func build(_ input: StatementInput) throws(AccountingError) -> StatementSet {
    let drafts = try StatementDrafts(input)
    var statements: [Statement] = []
    statements.reserveCapacity(drafts.count)
    for index in 0..<drafts.count { statements.append(try drafts.statement(at: index)) }
    return StatementSet(statements: statements, summary: drafts.summary)
  }

  /// The entry of each pool, after comparing its postings with the allocation.
  fileprivate static func entriesByPool(
    _ input: StatementInput
  ) throws(AccountingError) -> [String: Entry] {
    var entries: [String: Entry] = [:]
    for entry in input.entries where entry.kind == .allocation { entries[entry.subject] = entry }
    for pool in input.allocation.pools {
      let wanted = pool.shares.filter { $0.amount.micros != 0 }
        .map { Posting(account: $0.owner.account, amount: $0.amount) }
      let cost = Posting(account: .cost(pool: pool.pool), amount: try pool.posted.negated())
      guard let entry = entries[pool.pool], Set(entry.postings) == Set(wanted + [cost]) else {
        throw .unusableCosts(reason: "the ledger entry of pool \(pool.pool) is not its allocation")
      }
    }
    return entries
  }

  fileprivate static func summary(
    _ input: StatementInput, version: UInt32
  ) throws(AccountingError) -> PeriodSummary {
    let allocation = input.allocation
    let currency = allocation.currency
    var sums: [Account: Int128] = [:]
    for pool in allocation.pools {
      for share in pool.shares {
        sums[share.owner.account, default: 0] += Int128(share.amount.micros)
      }
    }
    for tenant in input.usage.tenants where !TenantNaming.reserved.contains(tenant) {
      sums[.tenant(tenant), default: 0] += 0
    }
    for account in [Account.kept, .rounding] { sums[account, default: 0] += 0 }
    let accounts = sums.keys.sorted { left, right in
      left.isTenant == right.isTenant ? left < right : left.isTenant
    }
    let unit = Int128(currency.microsPerMinorUnit)
    let total = allocation.postedTotal
    guard
      let printedTotal = Int64(exactly: Rounding.halfEven(Int128(total.micros), over: unit))
    else { throw .overflow(operation: "printing \(total)") }
    let printed = try PrintedFigures(unit: unit, total: printedTotal, before: input.restated)
      .figures(accounts.map { (account: $0, micros: sums[$0] ?? 0) })
    var rows: [PeriodSummary.Row] = []
    for (account, printed) in zip(accounts, printed) {
      guard let micros = Int64(exactly: sums[account] ?? 0) else {
        throw .overflow(operation: "the total of \(account)")
      }
      rows.append(
        .init(
          account: account, isRegistered: account.isRegistered(in: input.register),
          amount: Money(micros: micros, currency: currency), printed: printed))
    }
    try requireRange(rows.map(\.amount.micros), "the amounts of \(allocation.period)")
    let reserved = TenantNaming.reserved.filter { !input.usage.figures(of: $0).isEmpty }
    return PeriodSummary(
      period: allocation.period, version: version, policyName: allocation.policyName,
      policyDigest: allocation.policyDigest, rows: rows, total: total,
      printedTotal: printedTotal, exactTotal: allocation.exactTotal, rest: allocation.rest,
      reservedUsage: Dictionary(
        uniqueKeysWithValues: reserved.map { ($0, usage(of: $0, input)) }),
      coverage: input.coverage, reconciliation: input.reconciliation)
  }

  /// Amounts of which some may be negative: also their magnitudes have to fit a sum, so that the sum of
  /// any of them does.
  private static func requireRange(
    _ micros: [Int64], _ what: @autoclosure () -> String
  ) throws(AccountingError) {
    let sum = micros.reduce(Int128(0)) { $0 + Int128($1.magnitude) }
    guard sum <= Int128(Int64.max) else { throw .overflow(operation: what()) }
  }

  private static func usage(of tenant: String, _ input: StatementInput) -> [UsageLine] {
    input.usage.figures(of: tenant).map {
      UsageLine(
        route: $0.route, quantity: $0.quantity, unit: MeteredQuantity.unit(of: $0.quantity),
        value: $0.value)
    }
  }

  fileprivate static func statement(
    _ tenant: String, _ row: PeriodSummary.Row, _ drafts: [Draft], _ summary: PeriodSummary,
    _ input: StatementInput
  ) throws(AccountingError) -> Statement {
    let currency = row.amount.currency
    try requireRange(drafts.map(\.micros), "the statement of \(tenant)")
    let printed = try Apportionment.round(
      drafts.map { (key: $0.key, exact: Int128($0.micros)) },
      unit: Int128(currency.microsPerMinorUnit), to: row.printed)
    let usage = usage(of: tenant, input)
    let previous = input.previous[tenant]
    var context = try LineContext(currency: currency, hints: HintCounts(usage), previous: previous)
    var lines: [StatementLine] = []
    lines.reserveCapacity(drafts.count)
    for (draft, printed) in zip(drafts, printed) {
      lines.append(try draft.line(printed: printed, &context))
    }
    precondition(
      lines.reduce(Int128(0)) { $0 + Int128($1.amount.micros) } == Int128(row.amount.micros),
      "the lines of a statement sum to its total")
    return Statement(
      tenant: tenant, name: input.register.name(of: tenant), isRegistered: row.isRegistered,
      period: summary.period, version: summary.version,
      issuedAt: input.entries.first?.postedAt ?? summary.period.end,
      policyName: summary.policyName, policyDigest: summary.policyDigest, lines: lines,
      total: row.amount, printedTotal: row.printed, comparison: context.comparison(of: lines),
      usage: usage,
      coverage: input.coverage, reconciliation: input.reconciliation)
  }
}

/// What the lines of one statement have in common.
private struct LineContext {
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
private struct Draft {
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

  /// The lines of a share: one per route, or one.
  static func lines(of share: PoolShare, in pool: PoolAllocation, entry: Digest256) -> [Draft] {
    guard !share.routes.isEmpty else {
      return [
        Draft(
          pool: pool, route: nil, micros: share.amount.micros, share: share.share,
          values: share.values, entry: entry)
      ]
    }
    return share.routes.map {
      Draft(
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

extension Account {
  /// Whether this is a tenant's account.
  fileprivate var isTenant: Bool {
    if case .tenant = self { true } else { false }
  }

  /// Whether this is the account of a tenant on the register.
  fileprivate func isRegistered(in register: TenantRegister) -> Bool {
    if case .tenant(let id) = self { register.contains(id) } else { false }
  }
}
