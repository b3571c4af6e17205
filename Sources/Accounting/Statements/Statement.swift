public import Digest

/// What one tenant bears of one period, in one version: the model of every rendering.
public struct Statement: Hashable, Sendable {
  /// The tenant.
  public let tenant: String
  /// The tenant's name on the register when the period was closed; `nil` without one.
  public let name: String?
  /// Whether the tenant is on the register.
  public let isRegistered: Bool
  /// The period.
  public let period: Period
  /// The version, from 1; older versions stay readable.
  public let version: UInt32
  /// When it was made: the time at which its ledger entries were posted.
  public let issuedAt: UTCInstant
  /// The operator's name for the policy.
  public let policyName: String
  /// SHA-256 of the policy document.
  public let policyDigest: Digest256
  /// One line per pool and route, in the order of the policy, routes as bytes.
  public let lines: [StatementLine]
  /// The sum of the lines.
  public let total: Money
  /// The printed total, in minor units of the currency.
  public let printedTotal: Int64
  /// How it compares with the period before; `nil` when that had no statement of the tenant.
  public let comparison: Comparison?
  /// Everything that was metered for the tenant, by route and quantity.
  public let usage: [UsageLine]
  /// What the usage is made of.
  public let coverage: Coverage
  /// Whether the period tied out to the bill when this was made.
  public let reconciliation: ReconciliationState

  /// The currency.
  public var currency: Currency { total.currency }

  /// The ledger entries behind the lines, each once, in the order of the lines.
  public var entries: [Digest256] {
    var seen: Set<Digest256> = []
    return lines.map(\.entry).filter { seen.insert($0).inserted }
  }

  /// The total of the period before; `nil` when there was no statement.
  public var previousTotal: Money? { comparison?.total }

  /// The sum and the printed sum of the lines of a layer, which fit because the totals do or throw.
  public func sum(of layer: CostLayer) -> (amount: Money, printed: Int64) {
    var micros: Int64 = 0
    var printed: Int64 = 0
    for line in lines where line.layer == layer {
      micros += line.amount.micros
      printed += line.printed
    }
    return (Money(micros: micros, currency: currency), printed)
  }

  /// How the total is known.
  public var confidence: Confidence { lines.map(\.confidence).reduce(Confidence(), +) }

  /// The total minus the one of the period before; `nil` without one, or when it does not fit.
  public var change: Money? {
    guard let previousTotal, previousTotal.currency == currency else { return nil }
    let (micros, overflow) = total.micros.subtractingReportingOverflow(previousTotal.micros)
    return overflow ? nil : Money(micros: micros, currency: currency)
  }

  /// The printed total as text, with the digits of the currency.
  public var printedTotalText: String { printedText(printedTotal) }

  /// A count of minor units as text, with the digits of the currency.
  public func printedText(_ minorUnits: Int64) -> String {
    DecimalText.fixed(Int128(minorUnits), digits: currency.minorDigits)
  }
}

/// A statement beside the one of the period before. What each line was, stands on the line.
public struct Comparison: Hashable, Sendable {
  /// The version of that statement; `nil` on statements of the first format.
  public let version: UInt32?
  /// Its total, which may be in another currency.
  public let total: Money
  /// Its lines of pools and routes that have no line now, in its order; empty when it was in another
  /// currency.
  public let gone: [PreviousStatement.Line]
}

/// One line of a statement: a pool, and a route when the pool was split by usage.
public struct StatementLine: Hashable, Sendable {
  /// The pool.
  public let pool: String
  /// The pool's method in the policy, for example `direct` or `proportional`.
  public let method: String
  /// Whether the tenant causes the amount, or carries it with the others.
  public let layer: CostLayer
  /// The route; `nil` when the amount has none.
  public let route: String?
  /// The driver values behind the amount.
  public let drivers: [LineDriver]
  /// Which part of the pool that is, before rounding, twelve digits.
  public let share: String
  /// The amount.
  public let amount: Money
  /// The printed amount, in minor units of the currency.
  public let printed: Int64
  /// How the amount is known; its parts sum to the amount.
  public let confidence: Confidence
  /// The amount of the same pool and route in the period before; `nil` when that had no such line.
  public let previous: Money?
  /// The ledger entry that posted the pool.
  public let entry: Digest256
  /// What was done instead of what the policy says first.
  public let notes: [String]

  /// The printed amount as text, with the digits of the currency.
  public var printedText: String {
    DecimalText.fixed(Int128(printed), digits: amount.currency.minorDigits)
  }

  /// What tells the lines of a statement apart: the pool, then the route.
  var key: String { Self.key(pool, route) }

  /// The key of a line; ties between lines are broken by it.
  static func key(_ pool: String, _ route: String?) -> String { pool + "\u{0}" + (route ?? "") }
}

/// A driver behind a line.
public struct LineDriver: Hashable, Sendable {
  /// The quantity or series.
  public let name: String
  /// Its unit.
  public let unit: String
  /// The line's value.
  public let value: String
  /// The value of everybody together.
  public let total: String
  /// The part of the pool that this driver splits, twelve digits.
  public let weight: String
  /// What one unit costs, eighteen digits; `nil` when the total is zero.
  public let unitCost: String?
}

/// One metered sum.
public struct UsageLine: Hashable, Sendable {
  /// The route.
  public let route: String
  /// The quantity.
  public let quantity: String
  /// Its unit.
  public let unit: String
  /// The sum.
  public let value: UInt128
}

/// Whether a period ties out to its bill.
public enum ReconciliationState: String, CaseIterable, Hashable, Sendable {
  /// The difference is nought.
  case tiedOut = "tied-out"
  /// There is an unexplained difference.
  case open
}
