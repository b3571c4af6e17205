extension ColumnMap {
  /// AWS Cost and Usage Report 2.0.
  ///
  /// Billed is the unblended cost (net of discounts where the export has it). Effective is amortised: it
  /// moves what savings plans and reservations cost from their fees to the usage they cover, so that
  /// the fee rows keep only what stayed unused.
  static let awsCUR2: ColumnMap = {
    let unblended = Money(["line_item_net_unblended_cost", "line_item_unblended_cost"])
    var map = ColumnMap(
      name: CostFormat.awsCUR2.rawValue, billed: unblended, effective: unblended,
      billingPeriod: .columns(
        start: ["bill_billing_period_start_date"], end: ["bill_billing_period_end_date"]),
      chargePeriod: .columns(
        start: ["line_item_usage_start_date"], end: ["line_item_usage_end_date"]))
    map.signature = [["line_item_line_item_type"], ["bill_payer_account_id"]]
    map.required = [
      ["line_item_line_item_type"], ["line_item_unblended_cost"], ["line_item_currency_code"],
      ["line_item_usage_start_date"], ["line_item_usage_end_date"],
      ["bill_billing_period_start_date"], ["bill_billing_period_end_date"],
      ["line_item_product_code"], ["bill_payer_account_id"],
    ]
    map.texts = [
      .service: ["product_servicecode", "line_item_product_code"],
      .serviceSubcategory: ["product_product_family"],
      .sku: ["product_sku", "line_item_usage_type"],
      .skuMeter: ["line_item_operation"], .usageType: ["line_item_usage_type"],
      .region: ["product_region_code"],
      .availabilityZone: ["line_item_availability_zone"], .resource: ["line_item_resource_id"],
      .subAccount: ["line_item_usage_account_id"],
      .subAccountName: ["line_item_usage_account_name"],
      .billingAccount: ["bill_payer_account_id"],
      .billingAccountName: ["bill_payer_account_name"], .invoice: ["bill_invoice_id"],
      .invoiceIssuer: ["bill_invoicing_entity", "line_item_legal_entity"],
      .chargeDescription: ["line_item_line_item_description"], .pricingCategory: ["pricing_term"],
      .pricingUnit: ["pricing_unit"],
      .commitment: ["savings_plan_savings_plan_a_r_n", "reservation_reservation_a_r_n"],
      .capacityReservation: ["capacity_reservation_capacity_reservation_arn"],
    ]
    map.constants = [
      .provider: "AWS", .publisher: "AWS", .invoiceIssuer: "AWS", .serviceCategory: "Other",
    ]
    map.list = Money(["pricing_public_on_demand_cost"])
    map.currency = ["line_item_currency_code"]
    map.quantity = ["line_item_usage_amount"]
    map.tags = [
      Tags(columns: ["resource_tags"], format: .json),
      Tags(columns: ["cost_category"], format: .json),
    ]
    map.tagPrefix = "resource_tags_"
    map.kinds = Kinds(columns: ["line_item_line_item_type"], values: awsLineItems, otherwise: nil)
    map.hasAWSSplits = true
    return map
  }()

  private static let awsLineItems: [String: Treatment] = [
    "Usage": Treatment(category: "Usage"),
    "DiscountedUsage": Treatment(
      category: "Usage",
      effective: Money(["reservation_net_effective_cost", "reservation_effective_cost"])),
    "SavingsPlanCoveredUsage": Treatment(
      category: "Usage",
      effective: Money([
        "savings_plan_net_savings_plan_effective_cost", "savings_plan_savings_plan_effective_cost",
      ])),
    "SavingsPlanNegation": Treatment(category: "Usage", effective: .zero),
    "SavingsPlanRecurringFee": Treatment(
      category: "Purchase",
      effective: Money(
        ["savings_plan_total_commitment_to_date"], minus: ["savings_plan_used_commitment"])),
    "SavingsPlanUpfrontFee": Treatment(category: "Purchase", effective: .zero),
    "RIFee": Treatment(
      category: "Purchase",
      effective: Money(
        [
          "reservation_net_unused_amortized_upfront_fee_for_billing_period",
          "reservation_unused_amortized_upfront_fee_for_billing_period",
        ],
        ["reservation_net_unused_recurring_fee", "reservation_unused_recurring_fee"])),
    "Fee": Treatment(category: "Purchase"),
    "Tax": Treatment(category: "Tax"),
    "Credit": Treatment(category: "Credit"),
    "Refund": Treatment(category: "Adjustment"),
    "BundledDiscount": Treatment(category: "Adjustment"),
    "EdpDiscount": Treatment(category: "Adjustment"),
    "PrivateRateDiscount": Treatment(category: "Adjustment"),
    "DistributorDiscount": Treatment(category: "Adjustment"),
    "Discount": Treatment(category: "Adjustment"),
  ]

  /// Azure cost details of an Enterprise Agreement, or of a Microsoft Customer Agreement, whose names
  /// differ in case and in a few words. The actual-cost export ties to the invoice.
  static let azureCostDetails: ColumnMap = {
    let cost = Money(["CostInBillingCurrency", "PreTaxCost", "Cost"])
    var map = ColumnMap(
      name: CostFormat.azureCostDetails.rawValue, billed: cost, effective: cost,
      billingPeriod: .month(["BillingPeriodStartDate", "Date", "UsageDateTime"]),
      chargePeriod: .day(["Date", "UsageDateTime"]))
    map.ignoresCase = true
    map.signature = [["MeterCategory"], ["ChargeType"], ["CostInBillingCurrency", "PreTaxCost"]]
    map.required = [
      ["CostInBillingCurrency", "PreTaxCost", "Cost"], ["BillingCurrency", "BillingCurrencyCode"],
      ["Date", "UsageDateTime"], ["MeterCategory"], ["ChargeType"],
    ]
    map.texts = [
      .service: ["MeterCategory", "ConsumedService"], .serviceSubcategory: ["MeterSubCategory"],
      .sku: ["MeterId"], .skuMeter: ["MeterName"], .skuPrice: ["ProductId", "PartNumber"],
      .region: ["ResourceLocation", "MeterRegion"], .resource: ["ResourceId", "InstanceName"],
      .resourceName: ["ResourceName"], .resourceType: ["ConsumedService"],
      .subAccount: ["SubscriptionId", "SubscriptionGuid"], .subAccountName: ["SubscriptionName"],
      .billingAccount: ["BillingAccountId", "BillingProfileId"],
      .billingAccountName: ["BillingAccountName", "BillingProfileName"],
      .invoice: ["InvoiceId"], .invoiceIssuer: ["InvoicingEntity"],
      .publisher: ["PublisherName"], .chargeDescription: ["ProductName", "Product"],
      .chargeFrequency: ["Frequency"], .pricingCategory: ["PricingModel"],
      .pricingUnit: ["UnitOfMeasure"], .commitment: ["BenefitId", "ReservationId"],
    ]
    map.constants = [
      .provider: "Microsoft", .publisher: "Microsoft", .invoiceIssuer: "Microsoft",
      .serviceCategory: "Other", .billingAccount: "unknown",
    ]
    map.list = Money(["PayGCostInBillingCurrency"])
    map.currency = ["BillingCurrency", "BillingCurrencyCode"]
    map.quantity = ["Quantity", "UsageQuantity"]
    map.tags = [Tags(columns: ["Tags"], format: .json)]
    map.kinds = Kinds(
      columns: ["ChargeType"],
      values: [
        "Usage": Treatment(category: "Usage"), "Purchase": Treatment(category: "Purchase"),
        "Refund": Treatment(category: "Adjustment"),
        "Adjustment": Treatment(category: "Adjustment"),
        "RoundingAdjustment": Treatment(category: "Adjustment"),
        "UnusedReservation": Treatment(category: "Usage", billed: .zero),
        "UnusedSavingsPlan": Treatment(category: "Usage", billed: .zero),
        "Tax": Treatment(category: "Tax"), "Credit": Treatment(category: "Credit"),
      ], otherwise: nil)
    return map
  }()

  /// Google Cloud detailed usage cost export. Credits are negative and stand inside of the rows.
  static let googleDetailed: ColumnMap = {
    var map = ColumnMap(
      name: CostFormat.googleDetailed.rawValue, billed: Money(["cost"]), effective: Money(["cost"]),
      billingPeriod: .month(["invoice.month"]),
      chargePeriod: .columns(start: ["usage_start_time"], end: ["usage_end_time"]))
    map.shape = .jsonLines
    map.required = [["cost"], ["currency"], ["invoice.month"], ["service.description"]]
    map.texts = [
      .service: ["service.description", "service.id"], .sku: ["sku.id"],
      .skuMeter: ["sku.description"], .region: ["location.region", "location.location"],
      .availabilityZone: ["location.zone"], .resource: ["resource.global_name", "resource.name"],
      .resourceName: ["resource.name"], .subAccount: ["project.id"],
      .subAccountName: ["project.name"], .billingAccount: ["billing_account_id"],
      .invoiceIssuer: ["seller_name"],
      .chargeDescription: ["adjustment_info.description", "sku.description"],
      .chargeClass: [], .pricingUnit: ["usage.pricing_unit"], .consumedUnit: ["usage.unit"],
      .commitment: ["subscription.instance_id"],
    ]
    map.constants = [
      .provider: "Google Cloud", .publisher: "Google Cloud", .invoiceIssuer: "Google Cloud",
      .serviceCategory: "Other",
    ]
    map.list = Money(["cost_at_list"])
    map.currency = ["currency"]
    map.quantity = ["usage.amount_in_pricing_units"]
    map.tags = [
      Tags(columns: ["project.labels"], format: .keyValueList),
      Tags(columns: ["tags"], format: .keyValueList),
      Tags(columns: ["labels"], format: .keyValueList),
    ]
    map.kinds = Kinds(
      columns: ["cost_type"],
      values: [
        "regular": Treatment(category: "Usage"), "tax": Treatment(category: "Tax"),
        "adjustment": Treatment(category: "Adjustment"),
        "rounding_error": Treatment(category: "Adjustment"),
      ], otherwise: nil)
    map.credits = Credits(
      column: "credits", amount: "amount", names: ["full_name", "name", "id", "type"])
    return map
  }()
}
