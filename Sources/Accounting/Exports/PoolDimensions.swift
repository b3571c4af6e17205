/// What the cost records of each pool have in common: the dimensions of the origin charges.
public struct PoolDimensions: Sendable {
  /// The columns that are taken from the records.
  public static let fields: [CostField] = [
    .provider, .hostProvider, .invoiceIssuer, .billingAccount, .billingAccountName, .service,
    .serviceCategory, .serviceSubcategory, .chargeCategory, .region, .subAccount, .invoice,
  ]

  private enum Value {
    case one(String?)
    case several
  }

  private var byPool: [String: [Value]] = [:]
  private let policy: Policy?
  private let splits: SplitDecision
  private let skus: SKUMap?

  /// No record yet; without a policy none will be in a pool.
  public init(policy: Policy? = nil, splits: SplitDecision = .none, skus: SKUMap? = nil) {
    self.policy = policy
    self.splits = splits
    self.skus = skus
  }

  /// Takes note of a record, in the pool that `CostPooling` puts it in.
  public mutating func add(_ given: CostRecord) {
    guard let policy, var record = splits.counted(given) else { return }
    if let skus { record[.normalizedService] = skus.entry(for: record)?.normalizedService }
    let pool = policy.pools.first { $0.filter.takes(record) }?.name ?? PooledCosts.unmatched
    add(record, pool: pool)
  }

  /// Takes note of a record of a pool.
  mutating func add(_ record: CostRecord, pool: String) {
    guard let known = byPool[pool] else {
      byPool[pool] = Self.fields.map { .one(record[$0]) }
      return
    }
    var values = known
    var isChanged = false
    for (index, field) in Self.fields.enumerated() {
      if case .one(let text) = known[index], text != record[field] {
        values[index] = .several
        isChanged = true
      }
    }
    if isChanged { byPool[pool] = values }
  }

  /// The text that all records of a pool have in a field; `nil` when they differ or have none.
  public func text(_ field: CostField, pool: String) -> String? {
    guard let index = Self.fields.firstIndex(of: field), let values = byPool[pool],
      case .one(let text) = values[index]
    else { return nil }
    return text
  }
}
