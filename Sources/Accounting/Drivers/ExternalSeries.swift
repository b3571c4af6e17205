/// A driver that Weir did not meter: one number per tenant for one period, loaded by the operator.
public struct ExternalSeries: Hashable, Sendable {
  /// The name by which policies use it.
  public let name: String
  /// What it counts, for example `GB-month`.
  public let unit: String
  /// The number of each tenant, not negative.
  public let values: [String: Amount]

  /// A series. Throws `unusableCosts` when a value is negative.
  public init(name: String, unit: String, values: [String: Amount]) throws(AccountingError) {
    for (tenant, value) in values where value < .zero {
      throw .unusableCosts(reason: "series \(name): \(tenant) has \(value), which is negative")
    }
    self.name = name
    self.unit = unit
    self.values = values
  }
}
