/// A whole number of any size, not negative.
///
/// Shares of a blend are exact fractions over a common denominator (ruling: shares are exact), and
/// those products outgrow 128 bits. Most do not, so what fits is one machine value and no array; a
/// number has limbs if and only if it needs them, so equality is equality of the parts.
struct BigUInt: Hashable, Sendable {
  private var small: UInt128
  private var large: Limbs?

  /// The value nought.
  static let zero = BigUInt(0 as UInt64)
  /// The value one.
  static let one = BigUInt(1 as UInt64)

  /// The value of any unsigned machine integer.
  init(_ value: some UnsignedInteger & FixedWidthInteger) {
    small = UInt128(value)
    large = nil
  }

  private init(_ limbs: Limbs) {
    if let fitting = limbs.asUInt128 {
      small = fitting
      large = nil
    } else {
      small = 0
      large = limbs
    }
  }

  private var limbs: Limbs { large ?? Limbs(small) }

  /// Whether this is nought.
  var isZero: Bool { small == 0 && large == nil }

  /// Whether this is odd.
  var isOdd: Bool { large.map { $0.isOdd } ?? !small.isMultiple(of: 2) }

  /// The value as 64 bits; `nil` when it needs more.
  var asUInt64: UInt64? { large == nil ? UInt64(exactly: small) : nil }

  /// The value as 128 bits; `nil` when it needs more.
  var asUInt128: UInt128? { large == nil ? small : nil }

  static func + (left: BigUInt, right: BigUInt) -> BigUInt {
    if left.large == nil, right.large == nil {
      let (sum, overflow) = left.small.addingReportingOverflow(right.small)
      if !overflow { return BigUInt(sum) }
    }
    return BigUInt(left.limbs + right.limbs)
  }

  /// The difference; `other` is not larger.
  func minus(_ other: BigUInt) -> BigUInt {
    precondition(self >= other, "a rest is not negative")
    guard large != nil else { return BigUInt(small - other.small) }
    return BigUInt(limbs.minus(other.limbs))
  }

  static func * (left: BigUInt, right: BigUInt) -> BigUInt {
    if left.large == nil, right.large == nil {
      if left.small >> 64 == 0, right.small >> 64 == 0 {
        // Two halves of 64 bits cannot overflow.
        return BigUInt(left.small &* right.small)
      }
      let (product, overflow) = left.small.multipliedReportingOverflow(by: right.small)
      if !overflow { return BigUInt(product) }
    }
    return BigUInt(left.limbs * right.limbs)
  }

  /// Quotient and remainder; the divisor is not nought.
  func quotientAndRemainder(
    dividingBy divisor: BigUInt
  ) -> (quotient: BigUInt, remainder: BigUInt) {
    precondition(!divisor.isZero, "division of a share by nought")
    if large == nil {
      guard divisor.large == nil, small >= divisor.small else { return (.zero, self) }
      if let value = UInt64(exactly: small) {
        let (quotient, rest) = value.quotientAndRemainder(
          dividingBy: UInt64(truncatingIfNeeded: divisor.small))
        return (BigUInt(quotient), BigUInt(rest))
      }
      let (quotient, rest) = small.quotientAndRemainder(dividingBy: divisor.small)
      return (BigUInt(quotient), BigUInt(rest))
    }
    let (quotient, rest) = limbs.quotientAndRemainder(dividingBy: divisor.limbs)
    return (BigUInt(quotient), BigUInt(rest))
  }
}

extension BigUInt: Comparable {
  static func < (left: BigUInt, right: BigUInt) -> Bool {
    switch (left.large, right.large) {
    case (nil, nil): left.small < right.small
    case (nil, .some): true
    case (.some, nil): false
    case (.some(let first), .some(let second)): first < second
    }
  }
}
