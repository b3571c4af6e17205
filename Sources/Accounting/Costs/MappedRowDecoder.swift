/// Turns rows into records by a `ColumnMap`, collecting every problem of a row.
struct MappedRowDecoder: Sendable {
  let map: ColumnMap
  private let positions: [String: Int]
  private let columnCount: Int
  private typealias TextColumns = (field: CostField, columns: [(name: String, position: Int)])
  private let texts: [TextColumns]
  private let prefixedTags: [(key: String, position: Int)]

  /// A decoder of files whose columns stand at these positions.
  init(map: ColumnMap, positions: [String: Int], columnCount: Int) {
    self.map = map
    self.positions = positions
    self.columnCount = columnCount
    var texts: [TextColumns] = []
    for field in CostField.allCases {
      var columns: [(name: String, position: Int)] = []
      for name in map.texts[field] ?? [] {
        if let position = positions[name] { columns.append((name, position)) }
      }
      if !columns.isEmpty { texts.append((field, columns)) }
    }
    self.texts = texts
    var tags: [(key: String, position: Int)] = []
    if let prefix = map.tagPrefix {
      for (name, position) in positions where name.hasPrefix(prefix) && name != prefix {
        tags.append((String(name.dropFirst(prefix.count)), position))
      }
      tags.sort { $0.position < $1.position }
    }
    prefixedTags = tags
  }

  /// Decodes one row and appends its records to `events`.
  func decode(_ row: CostRow, into events: inout [CostEvent]) -> RowOutcome {
    var work = RowWork()
    guard row.count == columnCount else {
      work.fail(nil, "the row has \(row.count) columns, the header has \(columnCount)", nil)
      return .fault(RowFault(line: row.line, problems: work.problems))
    }
    guard let treatment = treatment(row, &work) else { return fault(row, work) }
    if treatment.isSkipped { return .skipped }
    let split = map.hasAWSSplits ? text([AWSSplit.parent], row, &work) : nil
    if split != nil, AWSSplit.isIdleRow(resource: text(map.texts[.resource] ?? [], row, &work)) {
      return .skipped
    }
    let record = record(row, treatment, &work)
    var made: [CostRecord] = []
    if let record {
      if let parent = split {
        made = splitRecords(record, parent: parent, row, &work)
      } else {
        made = [record] + credits(of: record, row, &work)
      }
    }
    guard work.problems.isEmpty, !made.isEmpty else { return fault(row, work) }
    for record in made { events.append(.record(record)) }
    return .good(records: made.count, roundedValues: work.roundedValues)
  }

  /// The fault of a row, with the period that it names all the same.
  private func fault(_ row: CostRow, _ work: RowWork) -> RowOutcome {
    var probe = RowWork()
    let billing = range(map.billingPeriod, row, &probe)
    return .fault(
      RowFault(
        line: row.line, problems: work.problems,
        period: billing.map { Period(containing: $0.lowerBound) }))
  }

  private func treatment(_ row: CostRow, _ work: inout RowWork) -> ColumnMap.Treatment? {
    guard let kinds = map.kinds else { return ColumnMap.Treatment(category: "Usage") }
    let kind = text(kinds.columns, row, &work) ?? ""
    if let known = kinds.values[kind] ?? kinds.otherwise { return known }
    let names = kinds.values.keys.sorted(by: KeyOrder.precedes).joined(separator: ", ")
    work.fail(kinds.columns.first, "is not one of \(names)", kind)
    return nil
  }

  private func record(
    _ row: CostRow, _ treatment: ColumnMap.Treatment, _ work: inout RowWork
  ) -> CostRecord? {
    let billed = money(treatment.billed ?? map.billed, treatment, row, &work)
    let effective = money(treatment.effective ?? map.effective, treatment, row, &work)
    let list = map.list == .zero ? nil : optionalMoney(map.list, treatment, row, &work)
    let currency = currency(row, &work)
    let billing = range(map.billingPeriod, row, &work)
    let charge = range(map.chargePeriod, row, &work, fallback: billing)
    let tags = tags(row, &work)
    guard let billed, let effective, let currency, let billing, let charge else { return nil }
    var record = CostRecord(
      line: row.line, billedCost: billed, effectiveCost: effective, currency: currency,
      billingPeriod: billing, chargePeriod: charge)
    record.listCost = list ?? billed
    record.tags = tags
    record.pricingQuantity = decimal(map.quantity, row, &work)
    for (field, text) in map.constants { record[field] = text }
    for (field, columns) in texts {
      for (name, position) in columns where !row.field(position).isEmpty {
        if let text = row.text(position) {
          record[field] = text
        } else {
          work.fail(name, "is not UTF-8", nil)
        }
        break
      }
    }
    record[.chargeCategory] = treatment.category
    record[.chargeClass] = treatment.chargeClass
    if record[.service] == nil {
      work.fail((map.texts[.service] ?? []).first ?? "service", "must not be empty", "")
    }
    return record
  }

  /// The record of an AWS split row: what the pod used, and its share of what nobody used.
  private func splitRecords(
    _ record: CostRecord, parent: String, _ row: CostRow, _ work: inout RowWork
  ) -> [CostRecord] {
    let plain = ColumnMap.Treatment(category: "Usage")
    var shares: [(method: String, cost: Amount)] = []
    if let used = money(AWSSplit.used, plain, row, &work) {
      shares.append((AWSSplit.usedMethod, used))
    }
    if let idle = optionalMoney(AWSSplit.idle, plain, row, &work), idle != .zero {
      shares.append((AWSSplit.idleMethod, idle))
    }
    return shares.map { share in
      var part = record
      part.billedCost = .zero
      part.effectiveCost = share.cost
      part.listCost = share.cost
      part.contractedCost = share.cost
      part.allocatedTags = record.tags
      part.tags = [:]
      part[.allocatedMethod] = share.method
      part[.allocatedResource] = record[.resource]
      part[.resource] = parent
      return part
    }
  }

  /// The credits of a row, each a record that follows it.
  private func credits(
    of record: CostRecord, _ row: CostRow, _ work: inout RowWork
  ) -> [CostRecord] {
    guard let rule = map.credits, let position = positions[rule.column],
      !row.field(position).isEmpty
    else { return [] }
    guard let text = row.text(position), let value = try? JSONValue(parsing: Array(text.utf8)),
      let list = value.asArray
    else {
      work.fail(rule.column, "is not a list", row.text(position))
      return []
    }
    var made: [CostRecord] = []
    for entry in list {
      guard let text = Self.scalar(entry[rule.amount]),
        let amount = decimal(text, "\(rule.column).\(rule.amount)", &work)
      else {
        work.fail("\(rule.column).\(rule.amount)", "must not be empty", "")
        continue
      }
      var credit = record
      credit.billedCost = amount
      credit.effectiveCost = amount
      credit.listCost = .zero
      credit.contractedCost = amount
      credit.pricingQuantity = nil
      credit[.chargeCategory] = "Credit"
      credit[.chargeDescription] =
        rule.names.lazy.compactMap { Self.scalar(entry[$0]) }.first { !$0.isEmpty }
      made.append(credit)
    }
    return made
  }

  static func scalar(_ value: JSONValue?) -> String? {
    switch value {
    case .string(let text), .number(let text): text
    default: nil
    }
  }
}

/// Single values.
extension MappedRowDecoder {
  /// The first of some columns with a value.
  private func place(_ columns: [String], _ row: CostRow) -> (name: String, position: Int)? {
    for name in columns {
      if let position = positions[name], !row.field(position).isEmpty { return (name, position) }
    }
    return nil
  }

  private func text(_ columns: [String], _ row: CostRow, _ work: inout RowWork) -> String? {
    guard let (name, position) = place(columns, row) else { return nil }
    guard let text = row.text(position) else {
      work.fail(name, "is not UTF-8", nil)
      return nil
    }
    return text
  }

  private func decimal(_ text: String, _ column: String, _ work: inout RowWork) -> Amount? {
    var text = text
    if map.hasDecimalComma {
      // Points group thousands there: 1.234,56.
      text = String(text.compactMap { $0 == "." ? nil : $0 == "," ? "." : $0 })
    }
    return work.decimal(text.utf8.span, column)
  }

  private func decimal(_ columns: [String], _ row: CostRow, _ work: inout RowWork) -> Amount? {
    guard let (name, position) = place(columns, row) else { return nil }
    if !map.hasDecimalComma { return work.decimal(row.field(position), name) }
    return row.text(position).flatMap { decimal($0, name, &work) }
  }

  /// A sum that must have a value.
  private func money(
    _ money: ColumnMap.Money, _ treatment: ColumnMap.Treatment, _ row: CostRow,
    _ work: inout RowWork
  ) -> Amount? {
    if money == .zero { return .zero }
    if let found = optionalMoney(money, treatment, row, &work) { return found }
    if work.problems.isEmpty {
      work.fail(money.terms.first?.columns.last, "must not be empty", "")
    }
    return nil
  }

  private func optionalMoney(
    _ money: ColumnMap.Money, _ treatment: ColumnMap.Treatment, _ row: CostRow,
    _ work: inout RowWork
  ) -> Amount? {
    var sum = Amount.zero
    var hasValue = false
    do throws(AccountingError) {
      for term in money.terms {
        guard place(term.columns, row) != nil else { continue }
        guard let value = decimal(term.columns, row, &work) else { return nil }
        hasValue = true
        sum = term.isSubtracted ? try sum.subtracting(value) : try sum.adding(value)
      }
      return hasValue ? (treatment.isNegated ? try sum.negated() : sum) : nil
    } catch {
      work.fail(money.terms.first?.columns.first, "is out of range", nil)
      return nil
    }
  }

  private func currency(_ row: CostRow, _ work: inout RowWork) -> Currency? {
    let code = text(map.currency, row, &work)
    guard let code else {
      if let fixed = map.fixedCurrency { return fixed }
      work.fail(map.currency.first ?? "currency", "must not be empty", "")
      return nil
    }
    guard let currency = Currency(code: code) else {
      work.fail(map.currency.first, "is not an ISO 4217 currency", code)
      return nil
    }
    return currency
  }

  private func range(
    _ rule: ColumnMap.TimeRange, _ row: CostRow, _ work: inout RowWork,
    fallback: Range<UTCInstant>? = nil
  ) -> Range<UTCInstant>? {
    switch rule {
    case .month(let columns):
      guard let text = text(columns, row, &work) else {
        return missing(columns, fallback, &work)
      }
      guard let period = CostTime.month(text, slashDates: map.slashDates) else {
        work.fail(columns.first, "is not a month", text)
        return nil
      }
      return period.start..<period.end
    case .day(let columns):
      guard let text = text(columns, row, &work) else { return missing(columns, fallback, &work) }
      guard let day = CostTime.instant(text, slashDates: map.slashDates) else {
        work.fail(columns.first, "is not a date", text)
        return nil
      }
      return day..<UTCInstant(microseconds: day.microseconds + 86_400_000_000)
    case .columns(let starts, let ends):
      guard let from = text(starts, row, &work), let to = text(ends, row, &work) else {
        return missing(starts, fallback, &work)
      }
      guard let start = CostTime.instant(from, slashDates: map.slashDates) else {
        work.fail(starts.first, "is not a UTC date or time", from)
        return nil
      }
      guard let end = CostTime.instant(to, slashDates: map.slashDates) else {
        work.fail(ends.first, "is not a UTC date or time", to)
        return nil
      }
      // Adjustments and taxes of some sources have no length; they are for the whole bill.
      if start == end, let fallback { return fallback }
      guard start < end else {
        work.fail(ends.first, "is not after \(starts.first ?? "its start")", to)
        return nil
      }
      return start..<end
    }
  }

  private func missing(
    _ columns: [String], _ fallback: Range<UTCInstant>?, _ work: inout RowWork
  ) -> Range<UTCInstant>? {
    if fallback == nil { work.fail(columns.first, "must not be empty", "") }
    return fallback
  }

  private func tags(_ row: CostRow, _ work: inout RowWork) -> [String: String] {
    var all: [String: String] = [:]
    for rule in map.tags {
      guard let (name, position) = place(rule.columns, row), let text = row.text(position) else {
        continue
      }
      do throws(AccountingError) {
        all.merge(try TagText.parse(text, as: rule.format)) { _, later in later }
      } catch {
        work.fail(name, "is not tags: \(error)", text)
      }
    }
    for (key, position) in prefixedTags where !row.field(position).isEmpty {
      all[key] = row.text(position)
    }
    return all
  }
}
