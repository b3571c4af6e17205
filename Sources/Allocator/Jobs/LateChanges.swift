internal import Accounting
internal import Digest
internal import Store

/// What a closed period would come to now, against what was posted for it: the late usage and late
/// cost that neither an adjustment nor a restatement has taken in.
struct LateChanges: Sendable {
  /// What it works on.
  let world: AllocatorWorld

  /// What was found.
  struct Found: Sendable {
    /// The version of the statements that it corrects.
    var version: UInt32
    /// Which adjustment of that version comes next.
    var ordinal: Int
    /// The changes by pool; empty when everything is taken in.
    var changes: [LateAdjustment.Change]
    /// The entry that posted each pool at the close.
    var origins: [String: Digest256]
    /// The policy that the close froze.
    var policy: Digest256
    /// The imports that count now.
    var imports: [Digest256]
    /// Adjustments so far, and their reversals.
    var adjustments: [Entry]
    /// How far the provider's bill is from what the ledger accounts for, late corrections of it
    /// included.
    var variance: InvoiceVariance?
  }

  /// Works it out; nil for a period that is not closed. Throws `unusableCosts` when the costs that
  /// are there now cannot be allocated.
  func find(_ period: Period, at now: UTCInstant) async throws -> Found? {
    let record = try await world.store.periods.record(of: period)
    guard record.state == .closed, let close = record.close else { return nil }
    let posted = try await world.store.ledger.allocation(of: period, version: record.version)
    let late = try await world.store.ledger.lateAdjustments(of: period, version: record.version)
    let loaded = try await LoadPeriod(world: world).run(
      period, at: now, basis: .withLate(policy: close.policy))
    var closer = PeriodComputation.Closer(actor: close.actor, reason: close.reason)
    closer.version = record.version
    guard let computation = try PeriodComputation.compute(loaded, by: closer) else {
      throw APIError.policyMissing
    }
    let wanted = computation.entries.map(\.entry)
    let ordinals = late.compactMap { LateSubject(text: $0.subject)?.ordinal }
    return Found(
      version: record.version, ordinal: (ordinals.max() ?? 0) + 1,
      changes: try LateAdjustment.changes(posted: posted + late, wanted: wanted),
      origins: Dictionary(
        posted.map { ($0.subject, $0.id) }, uniquingKeysWith: { first, _ in first }),
      policy: close.policy, imports: loaded.snapshots.map(\.digest), adjustments: late,
      variance: try variance(computation, posted: posted + late))
  }

  /// What the cost accounts gave so far, at invoice prices, against the bill as it is now.
  private func variance(
    _ computation: PeriodComputation, posted: [Entry]
  ) throws(AccountingError) -> InvoiceVariance? {
    guard let invoice = computation.bridge.amount(of: "invoice"),
      let amortised = computation.bridge.amount(of: "effective-minus-billed"),
      let rest = computation.bridge.amount(of: "below-a-micro-unit")
    else { return nil }
    var accounted = Amount.zero
    for posting in posted.flatMap(\.postings) {
      guard case .cost = posting.account else { continue }
      accounted = try accounted.subtracting(Amount(micros: posting.amount.micros))
    }
    // The bridge subtracts the rest below a micro-unit, so its line is the negated rest.
    return InvoiceVariance(
      accounted: try accounted.subtracting(rest).subtracting(amortised), provider: invoice,
      thresholdBasisPoints: world.configuration.reconciliation.varianceBasisPoints)
  }
}
