/// Which tenants take part in a method that counts heads.
public enum Participants: String, CaseIterable, Hashable, Sendable {
  /// Tenants with at least one request in the period.
  case active
  /// Tenants on the register.
  case registered
}

/// Equal parts for everybody who takes part.
public struct EvenRule: Hashable, Sendable {
  /// Who takes part.
  public let over: Participants
}

/// Parts that the policy itself states.
public struct FixedRule: Hashable, Sendable {
  /// How parts are stated.
  public enum Shares: Hashable, Sendable {
    /// Percents by tenant, each above 0; with what the platform keeps they sum to exactly 100.
    case percents([String: Amount])
    /// Micro-units by tenant, each above 0.
    case amounts([String: Int64])
  }

  /// Where the rest of a pool with stated amounts goes.
  public enum Rest: String, CaseIterable, Hashable, Sendable {
    /// It has no owner; the reason is `fixed-rest`.
    case unallocated
    /// The platform keeps it.
    case keep
  }

  /// The name in `percents` that stands for the platform's own part.
  public static let platform = "~kept"

  /// The parts.
  public let shares: Shares
  /// Where the rest goes; with percents there is none.
  public let rest: Rest
}

/// Parts by the plan of the register.
public struct TieredRule: Hashable, Sendable {
  /// The weight of one tenant of each plan, 0 or more.
  public let plans: [String: Amount]
  /// The weight of a tenant whose plan is not named, 0 or more.
  public let otherwise: Amount
  /// Who takes part.
  public let over: Participants
}

/// Parts by what earlier pools gave each tenant.
public struct OverheadRule: Hashable, Sendable {
  /// The pools that count; `nil` for all that are allocated before this one.
  public let of: [String]?
  /// What happens when they gave nobody anything.
  public let fallback: ProportionalRule.Fallback
}

/// Credits follow the rows they reduce, taxes the rows they tax: rows with the same text in each of
/// some fields belong together.
public struct FollowRule: Hashable, Sendable {
  /// The fields that make a row of this pool and a row of an earlier one belong together.
  public let by: [CostField]
  /// The pools whose rows are followed; `nil` for all that are allocated before this one and follow
  /// none themselves.
  public let of: [String]?
}

/// What part of a pool was not used, and who bears it.
public struct IdleRule: Hashable, Sendable {
  /// How much was there to be used.
  public enum Capacity: Hashable, Sendable {
    /// So much in the period, in the driver's unit.
    case amount(Amount)
    /// The sum of a declared series.
    case external(String)
  }

  /// Who bears the idle part.
  public enum Treatment: Hashable, Sendable {
    /// The platform.
    case keep
    /// Everybody as with the used part.
    case usage
    /// Equal parts for active tenants.
    case even
    /// By drivers of its own, such as reserved capacity or the peak.
    case drivers(ProportionalRule)
    /// So many percents of the whole pool as with the used part; the platform what is above.
    case threshold(Amount)
  }

  /// What was used.
  public let used: PolicyDriver
  /// What was there.
  public let capacity: Capacity
  /// Who bears the rest.
  public let treatment: Treatment
}

/// How costs in other currencies become the policy's.
public struct ConversionRule: Hashable, Sendable {
  /// Where a rate may come from.
  public enum Source: String, CaseIterable, Hashable, Sendable {
    /// The row itself.
    case row
    /// A loaded rate that names the row's invoice.
    case invoice
    /// A loaded rate of a day.
    case table
  }

  /// Which day's rate of the table counts.
  public enum Day: String, CaseIterable, Hashable, Sendable {
    /// The day on which the charge begins.
    case charge
    /// The last day of the period.
    case periodEnd = "period_end"
    /// The mean of all days of the period that have a rate.
    case monthAverage = "month_average"
  }

  /// Where rates come from, first to last.
  public let order: [Source]
  /// Which day counts.
  public let day: Day
  /// A rate of an earlier day serves when it is at most so many days old.
  public let ageDaysMax: Int

  /// What holds when the policy says nothing.
  public static let standard = ConversionRule(
    order: [.row, .invoice, .table], day: .charge, ageDaysMax: 7)
}
