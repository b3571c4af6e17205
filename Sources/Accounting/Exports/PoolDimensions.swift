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

  /// No record yet.
  public init() {}

  /// Takes note of a record of a pool.
  public mutating func add(_ record: CostRecord, pool: String) {
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
