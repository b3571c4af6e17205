/// Integer division with the rounding that money uses.
enum Rounding {
  /// `value / divisor` to the nearest integer, ties to the even one. `divisor` is positive.
  static func halfEven(_ value: Int128, over divisor: Int128) -> Int128 {
    precondition(divisor > 0, "a divisor of money is positive")
    let (quotient, remainder) = floored(value, over: divisor)
    let rest = divisor - remainder
    if remainder > rest { return quotient + 1 }
    if remainder < rest { return quotient }
    return quotient.isMultiple(of: 2) ? quotient : quotient + 1
  }

  /// Quotient toward minus infinity, and a remainder in `0..<divisor`. `divisor` is positive.
  static func floored(
    _ value: Int128, over divisor: Int128
  ) -> (quotient: Int128, remainder: Int128) {
    precondition(divisor > 0, "a divisor of money is positive")
    let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
  }
}
