/// The Date field (RFC 9110 §5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
enum HTTPDate {
  private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  /// The text of a wall clock reading, in microseconds since 1970.
  static func bytes(microseconds: Int64) -> [UInt8] {
    let seconds = Int(microseconds.quotientFloor(by: 1_000_000))
    let day = seconds.quotientFloor(by: 86_400)
    let rest = seconds - day * 86_400
    let (year, month, dayOfMonth) = civil(day)
    let weekday = days[((day % 7) + 7) % 7]
    let time = "\(two(rest / 3_600)):\(two(rest / 60 % 60)):\(two(rest % 60))"
    return Array("\(weekday), \(two(dayOfMonth)) \(months[month - 1]) \(year) \(time) GMT".utf8)
  }

  /// Year, month and day of a count of days since 1970, in the Gregorian calendar.
  static func civil(_ day: Int) -> (Int, Int, Int) {
    // Counts from 1 March of year 0, so that the leap day is the last of its year.
    let shifted = day + 719_468
    let era = shifted.quotientFloor(by: 146_097)
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return (year, month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
  }

  private static func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
}

extension FixedWidthInteger where Self: SignedInteger {
  /// The quotient rounded toward minus infinity.
  fileprivate func quotientFloor(by divisor: Self) -> Self {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? quotient - 1 : quotient
  }
}
