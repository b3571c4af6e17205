internal import Accounting
internal import Digest
internal import Logging
internal import Store

/// Closes a period or restates a closed one, or says why that cannot be.
///
/// Load values, compute, check, store in one transaction with the audit record. What raced with a
/// late import or batch stores nothing.
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
    /// Whether a closed period is reversed and posted again as a new version.
    var isRestatement = false
    /// For a restatement: under the current policy, not under the one that the close froze.
    var usesCurrentPolicy = false
    /// The second person, where one is needed.
    var approval: OrderApproval?
    /// The version to be worked out; the one after the period's own when nil.
    var version: UInt32?
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
    /// The state before.
    var state: PeriodState = .open
    /// Over everything that would be posted; nil when nothing could be computed.
    var proposal: Digest256?
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
    "period-not-over", "coverage-hole", "batch-conflict", "rows-quarantined", "bill-open",
    "bill-twice",
  ]

  /// Closes, or tries to.
  func run(_ order: Order, at now: UTCInstant) async throws -> Result {
    try await trial(order, at: now) { trial in
      guard !order.isDryRun, trial.result.blockers.isEmpty, trial.result.computation != nil else {
        return
      }
      try await store(&trial, order)
    }
  }

  /// Works out what would be posted; `body` may store it.
  func trial(
    _ order: Order, at now: UTCInstant, _ body: (inout Trial) async throws -> Void
  ) async throws -> Result {
    var trial = try await load(order, at: now)
    try await body(&trial)
    return trial.result
  }

  /// A result with what storing it needs.
  struct Trial: Sendable {
    /// What came of it.
    var result: Result
    /// The inputs.
    let loaded: LoadedPeriod
    /// Their digests, under a policy.
    let frozen: FrozenInputs?
    /// For a restatement: what it undoes, chained after the head.
    let reversals: [ChainedEntry]
  }

  private func load(_ order: Order, at now: UTCInstant) async throws -> Trial {
    let record = try await world.store.periods.record(of: order.period)
    let frozen = order.usesCurrentPolicy ? nil : record.close?.policy
    let loaded = try await LoadPeriod(world: world).run(
      order.period, at: now, basis: order.isRestatement ? .withLate(policy: frozen) : .counted)
    var closer = PeriodComputation.Closer(actor: order.actor, reason: order.recordedReason)
    closer.version = order.version
    var reversals: [ChainedEntry] = []
    var found: [Blocker] = []
    if order.isRestatement, loaded.record.close != nil {
      reversals = try await self.reversals(loaded, by: closer)
      closer.head = reversals.last?.head
      closer.restated = try await printedBefore(loaded.record)
      found = try await adjustmentBlockers(loaded.record)
    }
    let (computation, unusable) = try compute(loaded, by: closer)
    found = blockers(loaded, computation, unusable, order.isRestatement) + found
    var result = Result(
      blockers: found.filter { !order.waived.contains($0.code) },
      waived: found.filter { order.waived.contains($0.code) }, computation: computation,
      version: loaded.record.version + 1, isClosed: false)
    result.state = loaded.record.state
    let inputs = loaded.policy.map { loaded.frozen(policy: $0) }
    result.proposal = computation.flatMap { computation in
      inputs.map { inputs in
        PostingProposal.digest(
          of: (reversals + computation.entries).map(\.entry),
          frozen: inputs, waived: result.waived,
          reason: order.reason, at: now)
      }
    }
    return Trial(result: result, loaded: loaded, frozen: inputs, reversals: reversals)
  }

  /// The entries of the present version, undone under the version to come.
  private func reversals(
    _ loaded: LoadedPeriod, by closer: PeriodComputation.Closer
  ) async throws -> [ChainedEntry] {
    let record = loaded.record
    let posted = try await world.store.ledger.allocation(
      of: record.period, version: record.version)
    let context = PostingContext(
      period: record.period, version: record.version + 1, postedAt: loaded.now,
      actor: closer.actor, reason: closer.reason, policy: record.close?.policy,
      imports: record.close?.imports.map(\.digest) ?? [])
    return try LedgerPosting.reversals(of: posted, context: context, after: loaded.mark.ledger)
  }

  private func printedBefore(
    _ record: PeriodRecord
  ) async throws -> [Account: PeriodSummary.Row] {
    let stored = try await world.store.statements.overview(
      of: record.period, version: record.version)
    return try PeriodSummary.rows(canonicalJSON: stored.summary)
  }

  /// What was adjusted already would be counted twice by a restatement.
  private func adjustmentBlockers(_ record: PeriodRecord) async throws -> [Blocker] {
    let late = try await world.store.ledger.lateAdjustments(
      of: record.period, version: record.version)
    let undone = Set(late.compactMap(\.reverses))
    return late.filter { $0.kind == .adjustment && !undone.contains($0.id) }.map { entry in
      Blocker(
        code: "late-adjusted",
        message: "entry \(entry.id.hex) in \(entry.period) adjusts what came late for pool "
          + "\(LateSubject(text: entry.subject)?.pool ?? "?"): reverse it first")
    }
  }

  /// Costs that cannot be allocated are a reason not to close, not a failure.
  private func compute(
    _ loaded: LoadedPeriod, by closer: PeriodComputation.Closer
  ) throws -> (PeriodComputation?, unusable: String?) {
    do {
      return (try PeriodComputation.compute(loaded, by: closer), nil)
    } catch AccountingError.unusableCosts(let reason) {
      return (nil, reason)
    } catch AccountingError.overflow(let operation) {
      return (nil, "\(operation): more than 63 bits of micro-units")
    }
  }

  private func blockers(
    _ loaded: LoadedPeriod, _ computation: PeriodComputation?, _ unusable: String?,
    _ isRestatement: Bool
  ) -> [Blocker] {
    var input = CloseInput(
      period: loaded.period, state: loaded.record.state, now: loaded.now,
      coverage: loaded.coverage)
    input.isRestatement = isRestatement
    input.policy = loaded.policy
    input.policyFaults = loaded.policyFaults
    input.costs = loaded.costs
    input.quarantinedRows = loaded.quarantinedRows
    input.openBills = loaded.openBills
    input.twinBills = loaded.twinBills
    input.conflictingBatches = loaded.conflicts
    input.loadedSeries = Set(loaded.series.map(\.series.name))
    input.declaredUnits = loaded.declaredUnits
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
}

extension ClosePeriod.Order {
  /// The reason as entries hold it, with the second person.
  var recordedReason: String {
    approval.map { "\(reason) (approved by \($0.approver))" } ?? reason
  }
}
