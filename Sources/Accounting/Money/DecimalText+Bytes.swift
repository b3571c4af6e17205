/// The common case of decimal numbers, read from bytes without making a text of them.
extension DecimalText {
  /// The amount of `[-] digits [. digits]` with at most 18 digits in all; `nil` for anything else,
  /// which `amount` then reads or refuses.
  static func quickAmount(_ bytes: Span<UInt8>) -> Amount? {
    var index = 0
    let isNegative = bytes.count > 0 && bytes[0] == UInt8(ascii: "-")
    if isNegative { index = 1 }
    guard bytes.count - index <= 19 else { return nil }
    var value: UInt64 = 0
    var digits = 0
    var point: Int?
    while index < bytes.count {
      let byte = bytes[index]
      if byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
        digits += 1
        guard digits <= 18 else { return nil }
        value = value * 10 + UInt64(byte - UInt8(ascii: "0"))
      } else if byte == UInt8(ascii: "."), point == nil {
        point = digits
      } else {
        return nil
      }
      index += 1
    }
    guard digits > 0 else { return nil }
    let fraction = digits - (point ?? digits)
    let magnitude = Int128(value) * Int128(powersOfTen[Amount.fractionDigits - fraction])
    return Amount(units: isNegative ? -magnitude : magnitude)
  }

  /// Appends the shortest decimal text of an amount: the same as its description.
  public static func append(_ amount: Amount, to bytes: inout [UInt8]) {
    let magnitude = amount.units.magnitude
    if amount.units < 0 { bytes.append(UInt8(ascii: "-")) }
    let (whole, rest) = magnitude.quotientAndRemainder(dividingBy: UInt128(powersOfTen[18]))
    // 2^127 / 10^18 is less than 2^68; amounts past 2^64 whole units take the long way.
    guard let small = UInt64(exactly: whole), let fraction = UInt64(exactly: rest) else {
      bytes.append(contentsOf: trimmed(magnitude: magnitude, isNegative: false, digits: 18).utf8)
      return
    }
    appendDigits(small, atLeast: 1, to: &bytes)
    guard fraction > 0 else { return }
    bytes.append(UInt8(ascii: "."))
    appendDigits(fraction, atLeast: 18, to: &bytes)
    while bytes.last == UInt8(ascii: "0") { bytes.removeLast() }
  }

  /// Appends a whole number in decimal digits.
  public static func append(_ number: Int64, to bytes: inout [UInt8]) {
    if number < 0 { bytes.append(UInt8(ascii: "-")) }
    appendDigits(number.magnitude, atLeast: 1, to: &bytes)
  }

  private static func appendDigits(_ number: UInt64, atLeast: Int, to bytes: inout [UInt8]) {
    let start = bytes.count
    var rest = number
    repeat {
      bytes.append(UInt8(ascii: "0") + UInt8(rest % 10))
      rest /= 10
    } while rest > 0
    while bytes.count - start < atLeast { bytes.append(UInt8(ascii: "0")) }
    bytes[start...].reverse()
  }

  private static let powersOfTen: [UInt64] = (0...18).map { exponent in
    (0..<exponent).reduce(1) { power, _ in power * 10 }
  }
}
