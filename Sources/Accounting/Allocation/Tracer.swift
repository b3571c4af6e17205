/// One step on the way from a pool's cost to a tenant's part of it, for somebody who checks it.
public struct TraceStep: Hashable, Sendable {
  /// What kind of step it is.
  public enum Kind: String, Hashable, Sendable {
    /// A fact.
    case note
    /// A value of a driver.
    case driver
    /// A whole number split over weights.
    case split
    /// A part that was not split: stated, rounded, or all of it.
    case part
  }

  /// The pool, or the idle part of one.
  public let pool: String
  /// What kind of step it is.
  public let kind: Kind
  /// The step in words, with the arithmetic.
  public let text: String
  /// What comes out of it, in micro-units; `nil` for facts.
  public let micros: Int64?

  init(pool: String, kind: Kind, text: String, micros: Int64? = nil) {
    self.pool = pool
    self.kind = kind
    self.text = text
    self.micros = micros
  }
}

/// Takes notes while an allocation is made again for one pool and one account.
final class Tracer {
  /// The pool that is watched; its idle parts are too.
  let pool: String
  /// The accounts that are watched: a tenant's, and those of the tenants that belong to it.
  let accounts: Set<String>
  /// The notes.
  var steps: [TraceStep] = []

  /// A tracer of one pool and some accounts.
  init(pool: String, accounts: Set<String>) {
    self.pool = pool
    self.accounts = accounts
  }

  private func watches(_ part: PoolPart) -> Bool {
    part.name == pool || part.name.hasPrefix(pool + "~")
  }

  /// A part that was not split.
  func note(_ part: PoolPart, _ text: String, to owner: Owner, _ micros: Int64) {
    guard watches(part), accounts.contains(owner.key) else { return }
    let amount = DecimalText.fixed(Int128(micros), digits: 6)
    steps.append(
      TraceStep(
        pool: part.name, kind: .part, text: "\(owner.key): \(text): \(amount)", micros: micros))
  }

  /// The values of the watched tenants in a blend.
  func note(_ part: PoolPart, _ blend: BlendWeights) {
    guard watches(part) else { return }
    for figure in zip(blend.drivers, blend.figures(posted: part.posted)) {
      for (tenant, value) in figure.0.sums.sorted(by: { KeyOrder.precedes($0.key, $1.key) })
      where accounts.contains(PoolSplit.owner(tenant).key) {
        steps.append(
          TraceStep(
            pool: part.name, kind: .driver,
            text: "driver \(figure.1.name), weight \(figure.1.weight) (effective "
              + "\(figure.1.effectiveWeight)): \(tenant) has \(figure.0.text(value)) of "
              + "\(figure.1.total) \(figure.1.unit); one unit costs "
              + "\(figure.1.unitCost ?? "nothing")"))
      }
    }
  }

  /// A split, with everything that is needed to do it again for the watched accounts.
  func note(
    _ part: PoolPart, _ what: String, total: Int64, keys: [String], weights: [BigUInt],
    parts: [Int64]
  ) {
    guard watches(part) else { return }
    let sum = weights.reduce(BigUInt.zero, +)
    guard !sum.isZero else { return }
    let magnitude = BigUInt(total.magnitude)
    for index in keys.indices where accounts.contains(keys[index]) {
      let (floor, rest) = (magnitude * weights[index]).quotientAndRemainder(dividingBy: sum)
      let isRaised = floor.asUInt64.map { $0 != parts[index].magnitude } ?? false
      let exact = Fraction(
        numerator: magnitude * weights[index], denominator: BigUInt(1_000_000 as UInt64) * sum
      ).text(digits: Amount.fractionDigits, isNegative: total < 0)
      let amount = DecimalText.fixed(Int128(parts[index]), digits: 6)
      let remainder =
        rest.isZero
        ? "no remainder"
        : "remainder \(rest.decimalText) of \(sum.decimalText), "
          + (isRaised ? "large enough for one of the units left" : "too small for a unit left")
      steps.append(
        TraceStep(
          pool: part.name, kind: .split,
          text: "\(keys[index]): \(DecimalText.fixed(Int128(total), digits: 6)) \(what): "
            + "\(total) micro-units * \(weights[index].decimalText) / \(sum.decimalText) = \(exact); "
            + "floor \(floor.decimalText), \(remainder): \(amount)",
          micros: parts[index]))
    }
  }
}
