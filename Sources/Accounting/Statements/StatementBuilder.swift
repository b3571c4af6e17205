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
  static func entriesByPool(
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

  static func summary(
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
    let magnitude = rows.reduce(Int128(0)) { $0 + Int128($1.amount.micros.magnitude) }
    try requireRange(magnitude, "the amounts of \(allocation.period)")
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
  static func requireRange(
    _ magnitude: Int128, _ what: @autoclosure () -> String
  ) throws(AccountingError) {
    guard magnitude <= Int128(Int64.max) else { throw .overflow(operation: what()) }
  }

  private static func usage(of tenant: String, _ input: StatementInput) -> [UsageLine] {
    input.usage.figures(of: tenant).map {
      UsageLine(
        route: $0.route, quantity: $0.quantity, unit: MeteredQuantity.unit(of: $0.quantity),
        value: $0.value)
    }
  }

  static func statement(
    _ tenant: String, _ row: PeriodSummary.Row, _ drafts: [StatementLineDraft],
    _ summary: PeriodSummary,
    _ input: StatementInput
  ) throws(AccountingError) -> Statement {
    let currency = row.amount.currency
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
