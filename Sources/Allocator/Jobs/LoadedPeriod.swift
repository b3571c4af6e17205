internal import Accounting
internal import Digest
internal import Store

/// Everything that a period's statements depend on, as loaded from the store at one mark.
struct LoadedPeriod: Sendable {
  /// The reading under which it was loaded.
  var mark: PeriodMark
  /// The period's state.
  var record: PeriodRecord
  /// The time of the question.
  var now: UTCInstant
  /// The current policy, when it is valid.
  var policy: Policy?
  /// Its faults, when it is not.
  var policyFaults: [PolicyFault]
  /// The snapshots that count.
  var snapshots: [CostSnapshot]
  /// The costs in pools, when there is a policy.
  var costs: PooledCosts?
  /// The external series of the period.
  var series: [StoredSeries] = []
  /// The SKU map's digest, when there is one.
  var skuMap: Digest256?
  /// Names and parents of tenants.
  var history: TenantHistory
  /// Rows of the counted imports in quarantine.
  var quarantinedRows: Int
  /// Usage.
  var usage: UsageFigures
  /// The names that proxies declared for the operator's units, by position.
  var declaredUnits: [[String]] = []
  /// What listeners counted, by quantity name.
  var listenerTotals: [String: UInt128]
  /// Usage that came too late, by quantity name.
  var lateTotals: [String: UInt128]
  /// The register.
  var tenants: [RegisteredTenant]
  /// What the usage is made of.
  var coverage: Coverage
  /// Copies of batches with other bytes.
  var conflicts: Int
  /// The latest statements of the period before.
  var previous: [String: PreviousStatement]
  /// Sources of which a provider may still change the bill, in words.
  var openBills: [String] = []

  /// Sources whose records are those of another one.
  var twinBills: [String] {
    let twins = Dictionary(grouping: snapshots.filter { $0.records > 0 }, by: \.digest).values
      .filter { $0.count > 1 }
    return twins.map { twins in
      "sources \(twins.map(\.source).sorted().joined(separator: " and ")) have the same "
        + "\(twins[0].records) records: withdraw all but one (weir imports withdraw)"
    }.sorted()
  }

  /// The period.
  var period: Period { record.period }
  /// The register as the allocation wants it.
  var register: TenantRegister {
    TenantRegister(
      plans: Dictionary(tenants.map { ($0.id, $0.plan) }) { first, _ in first },
      names: Dictionary(tenants.lazy.map { ($0.id, $0.name) }, uniquingKeysWith: { $1 }))
  }

  /// What the allocation depends on; `nil` without a policy or costs.
  var allocationInput: AllocationInput? {
    guard let policy, let costs else { return nil }
    return AllocationInput(
      costs: costs, policy: policy, usage: usage, externals: series.map(\.series),
      register: register, history: history)
  }

  /// Digests of everything above that a close freezes.
  func frozen(policy: Policy) -> FrozenInputs {
    FrozenInputs(
      policy: policy.digest, usage: InputDigests.usage(usage),
      register: InputDigests.register(tenants, history), imports: snapshots,
      others: costs.map { InputDigests.others($0, series, skuMap: skuMap) } ?? .init())
  }
}
