/// An exact ratio of two whole numbers, only ever shown: shares, unit costs, effective weights.
struct Fraction: Sendable {
  /// The upper number.
  let numerator: BigUInt
  /// The lower number, not nought.
  let denominator: BigUInt

  /// Fraction digits of shown shares and effective weights.
  static let shareDigits = 12
  /// Fraction digits of shown unit costs: a byte may cost less than 10^-12 of a unit.
  static let unitCostDigits = 18

  /// The ratio with fixed fraction digits, rounded half-even, for example `0.333333333333`.
  func text(digits: Int, isNegative: Bool = false) -> String {
    precondition(!denominator.isZero, "a ratio needs a whole")
    let scale = BigUInt.powerOfTen(digits)
    let (floor, rest) = (numerator * scale).quotientAndRemainder(dividingBy: denominator)
    let double = rest + rest
    let isUp = double > denominator || (double == denominator && floor.isOdd)
    let rounded = isUp ? floor + .one : floor
    if let small = rounded.asUInt64, small < UInt64(Int64.max) {
      return DecimalText.fixed(isNegative ? -Int64(small) : Int64(small), digits: digits)
    }
    var text = rounded.decimalText
    let missing = digits + 1 - text.utf8.count
    if missing > 0 { text = String(repeating: "0", count: missing) + text }
    let point = text.index(text.endIndex, offsetBy: -digits)
    let sign = isNegative && !rounded.isZero ? "-" : ""
    return sign + text[..<point] + "." + text[point...]
  }
}

extension BigUInt {
  /// Ten to the power of 0 to 38.
  static func powerOfTen(_ exponent: Int) -> BigUInt { powers[exponent] }

  private static let powers = (0...38).map { exponent in
    BigUInt((0..<exponent).reduce(1 as UInt128) { power, _ in power * 10 })
  }

  /// The value in decimal digits.
  var decimalText: String {
    if let small = asUInt64 { return String(small) }
    if let small = asUInt128 { return String(small) }
    var groups: [String] = []
    var rest = self
    let base = BigUInt(1_000_000_000 as UInt64)
    while !rest.isZero {
      let (quotient, remainder) = rest.quotientAndRemainder(dividingBy: base)
      let digits = String(remainder.asUInt64 ?? 0)
      groups.append(
        quotient.isZero ? digits : String(repeating: "0", count: 9 - digits.utf8.count) + digits)
      rest = quotient
    }
    return groups.reversed().joined()
  }
}
