import Testing

@testable import Accounting

struct BigUIntTests {
  @Test func `small values agree with 128-bit arithmetic`() {
    var random = SplitMix64(seed: Seed.value)
    for _ in 0..<2000 {
      let a = UInt64.random(
        in: 0...UInt64.max >> UInt64.random(in: 0..<64, using: &random), using: &random)
      let b = UInt64.random(
        in: 1...UInt64.max >> UInt64.random(in: 0..<63, using: &random), using: &random)
      let product = BigUInt(a) * BigUInt(b)
      #expect(product.asUInt128 == UInt128(a) * UInt128(b), Seed.comment)
      #expect((BigUInt(a) + BigUInt(b)).asUInt128 == UInt128(a) + UInt128(b), Seed.comment)
      let (quotient, remainder) = BigUInt(a).quotientAndRemainder(dividingBy: BigUInt(b))
      #expect(quotient.asUInt64 == a / b && remainder.asUInt64 == a % b, Seed.comment)
      #expect((BigUInt(a) < BigUInt(b)) == (a < b), Seed.comment)
    }
  }

  @Test func `quotient times divisor plus remainder is the dividend at every size`() {
    var random = SplitMix64(seed: Seed.value)
    for _ in 0..<4000 {
      let dividend = Self.random(limbs: 1...12, &random)
      let divisor = Self.random(limbs: 1...8, &random)
      guard !divisor.isZero else { continue }
      let (quotient, remainder) = dividend.quotientAndRemainder(dividingBy: divisor)
      #expect(remainder < divisor, Seed.comment)
      #expect(quotient * divisor + remainder == dividend, Seed.comment)
    }
  }

  /// Dividends built so that the first guess of a quotient digit is too large (Knuth's steps D3, D6).
  @Test func `division is right where the guessed digit must be corrected`() {
    let ones = BigUInt(UInt64.max)
    let top = BigUInt(UInt64(1) << 63)
    let base = BigUInt(UInt128(1) << 64)
    for divisor in [top * base + ones, top * base + .one, ones * base + ones] {
      for factor in [ones, top, ones * base + ones] {
        for rest in [BigUInt.zero, .one, ones] {
          let dividend = divisor * factor + rest
          let (quotient, remainder) = dividend.quotientAndRemainder(dividingBy: divisor)
          #expect(quotient == factor)
          #expect(remainder == rest)
        }
      }
    }
  }

  @Test func `a difference and a common divisor are right on both sides of 128 bits`() {
    var random = SplitMix64(seed: Seed.value)
    for _ in 0..<1_000 {
      let a = Self.random(limbs: 1...7, &random)
      let b = Self.random(limbs: 1...7, &random)
      #expect((a + b).minus(b) == a, Seed.comment)
      guard !a.isZero, !b.isZero else { continue }
      let divisor = BigUInt.commonDivisor(a, b)
      for number in [a, b] {
        #expect(number.quotientAndRemainder(dividingBy: divisor).remainder.isZero, Seed.comment)
      }
      let (first, second) = (
        a.quotientAndRemainder(dividingBy: divisor).quotient,
        b.quotientAndRemainder(dividingBy: divisor).quotient
      )
      #expect(BigUInt.commonDivisor(first, second) == .one, Seed.comment)
    }
  }

  @Test(arguments: [0, 1, 2, 6, 12, 18])
  func `64-bit values print like 128-bit ones`(digits: Int) {
    var random = SplitMix64(seed: Seed.value)
    let edges: [Int64] = [0, 1, -1, 9, 10, -10, 999_999, .max, .min]
    let drawn = (0..<500).map { _ in
      Int64.random(in: .min ... .max, using: &random) >> Int64.random(in: 0..<63, using: &random)
    }
    for value in edges + drawn {
      #expect(
        DecimalText.fixed(value, digits: digits)
          == DecimalText.fixed(Int128(value), digits: digits), Seed.comment)
    }
  }

  @Test func `names are ordered by their bytes, whatever Unicode says of them`() {
    let names = ["", "a", "aa", "b", "e\u{301}", "é", "z", "ä", "\u{10000}", "\u{FFFF}", "A", "~"]
    for left in names {
      for right in names {
        #expect(
          KeyOrder.precedes(left, right) == left.utf8.lexicographicallyPrecedes(right.utf8),
          "\(left) \(right)")
      }
    }
  }

  @Test func `decimal text has all digits`() {
    let tenTo27 = BigUInt.powerOfTen(27)
    let big = tenTo27 * tenTo27 * BigUInt(42 as UInt64) + BigUInt(7 as UInt64)

    #expect(big.decimalText == "42" + String(repeating: "0", count: 53) + "7")
    #expect(BigUInt.zero.decimalText == "0")
  }

  private static func random(limbs: ClosedRange<Int>, _ random: inout SplitMix64) -> BigUInt {
    var value = BigUInt.zero
    for _ in 0..<Int.random(in: limbs, using: &random) {
      // Extreme limbs make the rare paths of the division common.
      let limb: UInt32 =
        switch Int.random(in: 0..<4, using: &random) {
        case 0: 0
        case 1: .max
        case 2: 1 << 31
        default: UInt32.random(in: 0...UInt32.max, using: &random)
        }
      value = value * BigUInt(UInt64(1) << 32) + BigUInt(limb)
    }
    return value
  }
}
