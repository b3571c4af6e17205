/// How many further attempts a worker may make at an upstream: a share of its requests, saved up to a bound.
///
/// An outage then costs the upstream at most that share more, instead of a multiple. Pure.
struct RetryBudget {
  private let percent: Int
  private let creditMax: Int
  /// In hundredths of an attempt.
  private var credit: Int

  /// A full budget.
  init(_ configuration: RetryConfiguration) {
    percent = configuration.budgetPercent
    creditMax = configuration.burst * 100
    credit = creditMax
  }

  /// A request came.
  @inline(__always)
  mutating func deposit() { credit = min(creditMax, credit + percent) }

  /// Takes one attempt; false when there is none left.
  mutating func withdraw() -> Bool {
    guard credit >= 100 else { return false }
    credit -= 100
    return true
  }
}
