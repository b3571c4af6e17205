/// Turns rows of FOCUS 1.4 Invoice Detail and Billing Period files into control totals.
struct ControlRowDecoder: Sendable {
  /// Columns that tell an Invoice Detail file.
  static let invoiceMarks: Set<String> = ["InvoiceDetailId", "InvoiceIssueStatus", "PaymentTerms"]
  /// Columns that tell a Billing Period file.
  static let periodMarks: Set<String> = ["BillingPeriodStatus", "BillingPeriodLastUpdated"]

  private static let invoiceColumns = [
    "BilledCost", "BillingAccountId", "BillingCurrency", "BillingPeriodStart", "BillingPeriodEnd",
    "ChargeCategory", "InvoiceDetailId", "InvoiceId", "InvoiceIssueStatus", "InvoiceIssuerName",
  ]
  private static let periodColumns = [
    "BillingPeriodStart", "BillingPeriodEnd", "BillingPeriodStatus", "BillingPeriodLastUpdated",
    "InvoiceIssuerName",
  ]

  private let format: CostFormat
  private let positions: [String: Int]
  private let columnCount: Int

  /// A decoder for a header; throws `focusColumnsMissing`.
  init(_ format: CostFormat, _ header: CostHeader) throws(AccountingError) {
    self.format = format
    positions = header.positions
    columnCount = header.count
    let wanted = format == .focusInvoiceDetail ? Self.invoiceColumns : Self.periodColumns
    let missing = wanted.filter { header.positions[$0] == nil }
    guard missing.isEmpty else { throw .focusColumnsMissing(version: "1.4", columns: missing) }
  }

  /// Decodes one row and appends what it says to `events`.
  func decode(_ row: CostRow, into events: inout [CostEvent]) -> RowOutcome {
    var work = RowWork()
    if row.count != columnCount {
      work.fail(nil, "the row has \(row.count) columns, the header has \(columnCount)", nil)
    } else if let event = format == .focusInvoiceDetail ? invoice(row, &work) : period(row, &work) {
      events.append(event)
      return .good(records: 0, roundedValues: work.roundedValues)
    }
    return .fault(RowFault(line: row.line, problems: work.problems))
  }

  private func invoice(_ row: CostRow, _ work: inout RowWork) -> CostEvent? {
    let billed = positions["BilledCost"].flatMap { work.decimal(row.field($0), "BilledCost") }
    let code = text("BillingCurrency", row, &work)
    let currency = Currency(code: code)
    if currency == nil { work.fail("BillingCurrency", "is not an ISO 4217 currency", code) }
    let period = billingPeriod(row, &work)
    let status = choice("InvoiceIssueStatus", ["Open", "Issued", "Voided"], row, &work)
    let category = text("ChargeCategory", row, &work)
    let invoice = text("InvoiceId", row, &work)
    let detail = text("InvoiceDetailId", row, &work)
    let issuer = text("InvoiceIssuerName", row, &work)
    let account = text("BillingAccountId", row, &work)
    guard work.problems.isEmpty, let billed, let currency, let period else { return nil }
    return .invoiceLine(
      InvoiceLine(
        line: row.line, invoice: invoice, detail: detail, issuer: issuer, account: account,
        status: status, category: category, period: period, currency: currency, billed: billed))
  }

  private func period(_ row: CostRow, _ work: inout RowWork) -> CostEvent? {
    let period = billingPeriod(row, &work)
    let status = choice("BillingPeriodStatus", ["Open", "Closed"], row, &work)
    let issuer = text("InvoiceIssuerName", row, &work)
    let updated = text("BillingPeriodLastUpdated", row, &work)
    let at = try? UTCInstant(parsing: updated)
    if at == nil { work.fail("BillingPeriodLastUpdated", "is not a UTC date or time", updated) }
    guard work.problems.isEmpty, let period, let at else { return nil }
    return .billingPeriod(
      BillingPeriodNotice(
        period: period, issuer: issuer, isClosed: status == "Closed", updatedAt: at))
  }

  private func billingPeriod(_ row: CostRow, _ work: inout RowWork) -> Period? {
    let start = text("BillingPeriodStart", row, &work)
    guard let instant = try? UTCInstant(parsing: start) else {
      work.fail("BillingPeriodStart", "is not a UTC date or time", start)
      return nil
    }
    return Period(containing: instant)
  }

  /// A text that must be there.
  private func text(_ column: String, _ row: CostRow, _ work: inout RowWork) -> String {
    guard let position = positions[column], let text = row.text(position) else {
      work.fail(column, "is not UTF-8", nil)
      return ""
    }
    if text.isEmpty { work.fail(column, "must not be empty", "") }
    return text
  }

  private func choice(
    _ column: String, _ choices: [String], _ row: CostRow, _ work: inout RowWork
  ) -> String {
    let found = text(column, row, &work)
    if !choices.contains(found) {
      work.fail(column, "is not one of \(choices.joined(separator: ", "))", found)
    }
    return found
  }
}
