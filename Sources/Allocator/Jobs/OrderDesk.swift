internal import Accounting
internal import Digest
internal import Store

/// Where posting needs two people: one asks, another approves exactly that. With one person allowed
/// by the configuration, what is asked is posted at once.
struct OrderDesk: Sendable {
  /// What it works on.
  let world: AllocatorWorld

  /// What came of a request.
  struct Outcome: Sendable {
    /// What would be, or was, posted.
    var report: JSONValue
    /// The order that waits or was settled; nil without a second person.
    var order: LedgerOrder?
    /// Whether it was posted.
    var isDone: Bool
  }

  /// Tries, asks, or posts. Throws `invalid` for a tenant that nobody knows.
  func submit(
    _ request: PostingRequest, by actor: String, at now: UTCInstant
  ) async throws -> Outcome {
    let people = world.configuration.approvals.people
    let mayPost = !request.isDryRun && people == 1
    try await request.checkTenants(world.store)
    let step = try await run(request, by: actor, approval: nil, posts: mayPost, at: now)
    if request.isDryRun { return Outcome(report: step.report, order: nil, isDone: false) }
    guard step.blockers.isEmpty, let proposal = step.proposal else {
      throw request.refusal(step.blockers)
    }
    if mayPost { return Outcome(report: step.report, order: nil, isDone: true) }
    let order = try await world.store.orders.ask(
      LedgerRequest(
        period: request.period, kind: request.kind.rawValue, subject: request.subject,
        body: request.body, reason: request.reason, actor: actor), proposal: proposal, at: now)
    return Outcome(report: step.report, order: order, isDone: false)
  }

  /// Posts what an order asked for. Throws `orderSettled`, `samePerson`, and `orderStale` when it
  /// would not be the same any more.
  func approve(_ id: Int64, by approver: String, at now: UTCInstant) async throws -> Outcome {
    let order = try await world.store.orders.order(id)
    guard order.state == .pending else { throw StoreError.orderSettled(id: id) }
    let makers = TokenMakers(try await world.store.tokens.list())
    guard !makers.isOnePerson(order.request.actor, approver) else {
      throw APIError.samePerson(name: approver, asker: order.request.actor)
    }
    let request = try PostingRequest(order.request)
    let approval = OrderApproval(order: id, approver: approver)
    let step = try await run(
      request, by: order.request.actor, approval: approval, posts: true,
      expecting: order.proposal, at: now)
    guard step.blockers.isEmpty else { throw request.refusal(step.blockers) }
    guard step.isPosted else { throw APIError.orderStale(id: id) }
    return Outcome(
      report: step.report, order: try await world.store.orders.order(id), isDone: true)
  }

  private struct Step {
    var report: JSONValue
    var blockers: [ClosePeriod.Blocker]
    var proposal: Digest256?
    var isPosted: Bool
  }

  private func run(
    _ request: PostingRequest, by actor: String, approval: OrderApproval?, posts: Bool,
    expecting proposal: Digest256? = nil, at now: UTCInstant
  ) async throws -> Step {
    switch request.content {
    case .close(let waived, let isRestatement, let usesCurrentPolicy):
      let order = ClosePeriod.Order(
        period: request.period, isDryRun: !posts, reason: request.reason, actor: actor,
        waived: waived, isRestatement: isRestatement, usesCurrentPolicy: usesCurrentPolicy,
        approval: approval)
      let job = ClosePeriod(world: world)
      let result = try await job.trial(order, at: now) { trial in
        guard posts, trial.result.blockers.isEmpty, trial.result.computation != nil else { return }
        if let proposal, trial.result.proposal != proposal { return }
        try await job.store(&trial, order)
      }
      return Step(
        report: CloseReport.json(result, period: request.period, world: world),
        blockers: result.blockers, proposal: result.proposal, isPosted: result.isClosed)
    case .correct(let deed):
      let order = PostCorrection.Order(
        period: request.period, deed: deed, reason: request.reason, actor: actor,
        approval: approval)
      let job = PostCorrection(world: world)
      let draft = try await job.draft(order, at: now)
      let found = draft.proposal(reason: request.reason, at: now)
      let isWanted = proposal == nil || found == proposal
      let isPosted = posts && draft.blockers.isEmpty && isWanted
      if isPosted { try await job.post(draft, order, at: now) }
      return Step(
        report: CorrectionDocument.report(
          draft, period: request.period, isPosted: isPosted),
        blockers: draft.blockers, proposal: found, isPosted: isPosted)
    }
  }
}
