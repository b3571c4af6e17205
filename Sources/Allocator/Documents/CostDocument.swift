internal import Accounting
internal import Digest
internal import Store

/// Imports, their differences and control totals as JSON.
enum CostDocument {
  /// An import.
  static func members(_ done: CostImport) -> [JSONValue.Member] {
    [
      .init("id", .integer(done.id)), .init("source", .string(done.source)),
      .init("status", .string(done.isUnchanged ? "unchanged" : "stored")),
      .init("sha256", .string(done.digest.hex)), .init("format", .string(done.form.rawValue)),
      .init("focus_version", .text(done.version)), .init("map", .text(done.map?.hex)),
      .init("bytes", .integer(done.bytes)), .init("rows_good", .integer(done.goodRows)),
      .init("records", .integer(done.records)), .init("rows_skipped", .integer(done.skippedRows)),
      .init("rows_quarantined", .integer(done.faultyRows)),
      .init("values_rounded", .integer(done.roundedValues)),
      .init("received_at", .string(done.receivedAt.description)),
      .init("by", .string(done.actor)),
      .init("snapshots", .array(done.snapshots.map(snapshot))),
      .init("totals", .array(done.totals.map(total))),
    ]
  }

  /// A snapshot.
  static func snapshot(_ snapshot: CostSnapshot) -> JSONValue {
    .object([
      .init("import", .integer(snapshot.importID)), .init("source", .string(snapshot.source)),
      .init("period", .string(snapshot.period.description)),
      .init("sha256", .string(snapshot.digest.hex)), .init("records", .integer(snapshot.records)),
      .init("state", .string(snapshot.state.rawValue)),
      .init("replaces", snapshot.replaces.map { .integer($0) } ?? .null),
      .init("late", .bool(snapshot.isLate)),
    ])
  }

  private static func total(_ total: CostTotal) -> JSONValue {
    .object([
      .init("period", .string(total.period.description)),
      .init("currency", .string(total.currency.code)), .init("records", .integer(total.records)),
      .init("billed", .string(total.billed.description)),
      .init("effective", .string(total.effective.description)),
    ])
  }

  /// A thing that is wrong with a row.
  static func fault(_ row: QuarantinedRow) -> JSONValue {
    .object([
      .init("file", .text(row.file)), .init("line", .integer(row.line)),
      .init("column", .text(row.column)), .init("reason", .string(row.reason)),
      .init("value", .text(row.value)),
    ])
  }

  /// What a snapshot changed.
  static func difference(_ change: CostDifference) -> JSONValue {
    .object([
      .init("period", .string(change.snapshot.period.description)),
      .init("replaces", change.snapshot.replaces.map { .integer($0) } ?? .null),
      .init("late", .bool(change.snapshot.isLate)),
      .init(
        "rows",
        .array(
          change.rows.map { row in
            .object([
              .init("service", .string(row.service)),
              .init("charge_category", .string(row.category)),
              .init("currency", .string(row.currency.code)),
              .init("records_before", .integer(row.before.records)),
              .init("records_after", .integer(row.after.records)),
              .init("billed_before", .string(row.before.billed.description)),
              .init("billed_after", .string(row.after.billed.description)),
              .init("billed_change", moved(row.before.billed, row.after.billed)),
              .init("effective_before", .string(row.before.effective.description)),
              .init("effective_after", .string(row.after.effective.description)),
              .init("effective_change", moved(row.before.effective, row.after.effective)),
            ])
          })),
    ])
  }

  /// The difference of two sums; null when it leaves the range of amounts.
  private static func moved(_ before: Amount, _ after: Amount) -> JSONValue {
    (try? after.subtracting(before)).map { .string($0.description) } ?? .null
  }

  /// What came late for a period; `closed` is false when nothing can be late.
  static func late(_ late: LatePools?, _ period: Period) -> JSONValue {
    .object([
      .init("period", .string(period.description)), .init("closed", .bool(late != nil)),
      .init("currency", .text(late?.currency.code)),
      .init(
        "sources",
        .array(
          (late?.sources ?? []).map { source in
            .object([
              .init("source", .string(source.source)),
              .init("closed_import", source.closed.map { .integer($0) } ?? .null),
              .init("current_import", source.current.map { .integer($0) } ?? .null),
            ])
          })),
      .init(
        "pools",
        .array(
          (late?.pools ?? []).map { pool in
            .object([
              .init("pool", .string(pool.name)),
              .init("records_closed", .integer(pool.closed.records)),
              .init("records_current", .integer(pool.current.records)),
              .init("effective_closed", .string(pool.closed.effective.description)),
              .init("effective_current", .string(pool.current.effective.description)),
              .init("effective_change", moved(pool.closed.effective, pool.current.effective)),
            ])
          })),
    ])
  }

  /// Control totals of a period, and what providers say of it.
  static func controls(
    _ controls: [InvoiceControl], _ states: [BillingPeriodState], _ period: Period
  ) -> JSONValue {
    .object([
      .init("period", .string(period.description)),
      .init(
        "invoices",
        .array(
          controls.map { control in
            .object([
              .init("source", .string(control.source)), .init("import", .integer(control.importID)),
              .init("invoice", .string(control.invoice)), .init("issuer", .string(control.issuer)),
              .init("status", .string(control.status)),
              .init("currency", .string(control.currency.code)),
              .init("lines", .integer(control.lines)),
              .init("billed", .string(control.billed.description)),
            ])
          })),
      .init(
        "billing_periods",
        .array(
          states.map { state in
            .object([
              .init("source", .string(state.source)), .init("issuer", .string(state.notice.issuer)),
              .init("closed", .bool(state.notice.isClosed)),
              .init("updated_at", .string(state.notice.updatedAt.description)),
            ])
          })),
    ])
  }
}
