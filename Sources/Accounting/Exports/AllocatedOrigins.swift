/// The origin charges of an export, and which part of its origin each allocated charge is.
///
/// A pool is one origin of its charges and another of its credits, so that ratios lie from 0 to 1 and
/// those of one origin sum to 1.
public struct AllocatedOrigins: Sendable {
  private struct Key: Hashable {
    let pool: String
    let isCredit: Bool
  }

  private var sums: [Key: UInt128] = [:]

  /// No charge yet.
  public init() {}

  /// Takes note of an allocated charge.
  public mutating func add(pool: String, micros: Int64) {
    sums[Key(pool: pool, isCredit: micros < 0), default: 0] += UInt128(micros.magnitude)
  }

  /// The part of its origin, 18 digits, rounded half-even; 0 for nothing.
  func ratio(pool: String, micros: Int64) -> String {
    guard let sum = sums[Key(pool: pool, isCredit: micros < 0)], sum > 0, micros != 0 else {
      return "0"
    }
    return Fraction(
      numerator: BigUInt(micros.magnitude), denominator: BigUInt(sum)
    ).text(digits: 18)
  }

  /// The origin's id, as ResourceId of all its charges.
  static func id(pool: String, micros: Int64) -> String {
    "weir:pool:\(EscapedName.escape(pool)):\(micros < 0 ? "credits" : "charges")"
  }
}
