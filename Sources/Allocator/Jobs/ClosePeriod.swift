internal import Accounting
internal import Logging
internal import Store

/// Closes a period, or says why it cannot close.
///
/// Load values, compute, check, store in one transaction with the audit record. A close that raced
/// with a late import or batch stores nothing.
struct ClosePeriod: Sendable {
  /// What it works on.
  let world: AllocatorWorld

  /// What somebody asked for.
  struct Order: Sendable {
    /// The period.
    var period: Period
    /// Only say what would happen.
    var isDryRun: Bool
    /// Why, in the closer's words.
    var reason: String
    /// Who.
    var actor: String
    /// Codes of blockers that the closer takes on, each recorded.
    var waived: Set<String>
  }

  /// What came of it.
  struct Result: Sendable {
    /// What is in the way; empty after a close.
    var blockers: [Blocker]
    /// Blockers that were waived.
    var waived: [Blocker]
    /// What the period comes to, when that could be computed.
    var computation: PeriodComputation?
    /// The version of the statements.
    var version: UInt32
    /// Whether it was stored.
    var isClosed: Bool
  }

  /// One reason why a period cannot close.
  struct Blocker: Sendable, Equatable {
    /// A stable name.
    var code: String
    /// One line for an operator.
    var message: String
  }

  /// Blockers that a person may take on. Money that does not tie out is not among them.
  static let waivable: Set<String> = [
    "period-not-over", "coverage-hole", "batch-conflict", "rows-quarantined",
  ]

  /// Closes, or tries to.
  func run(_ order: Order, at now: UTCInstant) async throws -> Result {
    let loaded = try await LoadPeriod(world: world).run(order.period, at: now)
    let closer = PeriodComputation.Closer(actor: order.actor, reason: order.reason)
    let (computation, unusable) = try compute(loaded, by: closer)
    let found = blockers(loaded, computation, unusable)
    var result = Result(
      blockers: found.filter { !order.waived.contains($0.code) },
      waived: found.filter { order.waived.contains($0.code) }, computation: computation,
      version: loaded.record.version + 1, isClosed: false)
    guard !order.isDryRun, result.blockers.isEmpty, let computation,
      let policy = loaded.policy
    else { return result }
    try await store(computation, loaded, policy: policy, order: order, waived: result.waived)
    result.isClosed = true
    world.counters.noteClose()
    world.logger.info(
      "period closed",
      metadata: ["period": "\(order.period)", "version": "\(result.version)"])
    return result
  }

  /// Costs that cannot be allocated are a reason not to close, not a failure.
  private func compute(
    _ loaded: LoadedPeriod, by closer: PeriodComputation.Closer
  ) throws -> (PeriodComputation?, unusable: String?) {
    do {
      return (try PeriodComputation.compute(loaded, by: closer), nil)
    } catch AccountingError.unusableCosts(let reason) {
      return (nil, reason)
    }
  }

  private func blockers(
    _ loaded: LoadedPeriod, _ computation: PeriodComputation?, _ unusable: String?
  ) -> [Blocker] {
    var input = CloseInput(
      period: loaded.period, state: loaded.record.state, now: loaded.now,
      coverage: loaded.coverage)
    input.policy = loaded.policy
    input.policyFaults = loaded.policyFaults
    input.costs = loaded.costs
    input.quarantinedRows = loaded.quarantinedRows
    input.conflictingBatches = loaded.conflicts
    input.loadedSeries = Set(loaded.series.map(\.series.name))
    input.bridge = computation?.bridge
    var blockers = CloseCheck.blockers(input).map { Blocker(code: $0.code, message: $0.message) }
    if blockers.isEmpty, let unusable {
      blockers.append(Blocker(code: "costs-unusable", message: unusable))
    }
    if let usage = computation?.usageBridge, !usage.tiesOut {
      let names = usage.rows.filter { !$0.agrees }.map(\.quantity)
      blockers.append(
        Blocker(
          code: "usage-not-tied-out",
          message: "batches, store and statements disagree on \(names.joined(separator: ", "))"))
    }
    return blockers
  }

  private func store(
    _ computation: PeriodComputation, _ loaded: LoadedPeriod, policy: Policy, order: Order,
    waived: [Blocker]
  ) async throws {
    let ledger = computation.ledger(after: loaded.mark.ledger)
    let facts = PeriodCloseFacts(
      at: loaded.now, actor: order.actor, reason: order.reason,
      frozen: loaded.frozen(policy: policy), ledger: ledger)
    let documents = PeriodDocuments(
      statements: computation.statements.statements.map {
        StatementDocument(
          tenant: $0.tenant, total: $0.total, bytes: $0.canonicalJSON(),
          amounts: StatementAmounts.bytes($0.amounts))
      },
      summary: computation.statements.summary.canonicalJSON(),
      reconciliation: ReconciliationDocument.json(computation, waived: waived).canonicalBytes)
    let closing = PeriodClosing(
      period: order.period, version: loaded.record.version + 1, mark: loaded.mark, facts: facts,
      entries: computation.entries, documents: documents)
    let words =
      "version=\(closing.version) \(LedgerAnchorText.text(ledger))"
      + " waived=\(waived.map(\.code).joined(separator: ",")) reason=\(order.reason)"
    try await world.store.periods.close(
      closing,
      audit: AuditRecord(
        at: loaded.now, actor: order.actor, action: .periodClose,
        subject: order.period.description, detail: words))
  }
}
