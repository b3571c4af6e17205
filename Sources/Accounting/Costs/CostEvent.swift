/// One thing that a cost file told the reader.
public enum CostEvent: Hashable, Sendable {
  /// A charge that passed every check. One row may make several: a charge and its credits.
  case record(CostRecord)
  /// A row that did not.
  case fault(RowFault)
  /// A line of an invoice: a control total, no cost.
  case invoiceLine(InvoiceLine)
  /// What a provider says of a billing period.
  case billingPeriod(BillingPeriodNotice)
}

/// Counts over a whole file.
public struct CostFileTotals: Hashable, Sendable {
  /// Rows after the header. Always `goodRows + skippedRows + faultyRows`.
  public var rows = 0
  /// Rows that became records or control totals.
  public var goodRows = 0
  /// Records made of them; more than rows where credits stand inside of rows.
  public var records = 0
  /// Rows that the format says to leave out because other rows carry their money.
  public var skippedRows = 0
  /// Rows that were refused.
  public var faultyRows = 0
  /// Costs with more than 18 fraction digits; each was rounded by at most half of 10^-18.
  public var roundedValues = 0

  /// Nothing read.
  public init() {}

  /// Adds the counts of another file.
  public mutating func add(_ other: CostFileTotals) {
    rows += other.rows
    goodRows += other.goodRows
    records += other.records
    skippedRows += other.skippedRows
    faultyRows += other.faultyRows
    roundedValues += other.roundedValues
  }
}
