/// Whether usage arrived whole: batches as counted by proxies, what the store holds, what statements
/// show.
public struct UsageBridge: Hashable, Sendable {
  /// One quantity.
  public struct Row: Hashable, Sendable {
    /// The quantity.
    public let quantity: String
    /// Sum over the batches of the period, by the totals that each batch carries.
    public let batches: UInt128
    /// Sum over the rows that the store holds for the period.
    public let stored: UInt128
    /// Sum over statements and the reserved tenants of the summary.
    public let statements: UInt128
    /// Sum over what came after the close.
    public let late: UInt128

    /// Whether batches = stored = statements + late.
    public var agrees: Bool {
      let (shown, overflow) = statements.addingReportingOverflow(late)
      return !overflow && batches == stored && stored == shown
    }
  }

  /// The quantities in byte order.
  public let rows: [Row]

  /// Whether every quantity agrees.
  public var tiesOut: Bool { rows.allSatisfy(\.agrees) }

  /// Compares sums by quantity name; a name that is missing somewhere counts as 0 there.
  public init(
    batches: [String: UInt128], stored: [String: UInt128], statements: StatementSet,
    late: [String: UInt128] = [:]
  ) throws(AccountingError) {
    var shown: [String: UInt128] = [:]
    let reserved = statements.summary.reservedUsage.values
    for usage in statements.statements.map(\.usage) + reserved {
      for line in usage { try Self.add(line.value, of: line.quantity, to: &shown) }
    }
    self.init(batches: batches, stored: stored, shown: shown, late: late)
  }

  /// Adds to the sum of a quantity; throws `overflow`.
  static func add(
    _ value: UInt128, of quantity: String, to sums: inout [String: UInt128]
  ) throws(AccountingError) {
    let (sum, overflow) = (sums[quantity] ?? 0).addingReportingOverflow(value)
    guard !overflow else { throw .overflow(operation: "usage of \(quantity)") }
    sums[quantity] = sum
  }

  /// Compares sums by quantity name; `shown` is what statements and the summary show.
  public init(
    batches: [String: UInt128], stored: [String: UInt128], shown: [String: UInt128],
    late: [String: UInt128] = [:]
  ) {
    let names = Set(batches.keys).union(stored.keys).union(shown.keys).union(late.keys)
    rows = names.sorted(by: KeyOrder.precedes).map { name in
      Row(
        quantity: name, batches: batches[name] ?? 0, stored: stored[name] ?? 0,
        statements: shown[name] ?? 0, late: late[name] ?? 0)
    }
  }
}
