internal import Accounting
internal import Logging
internal import Store

extension ClosePeriod {
  /// Stores a trial that nothing blocks, and notes in its result that it is closed.
  func store(_ trial: inout Trial, _ order: Order) async throws {
    guard let computation = trial.result.computation, let frozen = trial.frozen else {
      preconditionFailure("only what was computed is stored")
    }
    let loaded = trial.loaded
    let ledger = computation.ledger(after: trial.reversals.last?.head ?? loaded.mark.ledger)
    let facts = PeriodCloseFacts(
      at: loaded.now, actor: order.actor, approver: order.approval?.approver,
      reason: order.reason, frozen: frozen, ledger: ledger)
    let closing = PeriodClosing(
      period: order.period, version: trial.result.version, mark: loaded.mark, facts: facts,
      entries: trial.reversals + computation.entries,
      links: trial.reversals.compactMap { chained in
        chained.entry.reverses.map {
          LedgerLink(entry: chained.entry.id, origin: $0, kind: .reverses)
        }
      }, isRestatement: order.isRestatement, approval: order.approval,
      documents: documents(computation, waived: trial.result.waived))
    try await world.store.periods.close(closing, audit: record(closing, trial, order))
    trial.result.isClosed = true
    world.counters.noteClose()
    world.logger.info(
      order.isRestatement ? "period restated" : "period closed",
      metadata: ["period": "\(order.period)", "version": "\(trial.result.version)"])
  }

  /// What a close leaves to be read.
  func documents(_ computation: PeriodComputation, waived: [Blocker]) -> PeriodDocuments {
    let threshold = world.configuration.reconciliation.varianceBasisPoints
    let statements = computation.statements
    return PeriodDocuments(
      statements: StatementDocuments(count: statements.count) { index in
        let statement = try statements.statement(at: index)
        return StatementDocument(
          tenant: statement.tenant, total: statement.total, bytes: statement.canonicalJSON(),
          amounts: StatementAmounts.bytes(statement.amounts))
      },
      summary: computation.statements.summary.canonicalJSON(),
      reconciliation: ReconciliationDocument.json(
        computation, waived: waived, thresholdBasisPoints: threshold
      ).canonicalBytes)
  }

  private func record(_ closing: PeriodClosing, _ trial: Trial, _ order: Order) -> AuditRecord {
    var words =
      "version=\(closing.version) \(LedgerAnchorText.text(closing.facts.ledger))"
      + " waived=\(trial.result.waived.map(\.code).joined(separator: ","))"
    if let approval = order.approval { words += " order=\(approval.order)" }
    return AuditRecord(
      at: trial.loaded.now, actor: order.actor,
      action: order.isRestatement ? .periodRestate : .periodClose,
      subject: order.period.description, detail: words + " reason=\(order.reason)")
  }
}
