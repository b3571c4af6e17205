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

/// Numbers texts from 1 in the order in which they are first asked for, by their bytes: a table with open
/// addresses and a quick hash, since each record asks for a dozen.
private struct TextNumbers: Sendable {
  private var texts: [String] = []
  /// Numbers by hash; 0 is a free place. A power of two, at most half full.
  private var places: [UInt32] = Array(repeating: 0, count: 1_024)

  mutating func number(of text: String) -> (value: Int, isNew: Bool) {
    var place = Self.hash(text) & (places.count - 1)
    while places[place] != 0 {
      let number = Int(places[place])
      if SameBytes.texts(texts[number - 1], text) { return (number, false) }
      place = (place + 1) & (places.count - 1)
    }
    texts.append(text)
    places[place] = UInt32(texts.count)
    if texts.count * 2 > places.count { grow() }
    return (texts.count, true)
  }

  private mutating func grow() {
    places = Array(repeating: 0, count: places.count * 2)
    for (index, text) in texts.enumerated() {
      var place = Self.hash(text) & (places.count - 1)
      while places[place] != 0 { place = (place + 1) & (places.count - 1) }
      places[place] = UInt32(index + 1)
    }
  }

  private static func hash(_ text: String) -> Int {
    let bytes = text.utf8Span.span
    var hash = UInt64(truncatingIfNeeded: bytes.count)
    var index = 0
    // Bound: the first and the last 32 bytes tell most texts apart.
    while index < min(bytes.count, 32) {
      hash = (hash ^ UInt64(bytes[index])) &* 0x100_0000_01b3
      index += 1
    }
    index = max(index, bytes.count - 32)
    while index < bytes.count {
      hash = (hash ^ UInt64(bytes[index])) &* 0x100_0000_01b3
      index += 1
    }
    return Int(truncatingIfNeeded: (hash &* 0x9e37_79b9_7f4a_7c15) >> 24)
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
