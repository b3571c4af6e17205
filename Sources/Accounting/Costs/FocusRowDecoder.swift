/// Turns the fields of one row into a record, collecting every problem of the row.
struct FocusRowDecoder: Sendable {
  /// The work on one row.
  struct Decoding {
    let row: CSVScanner.Row
    var problems: [RowFault.Problem] = []
    var roundedValues = 0

    init(row: CSVScanner.Row) {
      self.row = row
    }

    mutating func fail(_ column: String?, _ reason: String, _ value: String?) {
      let clipped = value.map { $0.count > 80 ? $0.prefix(80) + "…" : $0 }
      problems.append(.init(column: column, reason: reason, value: clipped))
    }
  }

  private let positions: [String: Int]
  private let columnCount: Int
  private let textColumns: [(field: CostField, column: String, position: Int)]

  init(positions: [String: Int], columnCount: Int) {
    self.positions = positions
    self.columnCount = columnCount
    textColumns = CostField.allCases.compactMap { field in
      for column in field.columns {
        if let position = positions[column] { return (field, column, position) }
      }
      return nil
    }
  }

  /// The record of a row; `nil` with at least one problem noted.
  func record(_ work: inout Decoding) -> CostRecord? {
    guard work.row.ends.count == columnCount else {
      work.fail(
        nil, "the row has \(work.row.ends.count) columns, the header has \(columnCount)", nil)
      return nil
    }
    let billed = cost("BilledCost", &work)
    let effective = cost("EffectiveCost", &work)
    let list = cost("ListCost", &work)
    let contracted = cost("ContractedCost", &work)
    let currency = currency(&work)
    let billing = range("BillingPeriod", &work)
    let charge = range("ChargePeriod", &work)
    let pricing = optionalDecimal("PricingQuantity", &work)
    let consumed = optionalDecimal("ConsumedQuantity", &work)
    let tags = tagMap("Tags", &work)
    let allocatedTags = tagMap("AllocatedTags", &work)
    let texts = textColumns.map { ($0.field, text($0.column, at: $0.position, &work)) }
    checkChoice("ChargeCategory", Self.chargeCategories, isNullAllowed: false, &work)
    checkChoice("ChargeClass", ["Correction"], isNullAllowed: true, &work)
    for column in ["BillingAccountId", "ServiceName", "ServiceCategory"] {
      if let position = positions[column], work.row.field(position).isEmpty {
        work.fail(column, "must not be empty", "")
      }
    }
    guard work.problems.isEmpty, let billed, let effective, let list, let contracted, let currency,
      let billing, let charge
    else { return nil }
    var record = CostRecord(
      line: work.row.line, billedCost: billed, effectiveCost: effective, currency: currency,
      billingPeriod: billing, chargePeriod: charge)
    record.listCost = list
    record.contractedCost = contracted
    record.pricingQuantity = pricing
    record.consumedQuantity = consumed
    record.tags = tags
    record.allocatedTags = allocatedTags
    for (field, text) in texts { record[field] = text }
    return record
  }

  private static let chargeCategories = ["Usage", "Purchase", "Tax", "Credit", "Adjustment"]

  private func text(_ column: String, _ work: inout Decoding) -> String? {
    guard let position = positions[column] else { return nil }
    return text(column, at: position, &work)
  }

  private func text(_ column: String, at position: Int, _ work: inout Decoding) -> String? {
    let bytes = work.row.field(position)
    guard !bytes.isEmpty else { return nil }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      work.fail(column, "is not UTF-8", nil)
      return nil
    }
    return text
  }

  private func cost(_ column: String, _ work: inout Decoding) -> Amount? {
    guard let text = text(column, &work) else {
      if work.problems.last?.column != column { work.fail(column, "must not be empty", "") }
      return nil
    }
    return decimal(text, column, &work)
  }

  private func optionalDecimal(_ column: String, _ work: inout Decoding) -> Amount? {
    text(column, &work).flatMap { decimal($0, column, &work) }
  }

  private func decimal(_ text: String, _ column: String, _ work: inout Decoding) -> Amount? {
    do throws(AccountingError) {
      let (amount, lostDigits) = try DecimalText.amount(text)
      if lostDigits { work.roundedValues += 1 }
      return amount
    } catch {
      if case .overflow = error {
        work.fail(column, "is out of range", text)
      } else {
        work.fail(column, "is not a decimal number", text)
      }
      return nil
    }
  }

  private func currency(_ work: inout Decoding) -> Currency? {
    let column = "BillingCurrency"
    let text = text(column, &work) ?? ""
    guard let currency = Currency(code: text) else {
      work.fail(column, "is not an ISO 4217 currency", text)
      return nil
    }
    return currency
  }

  private func instant(_ column: String, _ work: inout Decoding) -> UTCInstant? {
    let text = text(column, &work) ?? ""
    guard let instant = try? UTCInstant(parsing: text) else {
      work.fail(column, "is not a UTC date or time", text)
      return nil
    }
    return instant
  }

  private func range(_ prefix: String, _ work: inout Decoding) -> Range<UTCInstant>? {
    let start = instant(prefix + "Start", &work)
    let end = instant(prefix + "End", &work)
    guard let start, let end else { return nil }
    guard start < end else {
      work.fail(prefix + "End", "is not after \(prefix)Start", end.description)
      return nil
    }
    return start..<end
  }

  private func tagMap(_ column: String, _ work: inout Decoding) -> [String: String] {
    guard let text = text(column, &work) else { return [:] }
    do throws(AccountingError) {
      return try TagText.parse(text)
    } catch {
      work.fail(column, "is not a flat JSON object: \(error)", text)
      return [:]
    }
  }

  private func checkChoice(
    _ column: String, _ choices: [String], isNullAllowed: Bool, _ work: inout Decoding
  ) {
    guard let position = positions[column] else { return }
    let bytes = work.row.field(position)
    if bytes.isEmpty && isNullAllowed { return }
    if choices.contains(where: { bytes.elementsEqual($0.utf8) }) { return }
    let names = choices.joined(separator: ", ")
    work.fail(column, "is not one of \(names)", String(decoding: bytes, as: UTF8.self))
  }
}
