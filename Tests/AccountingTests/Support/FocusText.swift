import Accounting

/// FOCUS files as text, column by column.
struct FocusText {
  /// The columns that a 1.2 file must have, and some more.
  static let columns12 = [
    "BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "BillingAccountId",
    "BillingAccountName", "BillingCurrency", "BillingPeriodStart", "BillingPeriodEnd",
    "ChargePeriodStart", "ChargePeriodEnd", "ChargeCategory", "ChargeClass", "ChargeDescription",
    "InvoiceIssuerName", "PricingQuantity", "PricingUnit", "ServiceCategory", "ServiceName",
    "ProviderName", "PublisherName", "InvoiceId", "ResourceId", "SubAccountId", "SkuId", "Tags",
  ]

  /// The columns of a 1.3 file with split rows.
  static let columns13 =
    columns12 + [
      "HostProviderName", "ServiceProviderName", "AllocatedMethodId", "AllocatedTags",
    ]

  private static let defaults = [
    "BilledCost": "1.5", "EffectiveCost": "1.25", "ListCost": "2", "ContractedCost": "1.5",
    "BillingAccountId": "1234567890123", "BillingCurrency": "USD",
    "BillingPeriodStart": "2026-10-01T00:00:00Z", "BillingPeriodEnd": "2026-11-01T00:00:00Z",
    "ChargePeriodStart": "2026-10-05T00:00:00Z", "ChargePeriodEnd": "2026-10-06T00:00:00Z",
    "ChargeCategory": "Usage", "InvoiceIssuerName": "Cloud", "ServiceCategory": "Compute",
    "ServiceName": "Virtual Machines", "ProviderName": "Cloud", "PublisherName": "Cloud",
    "ServiceProviderName": "Cloud", "HostProviderName": "Cloud", "InvoiceId": "INV-1",
  ]

  var columns = columns12
  var lineEnd = "\n"

  /// The header row.
  var header: String { columns.joined(separator: ",") + lineEnd }

  /// A row with these values in place of the defaults.
  func row(_ values: [String: String] = [:]) -> String {
    columns.map { Self.quoted(values[$0] ?? Self.defaults[$0] ?? "") }.joined(separator: ",")
      + lineEnd
  }

  static func quoted(_ text: String) -> String {
    guard text.utf8.contains(where: { ",\"\r\n".utf8.contains($0) }) else { return text }
    return "\""
      + text.split(separator: "\"", omittingEmptySubsequences: false)
      .joined(separator: "\"\"") + "\""
  }
}

/// A whole file, read in pieces.
struct FocusReading {
  var records: [CostRecord] = []
  var faults: [RowFault] = []
  var invoiceLines: [InvoiceLine] = []
  var notices: [BillingPeriodNotice] = []
  var totals = CostFileTotals()
  var version: FocusVersion?
  var format: CostFormat?

  init(
    _ bytes: [UInt8], pieces: [Int] = [], choice: CostFileChoice = CostFileChoice(),
    limits: CostFileLimits = CostFileLimits()
  ) throws {
    var reader = CostFileReader(choice, limits: limits)
    var start = 0
    for end in pieces + [bytes.count] {
      note(try reader.feed(Array(bytes[start..<end])))
      start = end
    }
    note(try reader.finish())
    totals = reader.totals
    version = reader.version
    format = reader.format
  }

  init(_ text: String, limits: CostFileLimits = CostFileLimits()) throws {
    try self.init(Array(text.utf8), limits: limits)
  }

  private mutating func note(_ events: [CostEvent]) {
    for event in events {
      switch event {
      case .record(let record): records.append(record)
      case .fault(let fault): faults.append(fault)
      case .invoiceLine(let line): invoiceLines.append(line)
      case .billingPeriod(let notice): notices.append(notice)
      }
    }
  }
}
