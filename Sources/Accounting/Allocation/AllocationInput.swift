/// Everything that an allocation depends on, and nothing else.
public struct AllocationInput: Sendable {
  /// The costs, pooled under `policy`.
  public var costs: PooledCosts
  /// The policy.
  public var policy: Policy
  /// The usage of the period.
  public var usage: UsageFigures
  /// External series of the period.
  public var externals: [ExternalSeries]

  /// An input.
  public init(
    costs: PooledCosts, policy: Policy, usage: UsageFigures, externals: [ExternalSeries] = []
  ) {
    self.costs = costs
    self.policy = policy
    self.usage = usage
    self.externals = externals
  }
}
