internal import Accounting

/// The parts of a record that are no text fields. Their bits are part of the stored form.
struct CostPart: OptionSet, Sendable {
  let rawValue: UInt16

  static let billed = CostPart(rawValue: 1 << 0)
  static let effective = CostPart(rawValue: 1 << 1)
  static let list = CostPart(rawValue: 1 << 2)
  static let contracted = CostPart(rawValue: 1 << 3)
  static let currency = CostPart(rawValue: 1 << 4)
  static let billingStart = CostPart(rawValue: 1 << 5)
  static let billingEnd = CostPart(rawValue: 1 << 6)
  static let chargeStart = CostPart(rawValue: 1 << 7)
  static let chargeEnd = CostPart(rawValue: 1 << 8)
  static let pricing = CostPart(rawValue: 1 << 9)
  static let consumed = CostPart(rawValue: 1 << 10)
  static let tags = CostPart(rawValue: 1 << 11)
  static let allocatedTags = CostPart(rawValue: 1 << 12)
  static let all = CostPart(rawValue: 1 << 13 - 1)

  /// In what two records differ, but for their tags.
  static func differences(_ record: CostRecord, _ other: CostRecord) -> CostPart {
    var parts: CostPart = []
    if record.billedCost != other.billedCost { parts.insert(.billed) }
    if record.effectiveCost != other.effectiveCost { parts.insert(.effective) }
    if record.listCost != other.listCost { parts.insert(.list) }
    if record.contractedCost != other.contractedCost { parts.insert(.contracted) }
    if record.currency != other.currency { parts.insert(.currency) }
    if record.billingPeriodStart != other.billingPeriodStart { parts.insert(.billingStart) }
    if record.billingPeriodEnd != other.billingPeriodEnd { parts.insert(.billingEnd) }
    if record.chargePeriodStart != other.chargePeriodStart { parts.insert(.chargeStart) }
    if record.chargePeriodEnd != other.chargePeriodEnd { parts.insert(.chargeEnd) }
    if record.pricingQuantity != other.pricingQuantity { parts.insert(.pricing) }
    if record.consumedQuantity != other.consumedQuantity { parts.insert(.consumed) }
    return parts
  }
}
