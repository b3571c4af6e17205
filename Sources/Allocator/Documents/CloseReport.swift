internal import Accounting

/// What a close, or the trial of one, came to, as JSON.
enum CloseReport {
  /// The report.
  static func json(
    _ result: ClosePeriod.Result, period: Period, world: AllocatorWorld
  ) -> JSONValue {
    let state = result.isClosed || result.state == .softClosed ? result.state : .open
    let threshold = world.configuration.reconciliation.varianceBasisPoints
    var members: [JSONValue.Member] = [
      .init("period", .string(period.description)),
      .init("state", .string((result.isClosed ? .closed : state).rawValue)),
      .init("version", .integer(result.version)),
      .init("blockers", .array(result.blockers.map(ReconciliationDocument.blocker))),
      .init("waived", .array(result.waived.map(ReconciliationDocument.blocker))),
    ]
    guard let computation = result.computation else { return .object(members) }
    members += [
      .init(
        "reconciliation",
        ReconciliationDocument.json(
          computation, waived: result.waived, thresholdBasisPoints: threshold)),
      .init("totals", totals(computation)),
      .init("entries", .integer(computation.entries.count)),
    ]
    if let summary = try? JSONValue(parsing: computation.statements.summary.canonicalJSON()) {
      members.append(.init("summary", summary))
    }
    return .object(members)
  }

  /// The figures that a period ties out with.
  private static func totals(_ computation: PeriodComputation) -> JSONValue {
    let summary = computation.statements.summary
    return .object([
      .init("currency", .string(summary.total.currency.code)),
      .init("statements", .integer(computation.statements.count)),
      .init("tenants", .string(summary.tenants.text)),
      .init("unallocated", .string(summary.unallocated.text)),
      .init("kept", .string(summary.kept.text)), .init("rounding", .string(summary.rounding.text)),
      .init("fx", .string(summary.fx.text)),
      .init("posted", .string(summary.total.text)),
      .init("invoice", .text(computation.bridge.amount(of: "invoice")?.description)),
      .init("rest", .string(summary.rest.description)),
      .init("difference", .string(computation.bridge.difference.description)),
    ])
  }
}
