import Testing

@testable import Accounting

struct ApportionmentTests {
  @Test func `a hundred over three equal weights gives the first id the odd unit`() throws {
    let weights = [
      (key: "core", weight: 1 as UInt64), (key: "acme", weight: 1), (key: "bolt", weight: 1),
    ]

    #expect(
      try Apportionment.split(total: 100_000_000, over: weights)
        == [33_333_333, 33_333_334, 33_333_333])
    #expect(
      try Apportionment.split(total: -100_000_000, over: weights)
        == [-33_333_333, -33_333_334, -33_333_333])
  }

  @Test func `a tie of remainders goes to the larger weight before the smaller id`() throws {
    // 2 units over 1 and 3: remainders 2/4 and 2/4.
    #expect(
      try Apportionment.split(total: 2, over: [(key: "a", weight: 1), (key: "b", weight: 3)])
        == [0, 2])
  }

  @Test func `extreme totals and weights neither overflow nor lose a unit`() throws {
    for total in [Int64.max, .min, .min + 1, 1, -1] {
      let parts = try Apportionment.split(
        total: total,
        over: [(key: "a", weight: .max), (key: "b", weight: .max), (key: "c", weight: 1)])
      #expect(parts.reduce(Int128(0)) { $0 + Int128($1) } == Int128(total))
    }
    #expect(try Apportionment.split(total: .min, over: [(key: "a", weight: 7)]) == [.min])
    #expect(try Apportionment.split(total: .max, over: [(key: "a", weight: .max)]) == [.max])
  }

  @Test func `nothing splits over nothing, something does not`() throws {
    #expect(try Apportionment.split(total: 0, over: [(key: "a", weight: 0)]) == [0])
    #expect(throws: AccountingError.self) {
      try Apportionment.split(total: 1, over: [(key: "a", weight: 0)])
    }
    #expect(throws: AccountingError.self) { try Apportionment.split(total: 1, over: []) }
  }

  @Test func `splits conserve, stay within a unit, and do not depend on order or scale`() throws {
    var random = SplitMix64(seed: Seed.value)
    for _ in 0..<2000 {
      let count = Int.random(in: 1...20, using: &random)
      let bits = UInt64.random(in: 0..<64, using: &random)
      var weights = (0..<count).map { index in
        (
          key: "t\(index)",
          weight: random.chance(20) ? 0 : UInt64.random(in: 0...UInt64.max >> bits, using: &random)
        )
      }
      weights[0].weight = max(1, weights[0].weight)
      let total =
        Int64.random(in: Int64.min...Int64.max, using: &random)
        >> Int64.random(in: 0..<63, using: &random)
      let parts = try Apportionment.split(total: total, over: weights)

      #expect(parts.reduce(Int128(0)) { $0 + Int128($1) } == Int128(total), Seed.comment)
      let sum = weights.reduce(BigUInt.zero) { $0 + BigUInt($1.weight) }
      for (row, part) in zip(weights, parts) {
        let scaled = BigUInt(part.magnitude) * sum
        let exact = BigUInt(total.magnitude) * BigUInt(row.weight)
        #expect(scaled < exact + sum && exact < scaled + sum, Seed.comment)
        #expect(row.weight != 0 || part == 0, Seed.comment)
        #expect(part == 0 || (part < 0) == (total < 0), Seed.comment)
      }
      let order = Array(weights.indices).shuffled(using: &random)
      let shuffled = try Apportionment.split(total: total, over: order.map { weights[$0] })
      #expect(shuffled == order.map { parts[$0] }, Seed.comment)
      let scale = BigUInt(UInt64.random(in: 2...1_000_000_007, using: &random))
      let scaled = try Apportionment.split(
        total: total, keys: weights.map(\.key), weights: weights.map { BigUInt($0.weight) * scale })
      #expect(scaled == parts, Seed.comment)
    }
  }

  @Test func `rounding mixed signs floors and hands out the rest`() throws {
    // 1.5, -0.7 and 0.2 sum to 1.0: floors 1, -1, 0, remainders .5, .3, .2.
    let parts: [(key: String, exact: Int128)] = [
      (key: "a", exact: 15), (key: "b", exact: -7), (key: "c", exact: 2),
    ]
    #expect(try Apportionment.round(parts, unit: 10, to: 1) == [2, -1, 0])
  }

  @Test func `rounding credits mirrors rounding charges`() throws {
    let charges: [(key: String, exact: Int128)] = [
      (key: "a", exact: 15), (key: "b", exact: 7), (key: "c", exact: 2), (key: "d", exact: 0),
    ]
    let credits = charges.map { (key: $0.key, exact: -$0.exact) }

    #expect(
      try Apportionment.round(credits, unit: 10, to: -2)
        == Apportionment.round(charges, unit: 10, to: 2).map { -$0 })
  }

  @Test(arguments: [3, 5, 0, -1] as [Int64])
  func `a total that is no rounding of the parts is refused`(total: Int64) {
    let parts: [(key: String, exact: Int128)] = [(key: "a", exact: 15), (key: "b", exact: 3)]
    // The sum is 1.8: only 1 and 2 round it.
    #expect(throws: AccountingError.self) {
      try Apportionment.round(parts, unit: 10, to: total)
    }
  }

  @Test func `rounded parts sum to the total and stay within a unit`() throws {
    var random = SplitMix64(seed: Seed.value)
    for _ in 0..<2000 {
      let count = Int.random(in: 1...15, using: &random)
      let signs = Int.random(in: 0..<3, using: &random)
      let parts = (0..<count).map { index -> (key: String, exact: Int128) in
        let magnitude = Int128.random(in: 0...10_000_000, using: &random)
        let isNegative = signs == 0 || (signs == 1 && random.chance(50))
        return (key: "p\(index)", exact: isNegative ? -magnitude : magnitude)
      }
      let unit = Int128.random(in: 1...100_000, using: &random)
      let sum = parts.reduce(Int128(0)) { $0 + $1.exact }
      let total = Int64(Rounding.halfEven(sum, over: unit))
      let rounded = try Apportionment.round(parts, unit: unit, to: total)

      #expect(rounded.reduce(0, +) == total, Seed.comment)
      for (part, whole) in zip(parts, rounded) {
        #expect((Int128(whole) * unit - part.exact).magnitude < unit.magnitude, Seed.comment)
      }
      let order = Array(parts.indices).shuffled(using: &random)
      #expect(
        try Apportionment.round(order.map { parts[$0] }, unit: unit, to: total)
          == order.map { rounded[$0] }, Seed.comment)
    }
  }
}
