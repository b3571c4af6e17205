/// A published version of the FOCUS cost and usage columns, told by the header alone.
public enum FocusVersion: String, CaseIterable, Hashable, Sendable {
  /// June 2024.
  case v10 = "1.0"
  /// November 2024.
  case v11 = "1.1"
  /// 2025, with invoice ids and pricing currencies.
  case v12 = "1.2"
  /// 2025, with split cost allocation and service providers.
  case v13 = "1.3"
  /// 2026, without ProviderName and PublisherName.
  case v14 = "1.4"

  /// The version of a file with these columns; `nil` when no column names a provider.
  ///
  /// A file carries the marks of every version up to its own, so the newest mark decides.
  static func detect(_ columns: Set<String>) -> FocusVersion? {
    let hasOldProvider = columns.contains("ProviderName")
    if columns.contains("ServiceProviderName") { return hasOldProvider ? .v13 : .v14 }
    guard hasOldProvider else { return nil }
    if !columns.isDisjoint(with: marksOf13) { return .v13 }
    if !columns.isDisjoint(with: marksOf12) { return .v12 }
    return columns.isDisjoint(with: marksOf11) ? .v10 : .v11
  }

  /// The columns that a file of this version must have.
  var mandatoryColumns: [String] {
    switch self {
    case .v10, .v11, .v12: Self.common + ["ProviderName", "PublisherName"]
    case .v13:
      Self.common + ["ProviderName", "PublisherName", "HostProviderName", "ServiceProviderName"]
    case .v14: Self.common + ["HostProviderName", "ServiceProviderName"]
    }
  }

  /// The columns that all versions must have.
  static let common = [
    "BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "BillingAccountId",
    "BillingAccountName", "BillingCurrency", "BillingPeriodStart", "BillingPeriodEnd",
    "ChargePeriodStart", "ChargePeriodEnd", "ChargeCategory", "ChargeClass", "ChargeDescription",
    "InvoiceIssuerName", "PricingQuantity", "PricingUnit", "ServiceCategory", "ServiceName",
  ]

  private static let marksOf13: Set<String> = [
    "AllocatedMethodId", "AllocatedMethodDetails", "AllocatedResourceId", "AllocatedResourceName",
    "AllocatedTags", "ContractApplied", "HostProviderName",
  ]

  private static let marksOf12: Set<String> = [
    "BillingAccountType", "SubAccountType", "InvoiceId", "PricingCurrency",
    "PricingCurrencyContractedUnitPrice", "PricingCurrencyEffectiveCost",
    "PricingCurrencyListUnitPrice",
  ]

  private static let marksOf11: Set<String> = [
    "CapacityReservationId", "CapacityReservationStatus", "CommitmentDiscountQuantity",
    "CommitmentDiscountUnit", "ServiceSubcategory", "SkuMeter", "SkuPriceDetails",
  ]
}
