/// One rate that an operator loaded: units of `to` for one unit of `from`.
public struct RateEntry: Hashable, Sendable {
  /// The midnight that begins the day it is for.
  public let day: UTCInstant
  /// The currency of the bill.
  public let from: Currency
  /// The currency it becomes.
  public let to: Currency
  /// Units of `to` for one unit of `from`, above 0.
  public let rate: Amount
  /// Who published it.
  public let source: String
  /// The one invoice it is for; `nil` for a rate of the table.
  public let invoice: String?

  /// A rate. Throws `unusableCosts` unless it is above 0.
  public init(
    day: UTCInstant, from: Currency, to: Currency, rate: Amount, source: String,
    invoice: String? = nil
  ) throws(AccountingError) {
    guard rate > .zero else {
      throw .unusableCosts(reason: "the rate \(rate) from \(from) to \(to) is not above 0")
    }
    self.day = day
    self.from = from
    self.to = to
    self.rate = rate
    self.source = source
    self.invoice = invoice
  }
}

/// A rate as it was used: what a statement and an auditor need to know of it.
public struct AppliedRate: Hashable, Sendable {
  /// The currency of the bill.
  public let from: Currency
  /// The currency it became.
  public let to: Currency
  /// Units of `to` for one unit of `from`.
  public let rate: Amount
  /// Where it came from.
  public let kind: ConversionRule.Source
  /// Its day or its month; `nil` for a rate of the row, which has the row's.
  public let date: String?
  /// Who published it, which row field it stood in, or which invoice it belongs to.
  public let source: String

  /// What rates are ordered by.
  var key: String { "\(from) \(date ?? "") \(kind.rawValue) \(source) \(rate)" }
}

/// The rates that are known. Of two for the same day, pair and invoice the later one holds.
public struct RateBook: Hashable, Sendable {
  private struct Pair: Hashable {
    let from: Currency
    let to: Currency
  }

  private struct InvoicePair: Hashable {
    let invoice: String
    let pair: Pair
  }

  /// Rates of days by pair, ordered by day.
  private let table: [Pair: [RateEntry]]
  private let invoices: [InvoicePair: RateEntry]

  /// No rates.
  public static let empty = RateBook([])

  /// A book of these, in the order in which they were loaded.
  public init(_ entries: [RateEntry]) {
    var byDay: [Pair: [Int64: RateEntry]] = [:]
    var invoices: [InvoicePair: RateEntry] = [:]
    for entry in entries {
      let pair = Pair(from: entry.from, to: entry.to)
      if let invoice = entry.invoice {
        invoices[InvoicePair(invoice: invoice, pair: pair)] = entry
      } else {
        byDay[pair, default: [:]][entry.day.microseconds] = entry
      }
    }
    table = byDay.mapValues { $0.values.sorted { $0.day < $1.day } }
    self.invoices = invoices
  }

  /// The rate that names an invoice.
  public func rate(ofInvoice invoice: String, from: Currency, to: Currency) -> RateEntry? {
    invoices[InvoicePair(invoice: invoice, pair: Pair(from: from, to: to))]
  }

  /// The rate of a day, or of the latest day before it that is at most `ageDaysMax` older.
  public func rate(
    on day: UTCInstant, from: Currency, to: Currency, ageDaysMax: Int
  ) -> RateEntry? {
    guard let rates = table[Pair(from: from, to: to)] else { return nil }
    var low = 0
    var high = rates.count
    while low < high {
      let middle = (low + high) / 2
      if rates[middle].day <= day { low = middle + 1 } else { high = middle }
    }
    guard low > 0 else { return nil }
    let found = rates[low - 1]
    let age = (day.microseconds - found.day.microseconds) / CivilDate.microsecondsPerDay
    return age <= Int64(ageDaysMax) ? found : nil
  }

  /// The mean of all rates of a period, rounded half-even to 18 digits, and how many they are.
  public func average(
    of period: Period, from: Currency, to: Currency
  ) -> (rate: Amount, days: Int, source: String)? {
    let rates = (table[Pair(from: from, to: to)] ?? []).filter { period.contains($0.day) }
    guard let first = rates.first else { return nil }
    var sum: Int128 = 0
    for entry in rates {
      let (next, overflow) = sum.addingReportingOverflow(entry.rate.units)
      guard !overflow else { return nil }
      sum = next
    }
    let mean = Amount(units: Rounding.halfEven(sum, over: Int128(rates.count)))
    let sources = Set(rates.map(\.source)).sorted(by: KeyOrder.precedes)
    guard mean > .zero else { return nil }
    return (mean, rates.count, sources.count == 1 ? first.source : sources.joined(separator: "+"))
  }
}

extension Amount {
  /// The amount in another currency, exact to the 18th digit and half-even there; `overflow` past
  /// the range.
  public func converted(at rate: Amount) throws(AccountingError) -> Amount {
    let one = BigUInt(Amount.unitsPerOne.magnitude)
    let product = BigUInt(units.magnitude) * BigUInt(rate.units.magnitude)
    let (floor, rest) = product.quotientAndRemainder(dividingBy: one)
    let double = rest + rest
    let isOdd = floor.limbs.first.map { $0 & 1 == 1 } ?? false
    let rounded = double > one || (double == one && isOdd) ? floor + .one : floor
    guard let magnitude = rounded.asUInt128, let value = Int128(exactly: magnitude) else {
      throw .overflow(operation: "\(self) at the rate \(rate)")
    }
    return Amount(units: (units < 0) != (rate.units < 0) ? -value : value)
  }
}
