internal import Accounting

/// Some thousands of records of one billing period as one value of the database. A record says what differs
/// from the one before it, and a text stands in it once: walks over a month then make few texts.
///
/// Layout 2: a zero byte, with which no block of layout 1 begins, and the number 2. Then for each record
/// the difference of its line; the parts that changed, as bits (`CostPart`); the fields that changed, as
/// bits by `CostField.rawValue`; and the changed values, parts first, in the order of the bits. Numbers are
/// LEB128, signed ones in zigzag. A text is its number among the block's texts, from 1; 0 stands for none; the number
/// after the last known is followed by a new text: its length and its bytes. The first record of a block names every part.
///
/// Layout 1, of stores of format 2: for each record its length and its line, then its bytes (`CostRecordBlob`).
struct CostBlock: Sendable {
  /// A block is stored when it is at least this long.
  static let bytesWanted = 64 * 1024
  /// What a block begins with.
  static let mark: [UInt8] = [0, 2]

  /// How many records are in it.
  private(set) var records = 0
  /// The records.
  private(set) var bytes = CostBlock.mark
  private var numbers: [ByteText: Int] = [:]
  private var last: CostRecord?

  /// Adds a record.
  mutating func add(_ record: CostRecord) {
    append(Int128(record.line - (last?.line ?? 0)))
    let parts = last.map { CostPart.differences(record, $0) } ?? CostPart.all
    var fields: UInt64 = 0
    for field in CostField.allCases where !SameBytes.texts(record[field], last?[field]) {
      fields |= 1 << UInt64(field.rawValue)
    }
    append(UInt128(parts.rawValue))
    append(UInt128(fields))
    append(parts, of: record)
    for field in CostField.allCases where fields & 1 << UInt64(field.rawValue) != 0 {
      append(record[field])
    }
    last = record
    records += 1
  }

  private mutating func append(_ parts: CostPart, of record: CostRecord) {
    if parts.contains(.billed) { append(record.billedCost.units) }
    if parts.contains(.effective) { append(record.effectiveCost.units) }
    if parts.contains(.list) { append(record.listCost.units) }
    if parts.contains(.contracted) { append(record.contractedCost.units) }
    if parts.contains(.currency) { append(record.currency.code) }
    if parts.contains(.billingStart) { append(record.billingPeriodStart) }
    if parts.contains(.billingEnd) { append(record.billingPeriodEnd) }
    if parts.contains(.chargeStart) { append(record.chargePeriodStart) }
    if parts.contains(.chargeEnd) { append(record.chargePeriodEnd) }
    if parts.contains(.pricing) { append(record.pricingQuantity) }
    if parts.contains(.consumed) { append(record.consumedQuantity) }
    if parts.contains(.tags) { append(record.tags) }
    if parts.contains(.allocatedTags) { append(record.allocatedTags) }
  }

  private mutating func append(_ instant: UTCInstant) {
    append(Int128(instant.microseconds))
  }

  private mutating func append(_ quantity: Amount?) {
    bytes.append(quantity == nil ? 0 : 1)
    if let quantity { append(quantity.units) }
  }

  private mutating func append(_ tags: [String: String]) {
    append(tags.isEmpty ? nil : TagText.format(tags))
  }

  private mutating func append(_ text: String?) {
    guard let text else { return append(UInt128(0)) }
    if let number = numbers[ByteText(text)] { return append(UInt128(number)) }
    let number = numbers.count + 1
    numbers[ByteText(text)] = number
    append(UInt128(number))
    append(UInt128(text.utf8.count))
    bytes.append(contentsOf: text.utf8)
  }

  private mutating func append(_ number: Int128) {
    append(UInt128(bitPattern: number << 1 ^ number >> 127))
  }

  private mutating func append(_ number: UInt128) {
    guard var rest = UInt64(exactly: number) else { return appendLong(number) }
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  private mutating func appendLong(_ number: UInt128) {
    var rest = number
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}

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

  /// In what two records differ.
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
    if !SameBytes.tags(record.tags, other.tags) { parts.insert(.tags) }
    if !SameBytes.tags(record.allocatedTags, other.allocatedTags) { parts.insert(.allocatedTags) }
    return parts
  }
}
