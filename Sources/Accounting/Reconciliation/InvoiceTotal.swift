/// What its issuer states of one invoice in one currency (FOCUS 1.4, Invoice Detail).
public struct InvoiceTotal: Hashable, Sendable {
  /// The source that the statement was imported under, which is that of the records too.
  public let source: String
  /// InvoiceId.
  public let invoice: String
  /// The currency.
  public let currency: Currency
  /// How many lines were summed; those of voided invoices are not among them.
  public let lines: Int
  /// How many of these are stated in whole minor units.
  public let linesRounded: Int
  /// The sum of their BilledCost.
  public let billed: Amount

  /// A total.
  public init(
    source: String, invoice: String, currency: Currency, lines: Int, linesRounded: Int,
    billed: Amount
  ) {
    self.source = source
    self.invoice = invoice
    self.currency = currency
    self.lines = lines
    self.linesRounded = linesRounded
    self.billed = billed
  }

  /// The same under another id.
  func named(_ invoice: String) -> InvoiceTotal {
    InvoiceTotal(
      source: source, invoice: invoice, currency: currency, lines: lines,
      linesRounded: linesRounded, billed: billed)
  }

  /// The total of what this and another one state, which is under the other's invoice.
  func adding(to other: InvoiceTotal) throws(AccountingError) -> InvoiceTotal {
    InvoiceTotal(
      source: source, invoice: other.invoice, currency: currency, lines: lines + other.lines,
      linesRounded: linesRounded + other.linesRounded, billed: try billed.adding(other.billed))
  }
}

extension Amount {
  /// Whether the amount is a whole count of a currency's minor units.
  public func isWhole(in currency: Currency) -> Bool {
    units % Amount(micros: currency.microsPerMinorUnit).units == 0
  }
}
