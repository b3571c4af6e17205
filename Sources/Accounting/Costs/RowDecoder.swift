/// What became of one row.
enum RowOutcome {
  /// It made this many records (or control totals), which were put among the events.
  case good(records: Int, roundedValues: Int)
  /// Other rows carry its money.
  case skipped
  /// It was refused.
  case fault(RowFault)
}

/// Everything that is wrong with the row at hand, and what it lost.
struct RowWork: Sendable {
  /// The problems so far.
  private(set) var problems: [RowFault.Problem] = []
  /// Values with more than 18 fraction digits.
  var roundedValues = 0
  /// The period whose bill the row is in, once that is known.
  var period: Period?

  /// Notes a problem; a long value is cut.
  mutating func fail(_ column: String?, _ reason: String, _ value: String?) {
    let clipped = value.map { $0.count > 80 ? $0.prefix(80) + "…" : $0 }
    problems.append(.init(column: column, reason: reason, value: clipped))
  }

  /// A decimal number in bytes; `nil` with a problem noted.
  mutating func decimal(_ bytes: Span<UInt8>, _ column: String) -> Amount? {
    if let quick = DecimalText.quickAmount(bytes) { return quick }
    let text = CostRow.text(bytes) ?? ""
    do throws(AccountingError) {
      let (amount, lostDigits) = try DecimalText.amount(text)
      if lostDigits { roundedValues += 1 }
      return amount
    } catch {
      if case .overflow = error {
        fail(column, "is out of range", text)
      } else {
        fail(column, "is not a decimal number", text)
      }
      return nil
    }
  }
}
