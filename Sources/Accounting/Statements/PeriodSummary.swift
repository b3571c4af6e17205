public import Digest

/// All of one period in one table: every tenant, and what stayed with the platform.
public struct PeriodSummary: Hashable, Sendable {
  /// One row.
  public struct Row: Hashable, Sendable {
    /// The ledger account.
    public let account: Account
    /// For a tenant: whether it is on the register.
    public let isRegistered: Bool
    /// The sum of its postings.
    public let amount: Money
    /// The printed amount, in minor units.
    public let printed: Int64

    /// The printed amount as text, with the digits of the currency.
    public var printedText: String {
      DecimalText.fixed(Int128(printed), digits: amount.currency.minorDigits)
    }
  }

  /// The period.
  public let period: Period
  /// The version.
  public let version: UInt32
  /// The operator's name for the policy.
  public let policyName: String
  /// SHA-256 of the policy document.
  public let policyDigest: Digest256
  /// The rows: tenants first, then the platform's accounts, each in byte order.
  public let rows: [Row]
  /// The sum of the rows.
  public let total: Money
  /// The printed total, in minor units.
  public let printedTotal: Int64
  /// The exact sum of the cost records.
  public let exactTotal: Amount
  /// What rounding to micro-units left outside the ledger: less than one.
  public let rest: Amount
  /// The usage of the reserved tenants.
  public let reservedUsage: [String: [UsageLine]]
  /// What the usage is made of.
  public let coverage: Coverage
  /// Whether the period tied out.
  public let reconciliation: ReconciliationState

  /// The printed total as text, with the digits of the currency.
  public var printedTotalText: String {
    DecimalText.fixed(Int128(printedTotal), digits: total.currency.minorDigits)
  }

  /// The sum of the rows of unallocated cost.
  public var unallocated: Money { sum { if case .unallocated = $0 { true } else { false } } }

  /// The sum of the rows of tenants.
  public var tenants: Money { sum { if case .tenant = $0 { true } else { false } } }

  /// The sum of what the platform keeps.
  public var kept: Money { sum { $0 == .kept } }

  /// The sum of what rounding left inside the ledger.
  public var rounding: Money { sum { $0 == .rounding } }

  /// The sum of what rates of invoices and of the allocation differ by.
  public var fx: Money { sum { $0 == .fx } }

  private func sum(_ isCounted: (Account) -> Bool) -> Money {
    let micros = rows.filter { isCounted($0.account) }.reduce(Int64(0)) { $0 + $1.amount.micros }
    return Money(micros: micros, currency: total.currency)
  }
}
