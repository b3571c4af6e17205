/// An unsigned integer of any size: only what exact shares need.
///
/// Weights of a blend are fractions over a common denominator (ruling: shares are exact), and
/// those products outgrow 128 bits. Limbs are 32 bits, least first, with no leading zero limb, so
/// equality is equality of the arrays. Division is Knuth's algorithm D (TAOCP 2, 4.3.1).
struct BigUInt: Hashable, Sendable {
  private(set) var limbs: [UInt32]

  /// The value nought.
  static let zero = BigUInt(limbs: [])
  /// The value one.
  static let one = BigUInt(1 as UInt64)

  private init(limbs: [UInt32]) {
    var trimmed = limbs
    while trimmed.last == 0 { trimmed.removeLast() }
    self.limbs = trimmed
  }

  /// The value of any unsigned machine integer.
  init(_ value: some UnsignedInteger & FixedWidthInteger) {
    var limbs: [UInt32] = []
    var rest = UInt128(value)
    while rest != 0 {
      limbs.append(UInt32(truncatingIfNeeded: rest))
      rest >>= 32
    }
    self.limbs = limbs
  }

  /// Whether this is nought.
  var isZero: Bool { limbs.isEmpty }

  /// The value as 64 bits; `nil` when it needs more.
  var asUInt64: UInt64? {
    guard limbs.count <= 2 else { return nil }
    return limbs.reversed().reduce(0) { $0 << 32 | UInt64($1) }
  }

  /// The value as 128 bits; `nil` when it needs more.
  var asUInt128: UInt128? {
    guard limbs.count <= 4 else { return nil }
    return limbs.reversed().reduce(0) { $0 << 32 | UInt128($1) }
  }

  static func + (left: BigUInt, right: BigUInt) -> BigUInt {
    let (long, short) =
      left.limbs.count >= right.limbs.count ? (left.limbs, right.limbs) : (right.limbs, left.limbs)
    var sum: [UInt32] = []
    sum.reserveCapacity(long.count + 1)
    var carry: UInt64 = 0
    for index in long.indices {
      let total = UInt64(long[index]) + (index < short.count ? UInt64(short[index]) : 0) + carry
      sum.append(UInt32(truncatingIfNeeded: total))
      carry = total >> 32
    }
    if carry != 0 { sum.append(UInt32(carry)) }
    return BigUInt(limbs: sum)
  }

  /// The difference; `other` is not larger.
  func minus(_ other: BigUInt) -> BigUInt {
    precondition(self >= other, "a rest is not negative")
    var rest = limbs
    var borrow: Int64 = 0
    for index in rest.indices {
      let taken = borrow + (index < other.limbs.count ? Int64(other.limbs[index]) : 0)
      let difference = Int64(rest[index]) - taken
      rest[index] = UInt32(truncatingIfNeeded: difference)
      borrow = difference < 0 ? 1 : 0
    }
    return BigUInt(limbs: rest)
  }

  static func * (left: BigUInt, right: BigUInt) -> BigUInt {
    guard !left.isZero, !right.isZero else { return .zero }
    var product = [UInt32](repeating: 0, count: left.limbs.count + right.limbs.count)
    for i in left.limbs.indices {
      var carry: UInt64 = 0
      for j in right.limbs.indices {
        // At most (2^32-1)^2 + 2 * (2^32-1) = 2^64 - 1: no overflow.
        let term = UInt64(left.limbs[i]) * UInt64(right.limbs[j])
        let total = term + UInt64(product[i + j]) + carry
        product[i + j] = UInt32(truncatingIfNeeded: total)
        carry = total >> 32
      }
      product[i + right.limbs.count] = UInt32(carry)
    }
    return BigUInt(limbs: product)
  }

  /// Quotient and remainder; the divisor is not nought.
  func quotientAndRemainder(
    dividingBy divisor: BigUInt
  ) -> (quotient: BigUInt, remainder: BigUInt) {
    precondition(!divisor.isZero, "division of a share by nought")
    guard self >= divisor else { return (.zero, self) }
    if divisor.limbs.count == 1 { return dividedBySmall(divisor.limbs[0]) }
    return dividedByLong(divisor)
  }

  private func dividedBySmall(_ divisor: UInt32) -> (quotient: BigUInt, remainder: BigUInt) {
    var quotient = limbs
    var rest: UInt64 = 0
    for index in limbs.indices.reversed() {
      let value = rest << 32 | UInt64(limbs[index])
      quotient[index] = UInt32(value / UInt64(divisor))
      rest = value % UInt64(divisor)
    }
    return (BigUInt(limbs: quotient), BigUInt(rest))
  }

  private func dividedByLong(_ divisor: BigUInt) -> (quotient: BigUInt, remainder: BigUInt) {
    // Normalise so that the top limb of the divisor has its high bit set (step D1).
    let shift = divisor.limbs[divisor.limbs.count - 1].leadingZeroBitCount
    let v = Self.shiftedLeft(divisor.limbs, by: shift)
    var u = Self.shiftedLeft(limbs, by: shift)
    if u.count == limbs.count { u.append(0) }
    let n = divisor.limbs.count
    let top = UInt64(v[n - 1])
    let second = UInt64(v[n - 2])
    var quotient = [UInt32](repeating: 0, count: u.count - n)
    for j in (0..<quotient.count).reversed() {
      let head = UInt64(u[j + n]) << 32 | UInt64(u[j + n - 1])
      var guess = head / top
      var rest = head % top
      // Step D3: at most two corrections bring the guess to at most one too many.
      while guess >> 32 != 0 || guess * second > rest << 32 | UInt64(u[j + n - 2]) {
        guess -= 1
        rest += top
        if rest >> 32 != 0 { break }
      }
      if Self.subtract(v, times: guess, from: &u, at: j) {
        guess -= 1
        Self.add(v, to: &u, at: j)
      }
      quotient[j] = UInt32(guess)
    }
    let remainder = Self.shiftedRight(Array(u[..<n]), by: shift)
    return (BigUInt(limbs: quotient), BigUInt(limbs: remainder))
  }

  /// Step D4: `u[j...] -= v * factor`; whether it went below nought.
  private static func subtract(
    _ v: [UInt32], times factor: UInt64, from u: inout [UInt32], at j: Int
  ) -> Bool {
    var borrow: Int64 = 0
    var carry: UInt64 = 0
    for index in v.indices {
      let product = factor * UInt64(v[index]) + carry
      carry = product >> 32
      let difference = Int64(u[j + index]) - borrow - Int64(product & 0xffff_ffff)
      u[j + index] = UInt32(truncatingIfNeeded: difference)
      borrow = difference < 0 ? 1 : 0
    }
    let difference = Int64(u[j + v.count]) - borrow - Int64(carry)
    u[j + v.count] = UInt32(truncatingIfNeeded: difference)
    return difference < 0
  }

  /// Step D6: adds the divisor back after a guess that was one too many.
  private static func add(_ v: [UInt32], to u: inout [UInt32], at j: Int) {
    var carry: UInt64 = 0
    for index in v.indices {
      let sum = UInt64(u[j + index]) + UInt64(v[index]) + carry
      u[j + index] = UInt32(truncatingIfNeeded: sum)
      carry = sum >> 32
    }
    u[j + v.count] = UInt32(truncatingIfNeeded: UInt64(u[j + v.count]) + carry)
  }

  private static func shiftedLeft(_ limbs: [UInt32], by bits: Int) -> [UInt32] {
    guard bits > 0 else { return limbs }
    var shifted: [UInt32] = []
    var carry: UInt32 = 0
    for limb in limbs {
      shifted.append(limb << UInt32(bits) | carry)
      carry = limb >> UInt32(32 - bits)
    }
    if carry != 0 { shifted.append(carry) }
    return shifted
  }

  private static func shiftedRight(_ limbs: [UInt32], by bits: Int) -> [UInt32] {
    guard bits > 0 else { return limbs }
    return limbs.indices.map { index in
      let above = index + 1 < limbs.count ? limbs[index + 1] << UInt32(32 - bits) : 0
      return limbs[index] >> UInt32(bits) | above
    }
  }
}

extension BigUInt: Comparable {
  static func < (left: BigUInt, right: BigUInt) -> Bool {
    if left.limbs.count != right.limbs.count { return left.limbs.count < right.limbs.count }
    for index in left.limbs.indices.reversed() where left.limbs[index] != right.limbs[index] {
      return left.limbs[index] < right.limbs[index]
    }
    return false
  }
}
