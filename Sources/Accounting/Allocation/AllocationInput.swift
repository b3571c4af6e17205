/// Everything that an allocation depends on, and nothing else.
public struct AllocationInput: Sendable {
  /// The costs, pooled under `policy`.
  public var costs: PooledCosts
  /// The policy.
  public var policy: Policy
  /// The usage of the period, under the names that tenants had when they used.
  public var usage: UsageFigures
  /// External series of the period.
  public var externals: [ExternalSeries]
  /// The register, with plans.
  public var register: TenantRegister
  /// Names and parents of tenants.
  public var history: TenantHistory

  /// An input.
  public init(
    costs: PooledCosts, policy: Policy, usage: UsageFigures, externals: [ExternalSeries] = [],
    register: TenantRegister = TenantRegister([]), history: TenantHistory = .empty
  ) {
    self.costs = costs
    self.policy = policy
    self.usage = usage
    self.externals = externals
    self.register = register
    self.history = history
  }

  /// The last moment of the period: what holds then of names, parents and plans holds for what has
  /// no time of its own.
  var lastMoment: UTCInstant {
    UTCInstant(microseconds: costs.period.end.microseconds - 1)
  }

  /// The tenants that a method counts, in byte order; reserved tenants are not somebody.
  func participants(_ kind: Participants, excluded: Set<String>) -> [String] {
    switch kind {
    case .active:
      let requests = MeteredQuantity.requests.rawValue
      return usage.tenants.filter { tenant in
        !TenantNaming.reserved.contains(tenant) && !excluded.contains(tenant)
          && !usage.byRoute(tenant: tenant, quantity: requests).isEmpty
      }
    case .registered:
      return register.ids.filter { tenant in
        !excluded.contains(tenant) && history.name(of: tenant, at: lastMoment) == tenant
      }
    }
  }

  /// The input with external series under the names of the period's last moment.
  func withCurrentNames() throws(AccountingError) -> AllocationInput {
    guard !history.relations.isEmpty, !externals.isEmpty else { return self }
    var input = self
    input.externals = []
    for series in externals {
      var values: [String: Amount] = [:]
      for (tenant, value) in series.values {
        let name = history.name(of: tenant, at: lastMoment)
        values[name] = try (values[name] ?? .zero).adding(value)
      }
      input.externals.append(
        try ExternalSeries(name: series.name, unit: series.unit, values: values))
    }
    return input
  }
}
