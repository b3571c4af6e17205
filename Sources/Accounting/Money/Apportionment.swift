/// How a whole becomes parts that sum to it exactly.
///
/// Two questions, one answer each, both by largest remainder (Hamilton's method):
///
///     split   a total T over weights w_i:    q_i = floor(|T| * w_i / W), with the sign of T put back
///     round   exact parts x_i to units:      q_i = floor(x_i), toward minus infinity
///
/// The units that are then missing go, one each, to the largest remainders; ties go to the larger
/// weight (`round`: the larger magnitude), then to the key that is smaller as UTF-8 bytes. When no
/// part is positive, `round` works on magnitudes, so that a credit mirrors the charge.
/// Both depend only on the set of inputs, never on their order.
public enum Apportionment {
  /// Splits `total` over whole weights; the answer is aligned with `weights`.
  ///
  /// Throws `notSplittable` when the weights sum to nought but the total does not.
  public static func split(
    total: Int64, over weights: [(key: String, weight: UInt64)]
  ) throws(AccountingError) -> [Int64] {
    try split(total: total, keys: weights.map(\.key), weights: weights.map { BigUInt($0.weight) })
  }

  /// Splits `total` over weights of any size; `keys` and `weights` are aligned.
  static func split(
    total: Int64, keys: [String], weights: [BigUInt]
  ) throws(AccountingError) -> [Int64] {
    precondition(keys.count == weights.count, "each weight has its key")
    guard total != 0 else { return Array(repeating: 0, count: weights.count) }
    let sum = weights.reduce(BigUInt.zero, +)
    guard !sum.isZero else { throw .notSplittable(total: total, reason: "all weights are zero") }
    let magnitude = total.magnitude
    var parts: [UInt64] = []
    var remainders: [BigUInt] = []
    parts.reserveCapacity(weights.count)
    remainders.reserveCapacity(weights.count)
    var given: UInt64 = 0
    for weight in weights {
      let (quotient, remainder) = share(of: magnitude, weight: weight, sum: sum)
      parts.append(quotient)
      remainders.append(remainder)
      given += quotient
    }
    let order = remainders.indices.filter { !remainders[$0].isZero }.sorted { left, right in
      if remainders[left] != remainders[right] { return remainders[left] > remainders[right] }
      if weights[left] != weights[right] { return weights[left] > weights[right] }
      return KeyOrder.precedes(keys[left], keys[right])
    }
    let missing = Int(magnitude - given)
    precondition(missing <= order.count, "fewer units are missing than parts have remainders")
    for index in order.prefix(missing) { parts[index] += 1 }
    return parts.map { total < 0 ? Int64(truncatingIfNeeded: 0 &- $0) : Int64($0) }
  }

  /// Rounds exact parts, counted in `1 / unit` of a unit, to whole units that sum to `total`.
  ///
  /// `total` must be a rounding of the exact sum: its floor, or its ceiling when the sum is not
  /// whole. Anything else throws `notSplittable`: it would hide a plug.
  public static func round(
    _ parts: [(key: String, exact: Int128)], unit: Int128, to total: Int64
  ) throws(AccountingError) -> [Int64] {
    precondition(unit > 0, "a unit is positive")
    if !parts.isEmpty, parts.allSatisfy({ $0.exact <= 0 && $0.exact != .min }) {
      guard total != .min else { throw .overflow(operation: "rounding to \(total)") }
      if parts.contains(where: { $0.exact < 0 }) {
        let mirrored = parts.map { (key: $0.key, exact: -$0.exact) }
        return try floorAndGive(mirrored, unit: unit, to: -total).map { -$0 }
      }
    }
    return try floorAndGive(parts, unit: unit, to: total)
  }

  private static func floorAndGive(
    _ parts: [(key: String, exact: Int128)], unit: Int128, to total: Int64
  ) throws(AccountingError) -> [Int64] {
    var rounded: [Int64] = []
    var remainders: [Int128] = []
    var given: Int128 = 0
    for part in parts {
      let (quotient, remainder) = Rounding.floored(part.exact, over: unit)
      guard let small = Int64(exactly: quotient), small < .max else {
        throw .overflow(operation: "rounding \(part.key)")
      }
      rounded.append(small)
      remainders.append(remainder)
      given += quotient
    }
    let missing = Int128(total) - given
    let order = remainders.indices.filter { remainders[$0] != 0 }.sorted { left, right in
      if remainders[left] != remainders[right] { return remainders[left] > remainders[right] }
      let (a, b) = (parts[left].exact.magnitude, parts[right].exact.magnitude)
      if a != b { return a > b }
      return KeyOrder.precedes(parts[left].key, parts[right].key)
    }
    // The exact sum and the total may differ by less than one unit.
    let error = remainders.reduce(0, +) - missing * unit
    guard missing >= 0, missing <= order.count, error.magnitude < unit.magnitude else {
      throw .notSplittable(total: total, reason: "it is not a rounding of the exact parts")
    }
    for index in order.prefix(Int(missing)) { rounded[index] += 1 }
    return rounded
  }

  private static func share(
    of magnitude: UInt64, weight: BigUInt, sum: BigUInt
  ) -> (quotient: UInt64, remainder: BigUInt) {
    if let small = weight.asUInt64, let whole = sum.asUInt64 {
      // weight <= sum, so the high word of the product is below the divisor.
      let product = magnitude.multipliedFullWidth(by: small)
      if product.high >= whole { return (magnitude, .zero) }
      let (quotient, remainder) = whole.dividingFullWidth(product)
      return (quotient, BigUInt(remainder))
    }
    let product = BigUInt(magnitude) * weight
    let (quotient, remainder) = product.quotientAndRemainder(dividingBy: sum)
    guard let small = quotient.asUInt64 else {
      preconditionFailure("a share is no larger than the total")
    }
    return (small, remainder)
  }
}
