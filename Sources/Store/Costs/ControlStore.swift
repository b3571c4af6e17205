public import Accounting
internal import GRDB

/// What an invoice asks for in one period and currency, as its issuer's control file says.
public struct InvoiceControl: Sendable, Equatable {
  /// The source of the file.
  public var source: String
  /// The import that it came with.
  public var importID: Int64
  /// InvoiceId.
  public var invoice: String
  /// Who issued it.
  public var issuer: String
  /// `Open`, `Issued`, `Voided`, or `Mixed` when its lines differ.
  public var status: String
  /// The currency.
  public var currency: Currency
  /// Lines.
  public var lines: Int
  /// Lines that are not voided.
  public var linesCounted = 0
  /// Of these, lines that are stated in whole minor units of the currency.
  public var linesRounded = 0
  /// Whether any line is not issued yet.
  public var isOpen = false
  /// Sum of BilledCost of lines that are not voided.
  public var billed: Amount
}

/// What a provider said last of a billing period.
public struct BillingPeriodState: Sendable, Equatable {
  /// The source of the file.
  public var source: String
  /// What it said.
  public var notice: BillingPeriodNotice
}

extension CostStore {
  /// Control totals of a period, one for each source, invoice and currency: what reconciliation
  /// compares billed cost with.
  public func invoiceControls(of period: Period) async throws(StoreError) -> [InvoiceControl] {
    try await engine.read("reading invoices of \(period)") { database in
      var found: [InvoiceControl] = []
      let rows = try Row.fetchCursor(
        database,
        sql: """
          SELECT invoice_snapshot.source, invoice_line.* FROM invoice_snapshot
          JOIN invoice_line ON invoice_line.import = invoice_snapshot.import
            AND invoice_line.period = invoice_snapshot.period
          WHERE invoice_snapshot.period = ? AND invoice_snapshot.state = 'current'
          ORDER BY invoice_snapshot.source, invoice, currency, position
          """, arguments: [period.description])
      while let row = try rows.next() {
        let currency = try Stored.currency(row["currency"], table: "invoice_line")
        let status: String = row["status"]
        let isNew =
          found.last.map {
            $0.source != row["source"] || $0.invoice != row["invoice"] || $0.currency != currency
          } ?? true
        if isNew {
          found.append(
            InvoiceControl(
              source: row["source"], importID: row["import"], invoice: row["invoice"],
              issuer: row["issuer"], status: status, currency: currency, lines: 0, billed: .zero))
        }
        let last = found.count - 1
        if status == "Open" { found[last].isOpen = true }
        if found[last].status != status { found[last].status = "Mixed" }
        found[last].lines += 1
        if status != "Voided" {
          let billed = try Stored.amount(row["billed"], table: "invoice_line")
          found[last].linesCounted += 1
          if billed.isWhole(in: currency) { found[last].linesRounded += 1 }
          found[last].billed = try found[last].billed.adding(billed)
        }
      }
      return found
    }
  }

  /// What providers said last of a billing period, by source and issuer.
  public func billingPeriods(of period: Period) async throws(StoreError) -> [BillingPeriodState] {
    try await engine.read("reading billing periods of \(period)") { database in
      try Row.fetchAll(
        database,
        sql: "SELECT * FROM billing_period_notice WHERE period = ? ORDER BY source, issuer",
        arguments: [period.description]
      ).map { row in
        BillingPeriodState(
          source: row["source"],
          notice: BillingPeriodNotice.kept(
            period: period, issuer: row["issuer"], isClosed: row["is_closed"],
            updatedAt: UTCInstant(microseconds: row["updated_at"])))
      }
    }
  }
}
