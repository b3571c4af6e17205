/// Decimal numbers as text, read and written exactly.
///
/// The grammar is `[+-] digits [. digits] [(e|E) [+-] digits]` with at least one digit before or
/// after the point. No blanks, no thousands separators, no currency signs: a cost file that has
/// them is not FOCUS, and guessing would be worse than refusing.
public enum DecimalText {
  /// Longest text that is read. FOCUS samples stay below 40 characters.
  static let charactersMax = 128

  /// Reads an amount; `lostDigits` says that non-zero digits past the 18th were rounded half-even.
  public static func amount(
    _ text: String
  ) throws(AccountingError) -> (amount: Amount, lostDigits: Bool) {
    guard let number = scan(text) else { throw .notADecimal(text: clipped(text)) }
    return try scaled(number, text: text)
  }

  /// A whole number of `10^-digits` as text with all its digits, for example `12.340000`.
  public static func fixed(_ value: Int128, digits: Int) -> String {
    let text = padded(value.magnitude, digits: digits)
    let sign = value < 0 ? "-" : ""
    guard digits > 0 else { return sign + text }
    let point = text.index(text.endIndex, offsetBy: -digits)
    return sign + text[..<point] + "." + text[point...]
  }

  /// The same for what fits 64 bits, without a text in between: statements have millions of these.
  static func fixed(_ value: Int64, digits: Int) -> String {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(22 + digits)
    var rest = value.magnitude
    var position = 0
    // Least digit first, at least one before the point.
    repeat {
      if position == digits, digits > 0 { bytes.append(UInt8(ascii: ".")) }
      bytes.append(UInt8(ascii: "0") + UInt8(rest % 10))
      rest /= 10
      position += 1
    } while rest > 0 || position <= digits
    if value < 0 { bytes.append(UInt8(ascii: "-")) }
    bytes.reverse()
    return String(decoding: bytes, as: UTF8.self)
  }

  /// A whole number of `10^-digits` as its shortest text, for example `12.34`.
  static func trimmed(magnitude: UInt128, isNegative: Bool, digits: Int) -> String {
    var text = padded(magnitude, digits: digits)
    var fraction = String(text.suffix(digits))
    text.removeLast(digits)
    while fraction.last == "0" { fraction.removeLast() }
    let sign = isNegative ? "-" : ""
    return fraction.isEmpty ? sign + text : sign + text + "." + fraction
  }

  private struct Number {
    var isNegative = false
    /// Significant digits without leading zeros.
    var digits: [UInt8] = []
    /// The value is `digits * 10^exponent`.
    var exponent = 0
  }

  private static func scan(_ text: String) -> Number? {
    guard text.utf8.count <= charactersMax else { return nil }
    var bytes = Substring(text).utf8
    var number = Number()
    if let sign = bytes.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
      number.isNegative = sign == UInt8(ascii: "-")
      bytes = bytes.dropFirst()
    }
    var digitCount = 0
    var isFraction = false
    while let byte = bytes.first {
      if byte == UInt8(ascii: "."), !isFraction {
        isFraction = true
      } else if let digit = digit(byte) {
        digitCount += 1
        if isFraction { number.exponent -= 1 }
        if digit != 0 || !number.digits.isEmpty { number.digits.append(digit) }
      } else {
        break
      }
      bytes = bytes.dropFirst()
    }
    guard digitCount > 0 else { return nil }
    guard let exponent = scanExponent(bytes) else { return nil }
    number.exponent += exponent
    return number
  }

  /// The exponent after the digits: 0 when there is none, `nil` when the rest is not an exponent.
  private static func scanExponent(_ rest: Substring.UTF8View) -> Int? {
    var bytes = rest
    guard let mark = bytes.first else { return 0 }
    guard mark == UInt8(ascii: "e") || mark == UInt8(ascii: "E") else { return nil }
    bytes = bytes.dropFirst()
    var isNegative = false
    if let sign = bytes.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
      isNegative = sign == UInt8(ascii: "-")
      bytes = bytes.dropFirst()
    }
    guard !bytes.isEmpty else { return nil }
    var value = 0
    for byte in bytes {
      guard let digit = digit(byte) else { return nil }
      // An exponent past ±1,000 is out of every range; stop counting there.
      value = min(value * 10 + Int(digit), 1_000)
    }
    return isNegative ? -value : value
  }

  private static func scaled(
    _ number: Number, text: String
  ) throws(AccountingError) -> (amount: Amount, lostDigits: Bool) {
    // Digits that stay are those with a place value of at least 10^-18.
    let keptCount = number.digits.count + number.exponent + Amount.fractionDigits
    var magnitude: Int128 = 0
    for index in 0..<max(0, number.digits.isEmpty ? 0 : keptCount) {
      let digit = index < number.digits.count ? Int128(number.digits[index]) : 0
      let (times, overTen) = magnitude.multipliedReportingOverflow(by: 10)
      let (plus, overSum) = times.addingReportingOverflow(digit)
      guard !overTen, !overSum else { throw .overflow(operation: "amount \(clipped(text))") }
      magnitude = plus
    }
    let lost = keptCount >= 0 ? number.digits.dropFirst(keptCount) : number.digits[...]
    let hasLost = lost.contains { $0 != 0 }
    if keptCount >= 0, let next = lost.first, hasLost {
      let isAboveHalf = next > 5 || (next == 5 && lost.dropFirst().contains { $0 != 0 })
      let isTie = next == 5 && !isAboveHalf
      if isAboveHalf || (isTie && !magnitude.isMultiple(of: 2)) {
        let (up, overflow) = magnitude.addingReportingOverflow(1)
        guard !overflow else { throw .overflow(operation: "amount \(clipped(text))") }
        magnitude = up
      }
    }
    return (Amount(units: number.isNegative ? -magnitude : magnitude), hasLost)
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") ? byte - UInt8(ascii: "0") : nil
  }

  private static func padded(_ magnitude: UInt128, digits: Int) -> String {
    let text = String(magnitude)
    let missing = digits + 1 - text.utf8.count
    return missing > 0 ? String(repeating: "0", count: missing) + text : text
  }

  private static func clipped(_ text: String) -> String {
    text.count <= 60 ? text : text.prefix(60) + "…"
  }
}
