public import Digest

/// Who bears what of one period, and why.
public struct AllocationResult: Hashable, Sendable {
  /// The period.
  public let period: Period
  /// The currency of everything below.
  public let currency: Currency
  /// The operator's name for the policy.
  public let policyName: String
  /// SHA-256 of the policy document.
  public let policyDigest: Digest256
  /// The pools that had records, in the order of the policy, an idle part after its pool; then
  /// `~unmatched`, and `~fx` for what rates differ by.
  public let pools: [PoolAllocation]
  /// What was converted from other currencies, by rate.
  public let conversions: [ConvertedSum]
  /// The exact sum of all pools.
  public let exactTotal: Amount
  /// `exactTotal` rounded once to micro-units; the sum of all posted pools.
  public let postedTotal: Money

  /// `exactTotal` minus `postedTotal`: less than a micro-unit, shown and never posted.
  public var rest: Amount {
    Amount(units: exactTotal.units - Amount(micros: postedTotal.micros).units)
  }
}

/// One pool, split.
public struct PoolAllocation: Hashable, Sendable {
  /// The pool's name.
  public let pool: String
  /// The method's name in the policy language, `idle`, `unmatched` or `fx`.
  public let method: String
  /// How many cost records it holds.
  public let records: Int
  /// Their exact effective cost.
  public let exact: Amount
  /// The cost in micro-units that is split; differs from `exact` by less than one.
  public let posted: Money
  /// The drivers, empty unless the method is proportional.
  public let drivers: [DriverFigure]
  /// What was done instead of what the policy says first: given weights and fallbacks.
  public let notes: [String]
  /// The parts, ordered by ledger account as bytes; they sum to `posted`.
  public let shares: [PoolShare]
}

/// A driver over the whole pool.
public struct DriverFigure: Hashable, Sendable {
  /// The quantity or series.
  public let name: String
  /// Its unit.
  public let unit: String
  /// Its weight in the policy.
  public let weight: Amount
  /// Its weight after zero drivers gave theirs away, twelve digits; `0.000000000000` when zero.
  public let effectiveWeight: String
  /// The sum over everybody who takes part, as a decimal.
  public let total: String
  /// What one unit costs in this pool, eighteen digits; `nil` when the total is zero.
  public let unitCost: String?
}

/// What one owner bears of a pool.
public struct PoolShare: Hashable, Sendable {
  /// Who.
  public let owner: Owner
  /// How much.
  public let amount: Money
  /// Which part of the pool that is, before rounding, twelve digits.
  public let share: String
  /// For a direct pool: the exact cost of the owner's records.
  public let exact: Amount?
  /// The owner's value of each driver, aligned with the pool's drivers.
  public let values: [String]
  /// The same split further by member and route; amounts sum to `amount`. Empty without either.
  public let routes: [RouteShare]
}

/// What one route of an owner bears of a pool.
public struct RouteShare: Hashable, Sendable {
  /// The route; `nil` for the part that has none.
  public let route: String?
  /// Whose it was, when it came from a tenant that belongs to the owner.
  public let member: String?
  /// How much, in micro-units.
  public let micros: Int64
  /// Which part of the pool that is, before rounding, twelve digits.
  public let share: String
  /// The value of each driver, aligned with the pool's drivers.
  public let values: [String]
}
