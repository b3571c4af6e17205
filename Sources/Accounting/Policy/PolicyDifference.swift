/// Who would bear what under another policy: two allocations of the same month, side by side.
public struct PolicyDifference: Hashable, Sendable {
  /// One account or pool.
  public struct Row: Hashable, Sendable {
    /// The account's text, or the pool's name.
    public let name: String
    /// Under the first policy, in micro-units.
    public let before: Int64
    /// Under the second policy, in micro-units.
    public let after: Int64

    /// What the second policy adds; it fits wherever both do or the comparison was refused.
    public var change: Int64 { after - before }
  }

  /// The period.
  public let period: Period
  /// The currency of both.
  public let currency: Currency
  /// Every account of either: tenants first, then the platform's, each in byte order.
  public let accounts: [Row]
  /// Every pool of either, in byte order: what it costs, not who bears it.
  public let pools: [Row]

  /// Compares two allocations of one period.
  ///
  /// Throws `currencyMismatch` when the policies allocate different currencies, and `overflow`.
  public init(
    before: AllocationResult, after: AllocationResult
  ) throws(AccountingError) {
    guard before.currency == after.currency else {
      throw .currencyMismatch(left: before.currency.code, right: after.currency.code)
    }
    period = before.period
    currency = before.currency
    let (old, new) = (Self.accounts(before), Self.accounts(after))
    let accounts = Set(old.keys).union(new.keys).sorted { left, right in
      let (first, second) = (Self.isTenant(left), Self.isTenant(right))
      return first == second ? left < right : first
    }
    self.accounts = try Self.rows(accounts.map { ($0.text, old[$0] ?? 0, new[$0] ?? 0) })
    let (oldPools, newPools) = (Self.pools(before), Self.pools(after))
    let names = Set(oldPools.keys).union(newPools.keys).sorted(by: KeyOrder.precedes)
    pools = try Self.rows(names.map { ($0, oldPools[$0] ?? 0, newPools[$0] ?? 0) })
  }

  private static func rows(
    _ sums: [(name: String, before: Int128, after: Int128)]
  ) throws(AccountingError) -> [Row] {
    var rows: [Row] = []
    for sum in sums {
      guard let before = Int64(exactly: sum.before), let after = Int64(exactly: sum.after),
        Int64(exactly: sum.after - sum.before) != nil
      else { throw .overflow(operation: "comparing \(sum.name)") }
      rows.append(Row(name: sum.name, before: before, after: after))
    }
    return rows
  }

  private static func accounts(_ result: AllocationResult) -> [Account: Int128] {
    var sums: [Account: Int128] = [:]
    for share in result.pools.flatMap(\.shares) {
      sums[share.owner.account, default: 0] += Int128(share.amount.micros)
    }
    return sums
  }

  private static func pools(_ result: AllocationResult) -> [String: Int128] {
    var sums: [String: Int128] = [:]
    for pool in result.pools { sums[pool.pool, default: 0] += Int128(pool.posted.micros) }
    return sums
  }

  private static func isTenant(_ account: Account) -> Bool {
    if case .tenant = account { true } else { false }
  }
}
