internal import Accounting
internal import Store

/// What a loaded period comes to: the same whether somebody closes it, tries to, or only asks.
struct PeriodComputation: Sendable {
  /// Who closes, and why; part of every entry.
  struct Closer: Sendable {
    /// The name of the token.
    var actor: String
    /// In the closer's words.
    var reason: String
    /// The version to be issued; the one after the period's own when nil.
    var version: UInt32?
    /// Where its entries are chained; the head of the mark when nil.
    var head: LedgerHead?
    /// The rows of the version before, for a restatement.
    var restated: [Account: PeriodSummary.Row] = [:]
  }

  /// The costs that were allocated.
  var costs: PooledCosts
  /// The allocation.
  var allocation: AllocationResult
  /// Entries to be posted after the ledger's head.
  var entries: [ChainedEntry]
  /// The statements.
  var statements: StatementDrafts
  /// From the invoice to who bears it.
  var bridge: Bridge
  /// From batches to statements.
  var usageBridge: UsageBridge

  /// Computes a period; nil without a policy, or without costs to allocate.
  ///
  /// Only calls of `Accounting`, in order: allocate, post, bridge, state, statements, bridge again
  /// with them.
  static func compute(
    _ loaded: LoadedPeriod, by closer: Closer
  ) throws(AccountingError) -> PeriodComputation? {
    guard let policy = loaded.policy, let costs = loaded.costs,
      let input = loaded.allocationInput
    else { return nil }
    let allocation = try Allocation.allocate(input)
    let context = PostingContext(
      period: loaded.period, version: closer.version ?? loaded.record.version + 1,
      postedAt: loaded.now,
      actor: closer.actor, reason: closer.reason, policy: policy.digest,
      imports: loaded.snapshots.map(\.digest))
    let chained = try LedgerPosting.entries(
      for: allocation, context: context, after: closer.head ?? loaded.mark.ledger)
    let entries = chained.map(\.entry)
    let trial = try Bridge.build(
      BridgeInput(costs: costs, allocation: allocation, entries: entries))
    var shown = StatementInput(
      allocation: allocation, entries: entries, usage: loaded.usage, register: loaded.register,
      coverage: loaded.coverage, previous: loaded.previous, reconciliation: trial.state)
    shown.restated = closer.restated
    let statements = try StatementDrafts(shown)
    var whole = BridgeInput(costs: costs, allocation: allocation, entries: entries)
    whole.statementsMicros = statements.totalMicros
    let bridge = try Bridge.build(whole)
    let stored = LoadPeriod.totals(loaded.usage)
      .merging(loaded.lateTotals) { counted, late in counted + late }
    return PeriodComputation(
      costs: costs, allocation: allocation, entries: chained, statements: statements,
      bridge: bridge,
      usageBridge: UsageBridge(
        batches: loaded.listenerTotals, stored: stored, shown: try statements.shownUsage(),
        late: loaded.lateTotals))
  }

  /// The head of the ledger once the entries are posted.
  func ledger(after head: LedgerHead) -> LedgerHead { entries.last?.head ?? head }
}
