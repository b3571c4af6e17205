/// The text columns of a cost record that policies can match on. `name` is the policy's name for the
/// field; `columns` are the FOCUS columns it is read from, first one present wins.
///
/// The raw value is the position among all fields, and part of the stored form of records: new fields are
/// added at the end.
public enum CostField: UInt8, CaseIterable, Hashable, Sendable {
  /// ServiceName.
  case service
  /// ServiceCategory.
  case serviceCategory
  /// ServiceSubcategory.
  case serviceSubcategory
  /// SkuId.
  case sku
  /// SkuPriceId.
  case skuPrice
  /// SkuMeter.
  case skuMeter
  /// RegionId.
  case region
  /// AvailabilityZone.
  case availabilityZone
  /// ResourceId.
  case resource
  /// ResourceName.
  case resourceName
  /// ResourceType.
  case resourceType
  /// SubAccountId.
  case subAccount
  /// SubAccountName.
  case subAccountName
  /// BillingAccountId.
  case billingAccount
  /// BillingAccountName.
  case billingAccountName
  /// InvoiceId.
  case invoice
  /// InvoiceDetailId.
  case invoiceDetail
  /// InvoiceIssuerName.
  case invoiceIssuer
  /// ServiceProviderName, or ProviderName before 1.3.
  case provider
  /// HostProviderName.
  case hostProvider
  /// PublisherName.
  case publisher
  /// ChargeCategory.
  case chargeCategory
  /// ChargeClass.
  case chargeClass
  /// ChargeDescription.
  case chargeDescription
  /// ChargeFrequency.
  case chargeFrequency
  /// PricingCategory.
  case pricingCategory
  /// PricingUnit.
  case pricingUnit
  /// ConsumedUnit.
  case consumedUnit
  /// CommitmentDiscountId.
  case commitment
  /// CommitmentDiscountStatus.
  case commitmentStatus
  /// CapacityReservationId.
  case capacityReservation
  /// CapacityReservationStatus.
  case capacityStatus
  /// AllocatedMethodId.
  case allocatedMethod
  /// AllocatedResourceId.
  case allocatedResource
  /// AllocatedResourceName.
  case allocatedResourceName
  /// What the SKU map calls the service; in no file, and set when records are put in pools.
  case normalizedService
  /// x_ExchangeRate: units of the currency below for one unit of BillingCurrency.
  case exchangeRate
  /// x_ExchangeCurrency: where the rate leads.
  case exchangeCurrency
  /// What is counted, in the provider's words: line_item_usage_type of AWS, x_UsageType of its FOCUS exports.
  case usageType

  /// The policy's name for this field, in snake case.
  public var name: String {
    switch self {
    case .service: "service"
    case .serviceCategory: "service_category"
    case .serviceSubcategory: "service_subcategory"
    case .sku: "sku"
    case .skuPrice: "sku_price"
    case .skuMeter: "sku_meter"
    case .region: "region"
    case .availabilityZone: "availability_zone"
    case .resource: "resource"
    case .resourceName: "resource_name"
    case .resourceType: "resource_type"
    case .subAccount: "sub_account"
    case .subAccountName: "sub_account_name"
    case .billingAccount: "billing_account"
    case .billingAccountName: "billing_account_name"
    case .invoice: "invoice"
    case .invoiceDetail: "invoice_detail"
    case .invoiceIssuer: "invoice_issuer"
    case .provider: "provider"
    case .hostProvider: "host_provider"
    case .publisher: "publisher"
    case .chargeCategory: "charge_category"
    case .chargeClass: "charge_class"
    case .chargeDescription: "charge_description"
    case .chargeFrequency: "charge_frequency"
    case .pricingCategory: "pricing_category"
    case .pricingUnit: "pricing_unit"
    case .consumedUnit: "consumed_unit"
    case .commitment: "commitment"
    case .commitmentStatus: "commitment_status"
    case .capacityReservation: "capacity_reservation"
    case .capacityStatus: "capacity_status"
    case .allocatedMethod: "allocated_method"
    case .allocatedResource: "allocated_resource"
    case .allocatedResourceName: "allocated_resource_name"
    case .normalizedService: "normalized_service"
    case .exchangeRate: "exchange_rate"
    case .exchangeCurrency: "exchange_currency"
    case .usageType: "usage_type"
    }
  }

  /// The field with a policy's name; `nil` when there is none.
  public init?(named name: String) {
    guard let field = Self.byName[name] else { return nil }
    self = field
  }

  private static let byName = Dictionary(uniqueKeysWithValues: allCases.map { ($0.name, $0) })

  /// The FOCUS columns this field is read from, in order of preference.
  public var columns: [String] {
    switch self {
    case .service: ["ServiceName"]
    case .normalizedService: []
    case .sku, .resource, .subAccount, .billingAccount, .invoice, .region, .skuPrice,
      .invoiceDetail, .capacityReservation, .allocatedMethod, .allocatedResource:
      [Self.pascalCase(name) + "Id"]
    case .invoiceIssuer: ["InvoiceIssuerName"]
    case .provider: ["ServiceProviderName", "ProviderName"]
    case .hostProvider: ["HostProviderName"]
    case .publisher: ["PublisherName"]
    case .commitment: ["CommitmentDiscountId"]
    case .commitmentStatus: ["CommitmentDiscountStatus"]
    case .capacityStatus: ["CapacityReservationStatus"]
    case .exchangeRate, .exchangeCurrency, .usageType: ["x_" + Self.pascalCase(name)]
    default: [Self.pascalCase(name)]
    }
  }

  /// The position of this field among all fields.
  var index: Int { Int(rawValue) }

  private static func pascalCase(_ name: String) -> String {
    name.split(separator: "_").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
  }
}
