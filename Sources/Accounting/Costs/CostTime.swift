/// Dates and months as bills write them.
enum CostTime {
  /// A moment: the forms of `UTCInstant`, a ` UTC` after them, or a date with slashes.
  static func instant(_ text: String, slashDates: ColumnMap.SlashDates) -> UTCInstant? {
    var text = text
    if text.hasSuffix(" UTC") { text.removeLast(4) }
    if let instant = try? UTCInstant(parsing: text) { return instant }
    // `2026-10-31T00:00Z`: minutes without seconds.
    if text.hasSuffix("Z"), text.utf8.count == 17,
      let instant = try? UTCInstant(parsing: text.dropLast() + ":00Z")
    {
      return instant
    }
    return slashed(text, slashDates)
  }

  /// A month: `YYYYMM`, `YYYY-MM`, or the month of a date.
  static func month(_ text: String, slashDates: ColumnMap.SlashDates) -> Period? {
    if text.utf8.count == 6, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
      return try? Period(parsing: "\(text.prefix(4))-\(text.suffix(2))")
    }
    if let period = try? Period(parsing: text) { return period }
    return instant(text, slashDates: slashDates).map(Period.init(containing:))
  }

  private static func slashed(_ text: String, _ order: ColumnMap.SlashDates) -> UTCInstant? {
    let date = text.split(separator: " ", maxSplits: 1).first ?? ""
    let parts = date.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 3, parts[2].utf8.count == 4,
      parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
      parts[0].utf8.count <= 2, parts[1].utf8.count <= 2
    else { return nil }
    func two(_ part: Substring) -> String { part.utf8.count == 1 ? "0\(part)" : String(part) }
    let (month, day) = order == .monthFirst ? (parts[0], parts[1]) : (parts[1], parts[0])
    return try? UTCInstant(parsing: "\(parts[2])-\(two(month))-\(two(day))")
  }
}
