/// A line of a FOCUS 1.4 Invoice Detail file: what an issuer asks to be paid, and nothing to allocate.
public struct InvoiceLine: Hashable, Sendable {
  /// The line of the file on which the row begins.
  public var line: Int
  /// InvoiceId.
  public var invoice: String
  /// InvoiceDetailId.
  public var detail: String
  /// InvoiceIssuerName.
  public var issuer: String
  /// BillingAccountId.
  public var account: String
  /// InvoiceIssueStatus: `Open`, `Issued` or `Voided`.
  public var status: String
  /// ChargeCategory.
  public var category: String
  /// The period whose bill it is.
  public var period: Period
  /// BillingCurrency.
  public var currency: Currency
  /// BilledCost.
  public var billed: Amount
}

/// A row of a FOCUS 1.4 Billing Period file: whether a provider may still change a bill.
public struct BillingPeriodNotice: Hashable, Sendable {
  /// The period.
  public var period: Period
  /// InvoiceIssuerName.
  public var issuer: String
  /// Whether BillingPeriodStatus is `Closed`.
  public var isClosed: Bool
  /// BillingPeriodLastUpdated.
  public var updatedAt: UTCInstant
}

extension InvoiceLine {
  /// A line of an invoice.
  public init(
    invoice: String, detail: String, issuer: String, account: String, status: String,
    category: String, period: Period, currency: Currency, billed: Amount
  ) {
    self.init(
      line: 0, invoice: invoice, detail: detail, issuer: issuer, account: account, status: status,
      category: category, period: period, currency: currency, billed: billed)
  }
}

extension BillingPeriodNotice {
  /// A notice as a store keeps it.
  public static func kept(
    period: Period, issuer: String, isClosed: Bool, updatedAt: UTCInstant
  ) -> BillingPeriodNotice {
    BillingPeriodNotice(
      period: period, issuer: issuer, isClosed: isClosed, updatedAt: updatedAt)
  }
}
