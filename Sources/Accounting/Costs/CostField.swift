/// The text columns of a cost record that policies can match on. The raw value is the policy's name
/// for the field; `columns` are the FOCUS columns it is read from, first one present wins.
public enum CostField: String, CaseIterable, Hashable, Sendable {
  /// ServiceName.
  case service
  /// ServiceCategory.
  case serviceCategory = "service_category"
  /// ServiceSubcategory.
  case serviceSubcategory = "service_subcategory"
  /// SkuId.
  case sku
  /// SkuPriceId.
  case skuPrice = "sku_price"
  /// SkuMeter.
  case skuMeter = "sku_meter"
  /// RegionId.
  case region
  /// AvailabilityZone.
  case availabilityZone = "availability_zone"
  /// ResourceId.
  case resource
  /// ResourceName.
  case resourceName = "resource_name"
  /// ResourceType.
  case resourceType = "resource_type"
  /// SubAccountId.
  case subAccount = "sub_account"
  /// SubAccountName.
  case subAccountName = "sub_account_name"
  /// BillingAccountId.
  case billingAccount = "billing_account"
  /// BillingAccountName.
  case billingAccountName = "billing_account_name"
  /// InvoiceId.
  case invoice
  /// InvoiceDetailId.
  case invoiceDetail = "invoice_detail"
  /// InvoiceIssuerName.
  case invoiceIssuer = "invoice_issuer"
  /// ServiceProviderName, or ProviderName before 1.3.
  case provider
  /// HostProviderName.
  case hostProvider = "host_provider"
  /// PublisherName.
  case publisher
  /// ChargeCategory.
  case chargeCategory = "charge_category"
  /// ChargeClass.
  case chargeClass = "charge_class"
  /// ChargeDescription.
  case chargeDescription = "charge_description"
  /// ChargeFrequency.
  case chargeFrequency = "charge_frequency"
  /// PricingCategory.
  case pricingCategory = "pricing_category"
  /// PricingUnit.
  case pricingUnit = "pricing_unit"
  /// ConsumedUnit.
  case consumedUnit = "consumed_unit"
  /// CommitmentDiscountId.
  case commitment
  /// CommitmentDiscountStatus.
  case commitmentStatus = "commitment_status"
  /// CapacityReservationId.
  case capacityReservation = "capacity_reservation"
  /// CapacityReservationStatus.
  case capacityStatus = "capacity_status"
  /// AllocatedMethodId.
  case allocatedMethod = "allocated_method"
  /// AllocatedResourceId.
  case allocatedResource = "allocated_resource"
  /// AllocatedResourceName.
  case allocatedResourceName = "allocated_resource_name"
  /// x_ExchangeRate: units of the currency below for one unit of BillingCurrency.
  case exchangeRate = "exchange_rate"
  /// x_ExchangeCurrency: where the rate leads.
  case exchangeCurrency = "exchange_currency"

  /// The FOCUS columns this field is read from, in order of preference.
  public var columns: [String] {
    switch self {
    case .service: ["ServiceName"]
    case .sku, .resource, .subAccount, .billingAccount, .invoice, .region, .skuPrice,
      .invoiceDetail, .capacityReservation, .allocatedMethod, .allocatedResource:
      [Self.pascalCase(rawValue) + "Id"]
    case .invoiceIssuer: ["InvoiceIssuerName"]
    case .provider: ["ServiceProviderName", "ProviderName"]
    case .hostProvider: ["HostProviderName"]
    case .publisher: ["PublisherName"]
    case .commitment: ["CommitmentDiscountId"]
    case .commitmentStatus: ["CommitmentDiscountStatus"]
    case .capacityStatus: ["CapacityReservationStatus"]
    case .exchangeRate, .exchangeCurrency: ["x_" + Self.pascalCase(rawValue)]
    default: [Self.pascalCase(rawValue)]
    }
  }

  /// The position of this field among all fields.
  var index: Int { Self.positions[self] ?? 0 }

  private static let positions = Dictionary(
    uniqueKeysWithValues: allCases.enumerated().map { ($1, $0) })

  private static func pascalCase(_ name: String) -> String {
    name.split(separator: "_").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
  }
}
