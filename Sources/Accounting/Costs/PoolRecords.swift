/// The records of one pool, for somebody who wants to see the bill's lines behind it: sums of groups,
/// and the first records themselves.
public struct PoolRecords: Sendable {
  /// Records of one invoice, service and charge category.
  public struct Group: Hashable, Sendable {
    /// InvoiceId; empty when the rows have none.
    public let invoice: String
    /// ServiceName.
    public let service: String
    /// ChargeCategory.
    public let category: String
    /// The currency of the sums.
    public let currency: Currency
  }

  /// Bound: how many groups are told apart; further ones are summed up together.
  static let groupsMax = 1_000
  /// The group of everything past the bound.
  static let others = "(further)"

  /// Sums by group.
  public private(set) var groups: [Group: PooledCosts.Tally] = [:]
  /// The first records that matter to the tenant, at most `listedMax`.
  public private(set) var listed: [CostRecord] = []
  /// How many records there are that matter to the tenant.
  public private(set) var count = 0

  private let policy: Policy
  private let period: Period
  private let pool: Int?
  private let tenant: String
  private let splits: SplitDecision
  private let skus: SKUMap?
  private let history: TenantHistory
  private let families: TenantFamilies
  private let listedMax: Int

  /// A collection of nothing yet. Of a direct pool only records that name the tenant matter.
  public init(
    pool: String, tenant: String, policy: Policy, period: Period, splits: SplitDecision,
    history: TenantHistory, listedMax: Int, skus: SKUMap? = nil
  ) {
    self.skus = skus
    self.policy = policy
    self.period = period
    self.pool = policy.pools.firstIndex { $0.name == pool }
    self.tenant = tenant
    self.splits = splits
    self.history = history
    families = history.families(at: UTCInstant(microseconds: period.end.microseconds - 1))
    self.listedMax = listedMax
  }

  /// Takes note of a record when it is one of the pool's. Throws `overflow`.
  public mutating func add(_ given: CostRecord) throws(AccountingError) {
    guard given.period == period, var record = splits.counted(given) else { return }
    if let skus { record[.normalizedService] = skus.entry(for: record)?.normalizedService }
    guard let pool,
      policy.pools.firstIndex(where: { $0.filter.takes(record) }) == pool
    else { return }
    if case .direct(let rule) = policy.pools[pool].method {
      guard case .tenant(let id) = rule.owner(of: record) else { return }
      let name = history.name(of: id, at: record.chargePeriodStart)
      guard name == tenant || families.bearer(of: name) == tenant else { return }
    }
    count += 1
    if listed.count < listedMax { listed.append(record) }
    var group = Group(
      invoice: record[.invoice] ?? "", service: record[.service] ?? "",
      category: record[.chargeCategory] ?? "", currency: record.currency)
    if groups[group] == nil, groups.count >= Self.groupsMax {
      group = Group(
        invoice: Self.others, service: "", category: "", currency: record.currency)
    }
    try groups[group, default: .init()].add(record)
  }

  /// The groups in byte order of their texts.
  public var sortedGroups: [(group: Group, tally: PooledCosts.Tally)] {
    groups.map { (group: $0.key, tally: $0.value) }.sorted { left, right in
      let (a, b) = (left.group, right.group)
      return KeyOrder.precedes(
        [a.invoice, a.service, a.category, a.currency.code].joined(separator: "\u{0}"),
        [b.invoice, b.service, b.category, b.currency.code].joined(separator: "\u{0}"))
    }
  }
}
