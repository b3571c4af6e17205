internal import Accounting

/// The reconciliation of a period as JSON: costs from the invoice to who bears them, usage from
/// batches to statements, and what the closer took on.
enum ReconciliationDocument {
  /// The document.
  static func json(_ computation: PeriodComputation, waived: [ClosePeriod.Blocker]) -> JSONValue {
    .object([
      .init("ties_out", .bool(computation.bridge.tiesOut && computation.usageBridge.tiesOut)),
      .init("costs", computation.bridge.json),
      .init("usage", usage(computation.usageBridge)),
      .init("waived", .array(waived.map(blocker))),
      .init("conversions", .array(computation.allocation.conversions.map(\.json))),
    ])
  }

  /// One blocker as JSON.
  static func blocker(_ blocker: ClosePeriod.Blocker) -> JSONValue {
    .object([
      .init("code", .string(blocker.code)), .init("message", .string(blocker.message)),
    ])
  }

  private static func usage(_ bridge: UsageBridge) -> JSONValue {
    let rows = bridge.rows.map { row in
      JSONValue.object([
        .init("quantity", .string(row.quantity)), .init("batches", .string(String(row.batches))),
        .init("stored", .string(String(row.stored))),
        .init("statements", .string(String(row.statements))),
        .init("late", .string(String(row.late))), .init("agrees", .bool(row.agrees)),
      ])
    }
    return .object([.init("ties_out", .bool(bridge.tiesOut)), .init("rows", .array(rows))])
  }
}
