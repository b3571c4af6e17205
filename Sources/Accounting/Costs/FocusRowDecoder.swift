/// Turns the fields of FOCUS rows into records, collecting every problem of a row.
///
/// Most values of a bill stand in many rows: what was made of one is kept for the next. Each cache is
/// bounded, compares all bytes before it is trusted, and never decides what a row means.
struct FocusRowDecoder: Sendable {
  private let columnCount: Int
  private let columns: Columns
  private let texts: [TextColumn]
  /// What text columns said before, `textsKnown` for each.
  private var knownTexts: [String?]
  private var currencies = LastValue<Currency>()
  private var instants = InstantCache()
  private var tagCache = TagCache()
  private var allocatedTagCache = TagCache()

  /// Where the columns stand that are more than texts.
  private struct Columns: Sendable {
    var costs: [(name: String, position: Int)]
    var currency: Int
    var instants: [(name: String, position: Int)]
    var pricingQuantity: Int?
    var consumedQuantity: Int?
    var tags: Int?
    var allocatedTags: Int?
    var category: Int?
    var chargeClass: Int?
    var required: [(name: String, position: Int)]
  }

  /// One text column and what it said before.
  private struct TextColumn: Sendable {
    var field: CostField
    var name: String
    var position: Int
  }

  /// Bound: so many texts a column are kept.
  private static let textsKnown = 16

  /// A decoder for files whose columns stand at these positions; the mandatory ones are among them.
  init(positions: [String: Int], columnCount: Int) {
    self.columnCount = columnCount
    func place(_ name: String) -> (name: String, position: Int) { (name, positions[name] ?? 0) }
    columns = Columns(
      costs: ["BilledCost", "EffectiveCost", "ListCost", "ContractedCost"].map(place),
      currency: positions["BillingCurrency"] ?? 0,
      instants: [
        "BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd",
      ].map(place),
      pricingQuantity: positions["PricingQuantity"],
      consumedQuantity: positions["ConsumedQuantity"],
      tags: positions["Tags"], allocatedTags: positions["AllocatedTags"],
      category: positions["ChargeCategory"], chargeClass: positions["ChargeClass"],
      required: ["BillingAccountId", "ServiceName", "ServiceCategory"].map(place))
    let found: [TextColumn] = CostField.allCases.compactMap { field in
      for name in field.columns {
        if let position = positions[name] {
          return TextColumn(field: field, name: name, position: position)
        }
      }
      return nil
    }
    texts = found
    knownTexts = Array(repeating: nil, count: found.count * Self.textsKnown)
  }

  /// Decodes one row and appends its record to `events`.
  mutating func decode(_ row: CostRow, into events: inout [CostEvent]) -> RowOutcome {
    var work = RowWork()
    if let record = record(row, &work) {
      events.append(.record(record))
      return .good(records: 1, roundedValues: work.roundedValues)
    }
    return .fault(RowFault(line: row.line, problems: work.problems, period: work.period))
  }

  /// The record of a row; `nil` with at least one problem noted.
  private mutating func record(_ row: CostRow, _ work: inout RowWork) -> CostRecord? {
    guard row.count == columnCount else {
      work.fail(
        nil, "the row has \(row.count) columns, the header has \(columnCount)", nil)
      return nil
    }
    let billed = cost(0, row, &work)
    let effective = cost(1, row, &work)
    let list = cost(2, row, &work)
    let contracted = cost(3, row, &work)
    let currency = currency(row, &work)
    let billing = range(0, row, &work)
    work.period = billing.map { Period(containing: $0.lowerBound) }
    let charge = range(2, row, &work)
    let pricing = quantity(columns.pricingQuantity, "PricingQuantity", row, &work)
    let consumed = quantity(columns.consumedQuantity, "ConsumedQuantity", row, &work)
    let tags = tags(columns.tags, "Tags", &tagCache, row, &work)
    let allocated = self.tags(
      columns.allocatedTags, "AllocatedTags", &allocatedTagCache, row, &work)
    let fallback = UTCInstant(microseconds: 0)..<UTCInstant(microseconds: 0)
    var record = CostRecord(
      line: row.line, billedCost: billed ?? .zero, effectiveCost: effective ?? .zero,
      currency: currency ?? Self.anyCurrency, billingPeriod: billing ?? fallback,
      chargePeriod: charge ?? fallback)
    fillTexts(&record, row, &work)
    check(row, &work)
    guard work.problems.isEmpty else { return nil }
    record.listCost = list ?? .zero
    record.contractedCost = contracted ?? .zero
    record.pricingQuantity = pricing
    record.consumedQuantity = consumed
    record.tags = tags
    record.allocatedTags = allocated
    return record
  }

  /// Stands in for a currency that was refused; such a row makes no record.
  private static let anyCurrency: Currency = {
    guard let currency = Currency(code: "USD") else { preconditionFailure("no USD in ISO 4217") }
    return currency
  }()

  private static let categories = ["Usage", "Purchase", "Tax", "Credit", "Adjustment"]

  private mutating func fillTexts(
    _ record: inout CostRecord, _ row: CostRow, _ work: inout RowWork
  ) {
    for index in texts.indices {
      let bytes = row.field(texts[index].position)
      guard bytes.count > 0 else { continue }
      let slot = index * Self.textsKnown + CostBytes.slot(bytes, of: Self.textsKnown)
      if let known = knownTexts[slot], CostBytes.equal(known, bytes) {
        record[texts[index].field] = known
      } else if let text = CostRow.text(bytes) {
        knownTexts[slot] = text
        record[texts[index].field] = text
      } else {
        work.fail(texts[index].name, "is not UTF-8", nil)
      }
    }
  }

  private func check(_ row: CostRow, _ work: inout RowWork) {
    checkChoice(
      columns.category, "ChargeCategory", Self.categories, isNullAllowed: false, row, &work)
    checkChoice(columns.chargeClass, "ChargeClass", ["Correction"], isNullAllowed: true, row, &work)
    for column in columns.required where row.field(column.position).isEmpty {
      work.fail(column.name, "must not be empty", "")
    }
  }

  private func cost(_ index: Int, _ row: CostRow, _ work: inout RowWork) -> Amount? {
    let column = columns.costs[index]
    let bytes = row.field(column.position)
    guard !bytes.isEmpty else {
      work.fail(column.name, "must not be empty", "")
      return nil
    }
    return work.decimal(bytes, column.name)
  }

  private func quantity(
    _ position: Int?, _ name: String, _ row: CostRow, _ work: inout RowWork
  ) -> Amount? {
    guard let position, !row.field(position).isEmpty else { return nil }
    return work.decimal(row.field(position), name)
  }

  private mutating func currency(_ row: CostRow, _ work: inout RowWork) -> Currency? {
    let bytes = row.field(columns.currency)
    if let known = currencies.value(of: bytes) { return known }
    let text = CostRow.text(bytes) ?? ""
    guard let currency = Currency(code: text) else {
      work.fail("BillingCurrency", "is not an ISO 4217 currency", text)
      return nil
    }
    currencies.keep(currency, of: bytes)
    return currency
  }

  private mutating func instant(
    _ index: Int, _ row: CostRow, _ work: inout RowWork
  ) -> UTCInstant? {
    let column = columns.instants[index]
    let bytes = row.field(column.position)
    if let known = instants.value(of: bytes) { return known }
    let text = CostRow.text(bytes) ?? ""
    guard let instant = try? UTCInstant(parsing: text) else {
      work.fail(column.name, "is not a UTC date or time", text)
      return nil
    }
    instants.keep(instant, of: bytes)
    return instant
  }

  private mutating func range(
    _ first: Int, _ row: CostRow, _ work: inout RowWork
  ) -> Range<UTCInstant>? {
    let start = instant(first, row, &work)
    let end = instant(first + 1, row, &work)
    guard let start, let end else { return nil }
    guard start < end else {
      let names = (columns.instants[first].name, columns.instants[first + 1].name)
      work.fail(names.1, "is not after \(names.0)", end.description)
      return nil
    }
    return start..<end
  }

  private func tags(
    _ position: Int?, _ name: String, _ cache: inout TagCache, _ row: CostRow,
    _ work: inout RowWork
  ) -> [String: String] {
    guard let position, !row.field(position).isEmpty else { return [:] }
    let bytes = row.field(position)
    if let known = cache.tags(of: bytes) { return known }
    if let tags = TagText.quickParse(bytes) {
      cache.keep(tags, of: bytes)
      return tags
    }
    guard let text = CostRow.text(bytes) else {
      work.fail(name, "is not UTF-8", nil)
      return [:]
    }
    do throws(AccountingError) {
      let tags = try TagText.parse(text)
      cache.keep(tags, of: bytes)
      return tags
    } catch {
      work.fail(name, "is not a flat JSON object: \(error)", text)
      return [:]
    }
  }

  private func checkChoice(
    _ position: Int?, _ column: String, _ choices: [String], isNullAllowed: Bool, _ row: CostRow,
    _ work: inout RowWork
  ) {
    guard let position else { return }
    let bytes = row.field(position)
    if bytes.isEmpty && isNullAllowed { return }
    for choice in choices where CostBytes.equal(choice, bytes) { return }
    let names = choices.joined(separator: ", ")
    work.fail(column, "is not one of \(names)", CostRow.text(bytes) ?? "")
  }
}

/// What was made of the bytes that a column had last.
struct LastValue<Value: Sendable>: Sendable {
  private var bytes: [UInt8] = []
  private var value: Value?

  /// The value of these bytes, when they are those of last time.
  func value(of other: Span<UInt8>) -> Value? {
    guard let value, CostBytes.equal(bytes, other) else { return nil }
    return value
  }

  /// Keeps a value.
  mutating func keep(_ new: Value, of other: Span<UInt8>) {
    bytes.removeAll(keepingCapacity: true)
    for index in other.indices { bytes.append(other[index]) }
    value = new
  }
}

/// Moments that rows had before, by their bytes.
struct InstantCache: Sendable {
  /// Bound: so many moments; a month has 744 hours.
  private static let count = 2_048
  private var slots: [(bytes: [UInt8], instant: UTCInstant)?] = Array(repeating: nil, count: count)

  /// The moment of these bytes, when it is known.
  func value(of bytes: Span<UInt8>) -> UTCInstant? {
    guard let slot = slots[CostBytes.slot(bytes, of: Self.count)],
      CostBytes.equal(slot.bytes, bytes)
    else { return nil }
    return slot.instant
  }

  /// Keeps a moment in the place of another; long texts are not worth it.
  mutating func keep(_ instant: UTCInstant, of bytes: Span<UInt8>) {
    guard bytes.count <= 64 else { return }
    var copy: [UInt8] = []
    copy.reserveCapacity(bytes.count)
    for index in bytes.indices { copy.append(bytes[index]) }
    slots[CostBytes.slot(bytes, of: Self.count)] = (copy, instant)
  }
}

/// Tags that rows had before, by their bytes.
struct TagCache: Sendable {
  /// Bound: so many sets of tags.
  private static let count = 256
  private var slots: [(bytes: [UInt8], tags: [String: String])?] =
    Array(repeating: nil, count: count)

  /// The tags of these bytes, when they are known.
  func tags(of bytes: Span<UInt8>) -> [String: String]? {
    guard let slot = slots[CostBytes.slot(bytes, of: Self.count)],
      CostBytes.equal(slot.bytes, bytes)
    else { return nil }
    return slot.tags
  }

  /// Keeps the tags of some bytes in the place of others; long ones are not worth it.
  mutating func keep(_ tags: [String: String], of bytes: Span<UInt8>) {
    guard bytes.count <= 2_048 else { return }
    var copy: [UInt8] = []
    copy.reserveCapacity(bytes.count)
    for index in bytes.indices { copy.append(bytes[index]) }
    slots[CostBytes.slot(bytes, of: Self.count)] = (copy, tags)
  }
}
