/// The shapes of cost files that Weir reads.
public enum CostFormat: String, CaseIterable, Hashable, Sendable {
  /// FOCUS Cost and Usage 1.0 to 1.4, CSV.
  case focus
  /// FOCUS 1.4 Invoice Detail, CSV: control totals, no costs.
  case focusInvoiceDetail = "focus-invoice-detail"
  /// FOCUS 1.4 Billing Period, CSV: whether the provider will change the bill, no costs.
  case focusBillingPeriod = "focus-billing-period"
  /// AWS Cost and Usage Report 2.0, CSV.
  case awsCUR2 = "aws-cur-2"
  /// Azure cost details of an Enterprise Agreement or a Microsoft Customer Agreement, CSV.
  case azureCostDetails = "azure-cost-details"
  /// Google Cloud detailed usage cost export, JSON Lines.
  case googleDetailed = "google-detailed"
  /// The answer of OpenCost's allocation endpoint, JSON.
  case openCost = "opencost"
  /// CSV through a map that the operator wrote.
  case mapped

  /// The built-in map of a format that is read through one.
  var map: ColumnMap? {
    switch self {
    case .awsCUR2: .awsCUR2
    case .azureCostDetails: .azureCostDetails
    case .googleDetailed: .googleDetailed
    case .focus, .focusInvoiceDetail, .focusBillingPeriod, .openCost, .mapped: nil
    }
  }
}

/// How the form of a file is told, and what its form leaves open.
public struct CostFileChoice: Hashable, Sendable {
  /// The form; `nil` to tell it by the first bytes and the header.
  public var format: CostFormat?
  /// The operator's map; makes the form `mapped`.
  public var map: ColumnMap?
  /// The currency of forms that do not name one (OpenCost).
  public var currency: Currency?

  /// A choice; by default everything is told by the file.
  public init(format: CostFormat? = nil, map: ColumnMap? = nil, currency: Currency? = nil) {
    self.format = map == nil ? format : .mapped
    self.map = map
    self.currency = currency
  }
}
