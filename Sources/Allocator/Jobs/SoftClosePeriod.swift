internal import Accounting
internal import Store

/// Makes provisional statements of a period that is not closed. Usage and costs still count as they
/// come in; a later soft close or the close replaces what this one made.
struct SoftClosePeriod: Sendable {
  /// What it works on.
  let world: AllocatorWorld

  /// Stores them and answers with what they come to and what is in the way of a close. Throws
  /// `closeBlocked` when nothing can be computed, and for a closed period.
  func run(
    _ period: Period, reason: String, by actor: String, at now: UTCInstant
  ) async throws -> ClosePeriod.Result {
    let job = ClosePeriod(world: world)
    let order = ClosePeriod.Order(
      period: period, isDryRun: true, reason: reason, actor: actor, waived: [],
      version: Statement.provisionalVersion)
    var result = try await job.run(order, at: now)
    guard result.state != .closed, let computation = result.computation else {
      throw APIError.closeBlocked(
        blockers: result.blockers.map { "\($0.code): \($0.message)" })
    }
    let facts = SoftCloseFacts(at: now, actor: actor, reason: reason)
    try await world.store.periods.softClose(
      period, facts: facts, documents: job.documents(computation, waived: []),
      audit: AuditRecord(
        at: now, actor: actor, action: .periodSoftClose, subject: period.description,
        detail: "statements=\(computation.statements.count) reason=\(reason)"))
    result.version = Statement.provisionalVersion
    result.state = .softClosed
    return result
  }
}
