/// The invoices of a period as their issuers state them, against the records that name them.
///
/// Each invoice is compared in its own currency with the records of the source that it was imported under.
/// Stated invoices that no record names are compared together, with the source's records that name no invoice, when there
/// are any: bills before FOCUS 1.2 name none. An invoice that nobody states is the sum of its records. What a
/// stated one differs by is *rounding* when it is at most half a minor unit for each line that is stated in whole
/// minor units, and at most `roundingUnitsMax` of them; anything else is explained by nothing.
public struct InvoiceComparison: Hashable, Sendable {
  /// One stated invoice in one currency.
  public struct Row: Hashable, Sendable {
    /// What is stated; the invoice is empty for those that no record names.
    public let total: InvoiceTotal
    /// The sum of BilledCost of the records in the pools that name the invoice, in its currency.
    public let records: Amount
    /// Records minus stated.
    public let difference: Amount
    /// Whether rounding the lines explains the difference; true also when there is none.
    public let isExplained: Bool
  }

  /// Bound: an invoice's rounding is at most so many minor units, however many lines it has.
  static let roundingUnitsMax = 100
  /// Bound: so many invoices are named in `reasons`.
  static let namedMax = 10

  /// Stated invoices by id and currency.
  public private(set) var rows: [Row] = []
  /// Records minus stated of invoices whose difference rounding explains, in the policy's currency.
  public private(set) var rounding = Amount.zero
  /// Records minus stated of the others, in the policy's currency.
  public private(set) var unexplained = Amount.zero
  /// What does not agree, in words.
  public private(set) var reasons: [String] = []

  /// No invoice is stated.
  public static let none = InvoiceComparison()

  private init() {}

  /// Compares. Throws `overflow` when a sum leaves its range.
  init(
    _ totals: [InvoiceTotal], _ records: InvoiceRecords, _ conversion: Conversion
  ) throws(AccountingError) {
    guard !totals.isEmpty else { return }
    let target = conversion.target
    let known = records.all
    func sums(
      _ total: InvoiceTotal, _ invoice: String
    ) throws(AccountingError) -> (records: Int, billed: Amount) {
      try known[total.source]?[invoice]?.billed(in: total.currency, target) ?? (0, .zero)
    }
    var compared: [InvoiceTotal] = []
    var unnamed: [InvoiceTotal] = []
    for total in try Self.merged(totals) {
      if try sums(total, total.invoice).records > 0 {
        compared.append(total)
      } else if total.billed == .zero {
        // Voided, or nothing to pay, and nothing in the bill.
        continue
      } else if try sums(total, "").records > 0 {
        unnamed.append(total.named(""))
      } else {
        compared.append(total)
      }
    }
    var faults: [String] = []
    for total in try Self.merged(unnamed) + compared {
      let sum = try sums(total, total.invoice).billed
      if let fault = try add(total, records: sum, conversion) { faults.append(fault) }
    }
    reasons = Array(faults.prefix(Self.namedMax))
    if faults.count > Self.namedMax {
      reasons.append("\(faults.count - Self.namedMax) further invoices differ from their records")
    }
  }

  /// Compares one invoice; returns what is wrong with it.
  private mutating func add(
    _ total: InvoiceTotal, records: Amount, _ conversion: Conversion
  ) throws(AccountingError) -> String? {
    let difference = try records.subtracting(total.billed)
    let isExplained = difference == .zero || Self.isRounding(difference, of: total)
    rows.append(
      Row(total: total, records: records, difference: difference, isExplained: isExplained))
    guard difference != .zero else { return nil }
    let stated = "\(total.billed) \(total.currency)"
    let words =
      total.invoice.isEmpty
      ? "invoices of \(total.source) that no record names state \(stated), its records without an "
        + "invoice \(records)"
      : "invoice \(total.invoice) of \(total.source) states \(stated), its records \(records)"
    guard let converted = try conversion.ofInvoice(total, amount: difference) else {
      return words + ", and there is no rate to \(conversion.target)"
    }
    if isExplained {
      rounding = try rounding.adding(converted)
      return nil
    }
    unexplained = try unexplained.adding(converted)
    return words
  }

  /// One total for each source, invoice and currency.
  private static func merged(
    _ totals: [InvoiceTotal]
  ) throws(AccountingError) -> [InvoiceTotal] {
    let sorted = totals.sorted { left, right in
      if left.invoice != right.invoice { return KeyOrder.precedes(left.invoice, right.invoice) }
      if left.source != right.source { return KeyOrder.precedes(left.source, right.source) }
      return left.currency < right.currency
    }
    var merged: [InvoiceTotal] = []
    for total in sorted {
      guard let last = merged.last, last.invoice == total.invoice, last.source == total.source,
        last.currency == total.currency
      else {
        merged.append(total)
        continue
      }
      merged[merged.count - 1] = try total.adding(to: last)
    }
    return merged
  }

  private static func isRounding(_ difference: Amount, of total: InvoiceTotal) -> Bool {
    let unit = Amount(micros: total.currency.microsPerMinorUnit).units.magnitude
    let units = min(total.linesRounded, 2 * Self.roundingUnitsMax)
    return BigUInt(difference.units.magnitude) * BigUInt(UInt64(2))
      <= BigUInt(unit) * BigUInt(UInt64(units))
  }
}

extension InvoiceComparison {
  /// Bound: so many invoices are listed in JSON, those that differ before the others.
  static let listedMax = 1_000

  /// `stated`, the number of invoices and currencies, and the first `listedMax` of them.
  public var json: JSONValue {
    let differing = rows.filter { $0.difference != .zero }
    let listed = (differing + rows.filter { $0.difference == .zero }).prefix(Self.listedMax)
    return .object([
      .init("stated", .integer(rows.count)), .init("differing", .integer(differing.count)),
      .init("listed", .array(listed.map(Self.json))),
    ])
  }

  private static func json(_ row: Row) -> JSONValue {
    .object([
      .init("source", .string(row.total.source)), .init("invoice", .string(row.total.invoice)),
      .init("currency", .string(row.total.currency.code)),
      .init("lines", .integer(row.total.lines)),
      .init("stated", .string(row.total.billed.description)),
      .init("records", .string(row.records.description)),
      .init("difference", .string(row.difference.description)),
      .init("explained", .bool(row.isExplained)),
    ])
  }
}
