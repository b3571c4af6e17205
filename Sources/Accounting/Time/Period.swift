/// An accounting period: one UTC calendar month.
public struct Period: Hashable, Sendable {
  /// The year, 0 to 9999.
  public let year: Int
  /// The month, 1 to 12.
  public let month: Int

  private init(year: Int, month: Int) {
    self.year = year
    self.month = month
  }

  /// Reads `2026-10`; throws `notAPeriod`.
  public init(parsing text: String) throws(AccountingError) {
    let bytes = Array(text.utf8)
    let digits = bytes.filter { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
    guard bytes.count == 7, bytes[4] == UInt8(ascii: "-"), digits.count == 6,
      let year = Int(text.prefix(4)), let month = Int(text.suffix(2)), (1...12).contains(month)
    else { throw .notAPeriod(text: String(text.prefix(20))) }
    self.init(year: year, month: month)
  }

  /// The month that holds a moment.
  public init(containing instant: UTCInstant) {
    let day = CivilDate.microsecondsPerDay
    let days = instant.microseconds / day - (instant.microseconds % day < 0 ? 1 : 0)
    let date = CivilDate(daysSinceEpoch: Int(days))
    self.init(year: date.year, month: date.month)
  }

  /// The first moment of the month.
  public var start: UTCInstant { UTCInstant(year: year, month: month, day: 1) }

  /// The first moment after the month.
  public var end: UTCInstant { next.start }

  /// The month after.
  public var next: Period {
    month == 12 ? Period(year: year + 1, month: 1) : Period(year: year, month: month + 1)
  }

  /// The month before.
  public var previous: Period {
    month == 1 ? Period(year: year - 1, month: 12) : Period(year: year, month: month - 1)
  }

  /// Whether a moment lies in the month.
  public func contains(_ instant: UTCInstant) -> Bool {
    start <= instant && instant < end
  }
}

extension Period: Comparable {
  /// Orders months by time.
  public static func < (left: Period, right: Period) -> Bool {
    (left.year, left.month) < (right.year, right.month)
  }
}

extension Period: CustomStringConvertible {
  /// `YYYY-MM`.
  public var description: String {
    String(CivilDate(year: year, month: month, day: 1).description.prefix(7))
  }
}
