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
  private var numbers = TextNumbers()
  private var last: CostRecord?
  private var tags = ""
  private var allocatedTags = ""

  /// Adds a record; its tags are those of `encoder`, which has encoded it last.
  mutating func add(_ record: CostRecord, _ encoder: CostRecordEncoder) {
    append(Int128(record.line - (last?.line ?? 0)))
    var parts = last.map { CostPart.differences(record, $0) } ?? CostPart.all
    if !SameBytes.texts(tags, encoder.tagText) { parts.insert(.tags) }
    if !SameBytes.texts(allocatedTags, encoder.allocatedTagText) { parts.insert(.allocatedTags) }
    tags = encoder.tagText
    allocatedTags = encoder.allocatedTagText
    var fields: UInt64 = 0
    for field in CostField.allCases where !SameBytes.texts(record[field], last?[field]) {
      fields |= 1 << UInt64(field.rawValue)
    }
    append(UInt64(parts.rawValue))
    append(fields)
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
    if parts.contains(.tags) { append(tags.isEmpty ? nil : tags) }
    if parts.contains(.allocatedTags) { append(allocatedTags.isEmpty ? nil : allocatedTags) }
  }

  private mutating func append(_ instant: UTCInstant) {
    append(Int128(instant.microseconds))
  }

  private mutating func append(_ quantity: Amount?) {
    bytes.append(quantity == nil ? 0 : 1)
    if let quantity { append(quantity.units) }
  }

  private mutating func append(_ text: String?) {
    guard let text else { return bytes.append(0) }
    let number = numbers.number(of: text)
    append(UInt64(number.value))
    guard number.isNew else { return }
    append(UInt64(text.utf8.count))
    bytes.append(contentsOf: text.utf8)
  }

  private mutating func append(_ number: Int128) {
    append(UInt128(bitPattern: number << 1 ^ number >> 127))
  }

  private mutating func append(_ number: UInt128) {
    guard let small = UInt64(exactly: number) else { return appendLong(number) }
    append(small)
  }

  private mutating func append(_ number: UInt64) {
    var rest = number
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
