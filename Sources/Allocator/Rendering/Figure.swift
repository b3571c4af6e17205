/// Decimal texts laid out for people. The digits stay as they are; nothing is rounded but a
/// percentage.
enum Figure {
  /// Groups of three digits before the point, set apart by a narrow space that breaks no line.
  static func grouped(_ text: String) -> String {
    let sign = text.hasPrefix("-") ? "-" : ""
    let parts = text.dropFirst(sign.count).split(
      separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    let digits = Array(parts.first ?? "")
    var grouped = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index).isMultiple(of: 3) { grouped += "\u{202F}" }
      grouped.append(digit)
    }
    return sign + grouped + (parts.count > 1 ? ".\(parts[1])" : "")
  }

  /// The text without zeros at the end of its fraction.
  static func trimmed(_ text: String) -> String {
    guard text.contains(".") else { return text }
    var trimmed = text
    while trimmed.hasSuffix("0") { trimmed.removeLast() }
    if trimmed.hasSuffix(".") { trimmed.removeLast() }
    return trimmed
  }

  /// The text with a plus sign unless it is negative.
  static func signed(_ text: String) -> String { text.hasPrefix("-") ? text : "+" + text }

  /// A share such as `0.333333333333` as a percentage with four digits, cut off.
  static func percent(_ share: String) -> String {
    let parts = share.split(separator: ".", maxSplits: 1)
    guard parts.count == 2, let whole = Int(parts[0]) else { return share }
    let fraction = Array(parts[1]) + Array("000000")
    let hundredths = whole * 100 + (Int(String(fraction[0..<2])) ?? 0)
    return "\(hundredths).\(String(fraction[2..<6])) %"
  }
}
