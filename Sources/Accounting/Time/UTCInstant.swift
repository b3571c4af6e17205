/// A moment: microseconds since 1970-01-01T00:00:00Z, without leap seconds.
public struct UTCInstant: Hashable, Sendable {
  /// Microseconds since the epoch; negative before it.
  public let microseconds: Int64

  /// The moment at a count of microseconds.
  public init(microseconds: Int64) {
    self.microseconds = microseconds
  }

  /// The midnight that begins a civil date of the Gregorian calendar.
  init(year: Int, month: Int, day: Int) {
    microseconds =
      Int64(CivilDate(year: year, month: month, day: day).daysSinceEpoch)
      * CivilDate.microsecondsPerDay
  }

  /// Reads `2026-10-01`, `2026-10-01T00:00:00Z`, with a blank for the `T`, with up to six fraction
  /// digits, with `+00:00` for the `Z`, or without a zone, which then means UTC.
  public init(parsing text: String) throws(AccountingError) {
    guard let microseconds = Self.scan(Array(text.utf8)) else {
      throw .notAnInstant(text: String(text.prefix(40)))
    }
    self.microseconds = microseconds
  }

  private static func scan(_ bytes: [UInt8]) -> Int64? {
    guard bytes.count >= 10, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-") else {
      return nil
    }
    guard let year = number(bytes[0..<4]), let month = number(bytes[5..<7]),
      let day = number(bytes[8..<10])
    else { return nil }
    let date = CivilDate(year: year, month: month, day: day)
    guard date.isValid else { return nil }
    let midnight = Int64(date.daysSinceEpoch) * CivilDate.microsecondsPerDay
    guard bytes.count > 10 else { return midnight }
    guard let time = scanTime(bytes[10...]) else { return nil }
    return midnight + time
  }

  /// Microseconds after midnight of `Thh:mm:ss[.ffffff][Z|+00:00]`.
  private static func scanTime(_ bytes: ArraySlice<UInt8>) -> Int64? {
    let text = Array(bytes)
    guard text.count >= 9, text[0] == UInt8(ascii: "T") || text[0] == UInt8(ascii: " "),
      text[3] == UInt8(ascii: ":"), text[6] == UInt8(ascii: ":"),
      let hour = number(text[1..<3]), let minute = number(text[4..<6]),
      let second = number(text[7..<9]), hour < 24, minute < 60, second < 60
    else { return nil }
    var rest = text[9...]
    var fraction: Int64 = 0
    if rest.first == UInt8(ascii: ".") {
      let digits = rest.dropFirst().prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
      guard (1...6).contains(digits.count), let value = number(digits) else { return nil }
      fraction = (digits.count..<6).reduce(Int64(value)) { count, _ in count * 10 }
      rest = rest[digits.endIndex...]
    }
    let zone = String(decoding: rest, as: UTF8.self)
    guard ["", "Z", "z", "+00:00", "+0000", "-00:00"].contains(zone) else { return nil }
    return Int64(hour * 3600 + minute * 60 + second) * 1_000_000 + fraction
  }

  private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
    var value = 0
    for digit in digits {
      guard digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9") else { return nil }
      value = value * 10 + Int(digit - UInt8(ascii: "0"))
    }
    return value
  }
}

extension UTCInstant: Comparable {
  /// Orders moments by time.
  public static func < (left: UTCInstant, right: UTCInstant) -> Bool {
    left.microseconds < right.microseconds
  }
}

extension UTCInstant: CustomStringConvertible {
  /// ISO 8601 in UTC, with six fraction digits only when they are not all zero.
  public var description: String {
    let day = CivilDate.microsecondsPerDay
    var days = microseconds / day
    var rest = microseconds % day
    if rest < 0 {
      rest += day
      days -= 1
    }
    let date = CivilDate(daysSinceEpoch: Int(days))
    let seconds = Int(rest / 1_000_000)
    let fraction = Int(rest % 1_000_000)
    func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
    let clock = "\(two(seconds / 3600)):\(two(seconds / 60 % 60)):\(two(seconds % 60))"
    let tail = fraction == 0 ? "" : "." + String(String(1_000_000 + fraction).dropFirst())
    return "\(date)T\(clock)\(tail)Z"
  }
}
