public import Digest

/// One charge of a bill, in the shape of FOCUS: a row of a cost and usage file that passed every check.
///
/// `effectiveCost` is what gets allocated; `billedCost` is what ties to the invoice. A record belongs
/// to the period that contains its `billingPeriodStart`: a correction of an older month is billed,
/// and therefore allocated, in the month whose invoice carries it.
public struct CostRecord: Hashable, Sendable {
  /// The line of the file on which the row begins; the header is line 1.
  public var line: Int
  /// What the invoice charges.
  public var billedCost: Amount
  /// The amortised cost, after all discounts: the basis of allocation.
  public var effectiveCost: Amount
  /// The cost at list prices.
  public var listCost: Amount
  /// The cost at contracted prices.
  public var contractedCost: Amount
  /// The currency of all four.
  public var currency: Currency
  /// Start of the billing period, inclusive.
  public var billingPeriodStart: UTCInstant
  /// End of the billing period, exclusive.
  public var billingPeriodEnd: UTCInstant
  /// Start of the time the charge is for, inclusive.
  public var chargePeriodStart: UTCInstant
  /// End of the time the charge is for, exclusive.
  public var chargePeriodEnd: UTCInstant
  /// PricingQuantity, when given.
  public var pricingQuantity: Amount?
  /// ConsumedQuantity, when given.
  public var consumedQuantity: Amount?
  /// Tags of the resource; a bare key reads as `true`.
  public var tags: [String: String]
  /// Tags of the consumer on a row that a provider has already split (FOCUS 1.3).
  public var allocatedTags: [String: String]
  private var texts: [String?]

  /// A record with the given costs; text fields start out absent.
  public init(
    line: Int, billedCost: Amount, effectiveCost: Amount, currency: Currency,
    billingPeriod: Range<UTCInstant>, chargePeriod: Range<UTCInstant>
  ) {
    self.line = line
    self.billedCost = billedCost
    self.effectiveCost = effectiveCost
    listCost = billedCost
    contractedCost = billedCost
    self.currency = currency
    billingPeriodStart = billingPeriod.lowerBound
    billingPeriodEnd = billingPeriod.upperBound
    chargePeriodStart = chargePeriod.lowerBound
    chargePeriodEnd = chargePeriod.upperBound
    tags = [:]
    allocatedTags = [:]
    texts = Array(repeating: nil, count: CostField.allCases.count)
  }

  /// The text of a field; `nil` when the row has none.
  public subscript(field: CostField) -> String? {
    get { texts[field.index] }
    set { texts[field.index] = newValue }
  }

  /// The period whose bill holds this record.
  public var period: Period { Period(containing: billingPeriodStart) }

  /// Whether a provider made this row by splitting another one (FOCUS 1.3, AllocatedMethodId).
  public var isAllocatedRow: Bool { self[.allocatedMethod] != nil }

  /// The value of a tag; on a split row the consumer's tags come first.
  public func tag(_ key: String) -> String? {
    allocatedTags[key] ?? tags[key]
  }

  /// What an origin charge and its split rows have in common; `nil` without a ResourceId.
  ///
  /// SHA-256 over the resource, both periods, the currency and the dimensions that tell two charges
  /// of one resource apart, each with its length before it.
  public var splitKey: Digest256? {
    guard let resource = self[.resource] else { return nil }
    var writer = CanonicalWriter()
    writer.text(resource)
    for instant in [billingPeriodStart, chargePeriodStart, chargePeriodEnd] {
      writer.integer(UInt64(bitPattern: instant.microseconds))
    }
    writer.text(currency.code)
    for field in Self.splitFields { writer.optionalText(self[field]) }
    return SHA256.hash(writer.bytes)
  }

  /// What an AWS instance's charge and the rows that share it out have in common: the instance, both
  /// periods and the currency. Their products and prices differ.
  var awsSplitKey: Digest256? {
    guard let resource = self[.resource] else { return nil }
    var writer = CanonicalWriter()
    writer.text("aws-split")
    writer.text(resource)
    for instant in [billingPeriodStart, chargePeriodStart, chargePeriodEnd] {
      writer.integer(UInt64(bitPattern: instant.microseconds))
    }
    writer.text(currency.code)
    return SHA256.hash(writer.bytes)
  }

  /// What tells this record from every other one of a bill: SHA-256 over all of it.
  var identity: Digest256 {
    var writer = CanonicalWriter()
    writer.integer(UInt64(bitPattern: Int64(line)))
    for amount in [billedCost, effectiveCost, listCost, contractedCost] {
      writer.text(amount.description)
    }
    writer.optionalText(pricingQuantity?.description)
    writer.optionalText(consumedQuantity?.description)
    writer.text(currency.code)
    for instant in [billingPeriodStart, billingPeriodEnd, chargePeriodStart, chargePeriodEnd] {
      writer.integer(UInt64(bitPattern: instant.microseconds))
    }
    for field in CostField.allCases { writer.optionalText(self[field]) }
    for tags in [tags, allocatedTags] {
      writer.integer(UInt64(tags.count))
      for (key, value) in tags.sorted(by: { KeyOrder.precedes($0.key, $1.key) }) {
        writer.text(key)
        writer.text(value)
      }
    }
    return SHA256.hash(writer.bytes)
  }

  private static let splitFields: [CostField] = [
    .service, .sku, .skuPrice, .chargeCategory, .chargeClass, .subAccount, .commitment,
    .commitmentStatus, .pricingCategory,
  ]
}
