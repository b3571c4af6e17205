/// Finds the rate of each record under a policy's rule.
struct Conversion: Sendable {
  let rule: ConversionRule
  let book: RateBook
  let period: Period
  let target: Currency

  /// The rate at which the record is allocated; `nil` when none is known.
  func rate(of record: CostRecord) -> AppliedRate? {
    for source in rule.order {
      let found =
        switch source {
        case .row: rowRate(record)
        case .invoice: invoiceRate(record)
        case .table: tableRate(record)
        }
      if let found { return found }
    }
    return nil
  }

  /// The rate at which the record is paid: its invoice's when that is known.
  func settlement(of record: CostRecord, allocated: AppliedRate) -> AppliedRate {
    invoiceRate(record) ?? allocated
  }

  /// An amount of a stated invoice in the policy's currency: at the invoice's rate, else at the table's of the period's
  /// last day; `nil` when neither is known.
  func ofInvoice(
    _ total: InvoiceTotal, amount: Amount
  ) throws(AccountingError) -> Amount? {
    if total.currency == target { return amount }
    let lastDay = UTCInstant(microseconds: period.end.microseconds - CivilDate.microsecondsPerDay)
    var record = CostRecord(
      line: 0, billedCost: amount, effectiveCost: amount, currency: total.currency,
      billingPeriod: period.start..<period.end, chargePeriod: lastDay..<period.end)
    record[.invoice] = total.invoice
    guard let rate = invoiceRate(record) ?? tableRate(record) else { return nil }
    return try amount.converted(at: rate.rate)
  }

  /// A row may state the rate itself, and must then say to which currency it leads.
  private func rowRate(_ record: CostRecord) -> AppliedRate? {
    guard let text = record[.exchangeRate], record[.exchangeCurrency] == target.code,
      let rate = try? Amount(parsing: text), rate > .zero
    else { return nil }
    return AppliedRate(
      from: record.currency, to: target, rate: rate, kind: .row, date: nil, source: "row")
  }

  private func invoiceRate(_ record: CostRecord) -> AppliedRate? {
    guard let invoice = record[.invoice],
      let entry = book.rate(ofInvoice: invoice, from: record.currency, to: target)
    else { return nil }
    return AppliedRate(
      from: record.currency, to: target, rate: entry.rate, kind: .invoice,
      date: Self.day(entry.day), source: "\(entry.source), invoice \(invoice)")
  }

  private func tableRate(_ record: CostRecord) -> AppliedRate? {
    let from = record.currency
    if rule.day == .monthAverage {
      guard let mean = book.average(of: period, from: from, to: target) else { return nil }
      return AppliedRate(
        from: from, to: target, rate: mean.rate, kind: .table, date: period.description,
        source: "\(mean.source), mean of \(mean.days) days")
    }
    let instant =
      rule.day == .charge
      ? record.chargePeriodStart
      : UTCInstant(microseconds: period.end.microseconds - CivilDate.microsecondsPerDay)
    guard
      let entry = book.rate(on: instant, from: from, to: target, ageDaysMax: rule.ageDaysMax)
    else { return nil }
    return AppliedRate(
      from: from, to: target, rate: entry.rate, kind: .table, date: Self.day(entry.day),
      source: entry.source)
  }

  private static func day(_ instant: UTCInstant) -> String {
    String(instant.description.prefix(10))
  }
}

/// A sum of amounts in several currencies, each with the rate that turns it into the policy's.
struct RatedAmount: Hashable, Sendable {
  private var native = Amount.zero
  private var foreign: [AppliedRate: Amount] = [:]

  mutating func add(_ amount: Amount, _ rate: AppliedRate?) throws(AccountingError) {
    if let rate {
      foreign[rate] = try (foreign[rate] ?? .zero).adding(amount)
    } else {
      native = try native.adding(amount)
    }
  }

  /// The sum in the policy's currency: each currency is converted once, as a whole.
  func converted() throws(AccountingError) -> Amount {
    var sum = native
    for (rate, amount) in foreign { sum = try sum.adding(try amount.converted(at: rate.rate)) }
    return sum
  }
}

/// What was converted at one rate.
public struct ConvertedSum: Hashable, Sendable {
  /// The rate.
  public let rate: AppliedRate
  /// How many records.
  public internal(set) var records = 0
  /// Their effective cost in their own currency.
  public internal(set) var effective = Amount.zero
}

extension ConvertedSum {
  /// The sum with its rate as JSON.
  public var json: JSONValue {
    .object([
      .init("from", .string(rate.from.code)), .init("to", .string(rate.to.code)),
      .init("rate", .string(rate.rate.description)), .init("kind", .string(rate.kind.rawValue)),
      .init("date", .text(rate.date)), .init("source", .string(rate.source)),
      .init("records", .integer(records)), .init("effective", .string(effective.description)),
    ])
  }
}
