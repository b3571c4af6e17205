internal import Accounting

/// Takes the records out of a stored block of either layout (`CostBlock`), one after another.
struct CostBlockReader {
  private let bytes: [UInt8]
  private var position = 0
  private let isFirstLayout: Bool
  private var record: CostRecord?
  private var texts: [String] = []
  /// Tags by the number of their text, from 1.
  private var tagSets: [Int: [String: String]] = [:]

  /// A reader at the start of a block; throws `malformed` for a layout of a newer Weir.
  init(_ block: [UInt8]) throws(StoreError) {
    bytes = block
    isFirstLayout = block.first != CostBlock.mark[0]
    if isFirstLayout { return }
    guard block.starts(with: CostBlock.mark) else { throw Self.damaged("unknown layout") }
    position = CostBlock.mark.count
  }

  /// Lends the next record; false at the end. Throws `malformed` when the block was damaged, and what `body` throws.
  mutating func next(_ body: (CostRecord) throws -> Void) throws -> Bool {
    guard position < bytes.count else { return false }
    if isFirstLayout {
      try body(try firstLayoutRecord())
      return true
    }
    // Out of `self` while it changes, so that its texts are changed in place.
    var next = record ?? Self.blank
    let isFirst = record == nil
    record = nil
    try read(into: &next, isFirst: isFirst)
    record = next
    try body(next)
    return true
  }

  private mutating func firstLayoutRecord() throws(StoreError) -> CostRecord {
    let count = try length()
    let line = Int(truncatingIfNeeded: try unsigned())
    guard count <= bytes.count - position else { throw Self.damaged("cut off") }
    defer { position += count }
    return try CostRecordBlob.decode(bytes[position..<position + count], line: line)
  }

  private mutating func read(into next: inout CostRecord, isFirst: Bool) throws(StoreError) {
    let step = Int(truncatingIfNeeded: try signed())
    let (line, overflow) = next.line.addingReportingOverflow(step)
    guard !overflow, line >= 0 else { throw Self.damaged("a line is no line") }
    next.line = line
    let partBits = try unsigned()
    let fieldBits = try unsigned()
    guard partBits <= UInt128(CostPart.all.rawValue), fieldBits < 1 << CostField.allCases.count
    else { throw Self.damaged("unknown field") }
    let parts = CostPart(rawValue: UInt16(partBits))
    guard !isFirst || parts == .all else { throw Self.damaged("no first record") }
    if !parts.isEmpty { try read(parts, into: &next) }
    var rest = UInt64(fieldBits)
    while rest != 0 {
      let bit = rest.trailingZeroBitCount
      rest &= rest - 1
      guard let field = CostField(rawValue: UInt8(bit)) else { throw Self.damaged("unknown field") }
      next[field] = try text()
    }
  }

  private mutating func read(
    _ parts: CostPart, into next: inout CostRecord
  ) throws(StoreError) {
    if parts.contains(.billed) { next.billedCost = try amount() }
    if parts.contains(.effective) { next.effectiveCost = try amount() }
    if parts.contains(.list) { next.listCost = try amount() }
    if parts.contains(.contracted) { next.contractedCost = try amount() }
    if parts.contains(.currency) {
      next.currency = try Stored.currency(try text() ?? "", table: "cost_block")
    }
    if parts.contains(.billingStart) { next.billingPeriodStart = try instant() }
    if parts.contains(.billingEnd) { next.billingPeriodEnd = try instant() }
    if parts.contains(.chargeStart) { next.chargePeriodStart = try instant() }
    if parts.contains(.chargeEnd) { next.chargePeriodEnd = try instant() }
    guard next.billingPeriodStart <= next.billingPeriodEnd,
      next.chargePeriodStart <= next.chargePeriodEnd
    else { throw Self.damaged("a time ends before it begins") }
    if parts.contains(.pricing) { next.pricingQuantity = try quantity() }
    if parts.contains(.consumed) { next.consumedQuantity = try quantity() }
    if parts.contains(.tags) { next.tags = try tags() }
    if parts.contains(.allocatedTags) { next.allocatedTags = try tags() }
  }

  private mutating func amount() throws(StoreError) -> Amount { Amount(units: try signed()) }

  private mutating func quantity() throws(StoreError) -> Amount? {
    switch try unsigned() {
    case 0: nil
    case 1: try amount()
    default: throw Self.damaged("a quantity is neither there nor absent")
    }
  }

  private mutating func instant() throws(StoreError) -> UTCInstant {
    guard let microseconds = Int64(exactly: try signed()) else {
      throw Self.damaged("a time is out of range")
    }
    return UTCInstant(microseconds: microseconds)
  }

  private mutating func text() throws(StoreError) -> String? {
    let number = try textNumber()
    return number == 0 ? nil : texts[number - 1]
  }

  /// The number of a text, which is in `texts` afterwards; 0 for none.
  private mutating func textNumber() throws(StoreError) -> Int {
    let number = try length()
    if number <= texts.count { return number }
    guard number == texts.count + 1 else { throw Self.damaged("a text is not there") }
    let count = try length()
    guard count <= bytes.count - position else { throw Self.damaged("cut off") }
    guard let text = Self.text(bytes.span.extracting(position..<position + count)) else {
      throw Self.damaged("a text is not UTF-8")
    }
    texts.append(text)
    position += count
    return number
  }

  private static func text(_ bytes: Span<UInt8>) -> String? {
    guard let valid = try? UTF8Span(validating: bytes) else { return nil }
    return String(copying: valid)
  }

  private mutating func tags() throws(StoreError) -> [String: String] {
    let number = try textNumber()
    if number == 0 { return [:] }
    if let known = tagSets[number] { return known }
    do throws(AccountingError) {
      let tags = try TagText.parse(texts[number - 1])
      tagSets[number] = tags
      return tags
    } catch {
      throw Self.damaged("\(error)")
    }
  }

  /// A number that counts something in this block, so that it is at most its length.
  private mutating func length() throws(StoreError) -> Int {
    let number = try unsigned()
    guard number <= UInt128(bytes.count) else { throw Self.damaged("cut off") }
    return Int(number)
  }

  private mutating func signed() throws(StoreError) -> Int128 {
    let number = try unsigned()
    return Int128(bitPattern: number >> 1) ^ -Int128(bitPattern: number & 1)
  }

  private mutating func unsigned() throws(StoreError) -> UInt128 {
    var small: UInt64 = 0
    var shift: UInt64 = 0
    // Nearly all numbers have at most nine bytes.
    while position < bytes.count, shift < 63 {
      let byte = bytes[position]
      position += 1
      small |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return UInt128(small) }
      shift += 7
    }
    var value = UInt128(small)
    while position < bytes.count, shift < 126 {
      let byte = bytes[position]
      position += 1
      value |= UInt128(byte & 0x7F) << UInt128(shift)
      if byte < 0x80 { return value }
      shift += 7
    }
    // The nineteenth byte has room for two bits.
    guard position < bytes.count, bytes[position] < 4 else { throw Self.damaged("cut off") }
    defer { position += 1 }
    return value | UInt128(bytes[position]) << 126
  }

  /// Every part of the first record is replaced.
  private static let blank: CostRecord = {
    guard let currency = Currency(code: "USD") else { preconditionFailure("no USD in ISO 4217") }
    let instant = UTCInstant(microseconds: 0)
    return CostRecord(
      line: 0, billedCost: .zero, effectiveCost: .zero, currency: currency,
      billingPeriod: instant..<instant, chargePeriod: instant..<instant)
  }()

  private static func damaged(_ reason: String) -> StoreError {
    .malformed(table: "cost_block", reason: reason)
  }
}
