internal import Accounting
internal import Digest
internal import Store

/// Posts outside of a close: by hand, for what came late, or to undo either. The period that is
/// posted to is not closed; the closed ones stay as they are.
struct PostCorrection: Sendable {
  /// What it works on.
  let world: AllocatorWorld

  /// What is posted.
  enum Deed: Sendable, Equatable {
    /// Money moved by hand.
    case transfer(LedgerTransfer, EntryKind)
    /// What came late for a closed period.
    case late(origin: Period)
    /// An adjustment or write-off undone.
    case reversal(of: Digest256)
  }

  /// What somebody asked for.
  struct Order: Sendable {
    /// The period that is posted to.
    var period: Period
    /// What is posted.
    var deed: Deed
    /// Why.
    var reason: String
    /// Who.
    var actor: String
    /// The second person, where one is needed.
    var approval: OrderApproval?
  }

  /// What would be posted.
  struct Draft: Sendable {
    /// The entries and links.
    var correction: LedgerCorrection
    /// What is in the way.
    var blockers: [ClosePeriod.Blocker]

    /// What an approval is for.
    func proposal(reason: String, at now: UTCInstant) -> Digest256 {
      PostingProposal.digest(
        of: correction.entries.map(\.entry), frozen: nil, waived: [], reason: reason, at: now)
    }
  }

  /// Works out the entries. Throws `notTransferable` and `notFound`.
  func draft(_ order: Order, at now: UTCInstant) async throws -> Draft {
    let target = try await world.store.periods.record(of: order.period)
    let marked: Period = if case .late(let origin) = order.deed { origin } else { order.period }
    let mark = try await world.store.periods.mark(of: marked)
    let context = PostingContext(
      period: order.period, version: target.version + 1, postedAt: now, actor: order.actor,
      reason: order.approval.map { "\(order.reason) (approved by \($0.approver))" }
        ?? order.reason,
      policy: nil, imports: [])
    var draft = Draft(
      correction: LedgerCorrection(
        period: order.period, mark: mark, marked: marked, entries: [], links: [],
        approval: order.approval), blockers: [])
    if target.state == .closed {
      draft.blockers.append(
        .init(
          code: "period-closed",
          message: "\(order.period) is closed: post to an open period, or restate it"))
      return draft
    }
    switch order.deed {
    case .transfer(let transfer, let kind):
      draft.correction.entries = [
        try LedgerPosting.transfer(transfer, kind: kind, context: context, after: mark.ledger)
      ]
    case .reversal(let id): try await reverse(id, context, &draft)
    case .late(let origin): try await adjust(origin, context, &draft)
    }
    return draft
  }

  /// Posts a draft that nothing blocks.
  func post(_ draft: Draft, _ order: Order, at now: UTCInstant) async throws {
    let ledger = draft.correction.entries.last?.head ?? draft.correction.mark.ledger
    let ids = draft.correction.entries.map(\.entry.id.hex).joined(separator: ",")
    try await world.store.ledger.post(
      draft.correction,
      audit: AuditRecord(
        at: now, actor: order.actor, action: order.deed.action,
        subject: order.period.description,
        detail: "\(LedgerAnchorText.text(ledger)) entries=\(ids) reason=\(order.reason)"))
  }

  private func reverse(
    _ id: Digest256, _ context: PostingContext, _ draft: inout Draft
  ) async throws {
    let entry = try await world.store.ledger.entry(id)
    let links = try await world.store.ledger.links(of: [entry])
    if let undone = links.first(where: { $0.origin == id && $0.kind == .reverses }) {
      draft.blockers.append(
        .init(code: "already-reversed", message: "entry \(undone.entry.hex) reverses it already"))
      return
    }
    let chained = try LedgerPosting.reversal(
      of: entry, context: context, after: draft.correction.mark.ledger)
    draft.correction.entries = [chained]
    draft.correction.links = [LedgerLink(entry: chained.entry.id, origin: id, kind: .reverses)]
  }

  private func adjust(
    _ origin: Period, _ context: PostingContext, _ draft: inout Draft
  ) async throws {
    let late = try await LateChanges(world: world).find(origin, at: context.postedAt)
    guard let late else {
      draft.blockers.append(
        .init(
          code: "period-not-closed",
          message: "\(origin) is not closed: what arrives for it simply counts"))
      return
    }
    guard !late.changes.isEmpty else {
      draft.blockers.append(
        .init(code: "nothing-late", message: "nothing of \(origin) is left to be adjusted"))
      return
    }
    var context = context
    context.policy = late.policy
    context.imports = late.imports
    let entries = try LedgerPosting.adjustments(
      late.changes, origin: (origin, late.version), ordinal: late.ordinal, context: context,
      after: draft.correction.mark.ledger)
    draft.correction.entries = entries
    draft.correction.links = entries.compactMap { chained in
      LateSubject(text: chained.entry.subject).flatMap { subject in
        late.origins[subject.pool].map {
          LedgerLink(entry: chained.entry.id, origin: $0, kind: .corrects)
        }
      }
    }
  }
}

extension PostCorrection.Deed {
  /// What the audit trail calls it.
  var action: AuditRecord.Action {
    switch self {
    case .transfer(_, .writeOff): .ledgerWriteOff
    case .transfer, .late: .ledgerAdjust
    case .reversal: .ledgerReverse
    }
  }
}
