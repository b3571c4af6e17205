internal import Accounting

/// The reconciliation of a period as JSON: costs from the invoice to who bears them, usage from
/// batches to statements, the variance as SLI M5, and what the closer took on.
enum ReconciliationDocument {
  /// The document.
  static func json(
    _ computation: PeriodComputation, waived: [ClosePeriod.Blocker], thresholdBasisPoints: Int
  ) -> JSONValue {
    let summary = computation.statements.summary
    let printed = summary.rows.reduce(Int128(0)) { $0 + Int128($1.printed) }
    let variance = try? InvoiceVariance(
      computation.bridge, thresholdBasisPoints: thresholdBasisPoints)
    return .object([
      .init("ties_out", .bool(computation.bridge.tiesOut && computation.usageBridge.tiesOut)),
      .init("costs", computation.bridge.json),
      .init("invoices", computation.costs.stated.json),
      .init("categories", categories(computation.costs)),
      .init("variance", variance?.json ?? .null),
      .init(
        "printed_difference",
        .string(
          DecimalText.fixed(
            Int128(summary.printedTotal) - printed, digits: summary.total.currency.minorDigits))),
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

  /// What the bill is made of: usage, purchases, taxes, credits, adjustments of the provider.
  private static func categories(_ costs: PooledCosts) -> JSONValue {
    .array(
      costs.categories.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.map {
        .object([
          .init("category", .string($0.key)), .init("records", .integer($0.value.records)),
          .init("billed", .string($0.value.billed.description)),
          .init("effective", .string($0.value.effective.description)),
        ])
      })
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
