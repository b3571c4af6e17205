/// A window of usage to sum up.
public struct UsageQuery: Sendable, Equatable {
  /// What one row of the answer stands for.
  public enum Grouping: String, Sendable, CaseIterable {
    /// One row a tenant.
    case tenant
    /// One row a route.
    case route
    /// One row a tenant and route.
    case tenantRoute = "tenant,route"
    /// One row an hour.
    case hour
    /// One row a UTC day.
    case day
  }

  /// First hour of the window, hours since 1970 UTC.
  public var fromHour: Int64
  /// End of the window, exclusive.
  public var toHour: Int64
  /// Only this tenant, unless nil.
  public var tenant: String?
  /// Only this route, unless nil.
  public var route: String?
  /// What a row stands for.
  public var grouping: Grouping
  /// The most rows to return; largest by requests first unless grouped by time.
  public var rowsMax: Int

  /// A query.
  public init(
    fromHour: Int64, toHour: Int64, tenant: String? = nil, route: String? = nil,
    grouping: Grouping = .tenant, rowsMax: Int = 1_000
  ) {
    self.fromHour = fromHour
    self.toHour = toHour
    self.tenant = tenant
    self.route = route
    self.grouping = grouping
    self.rowsMax = rowsMax
  }
}

/// One row of a usage summary.
public struct UsageSummaryRow: Sendable, Equatable {
  /// The tenant, when grouped by it.
  public var tenant: String?
  /// The route, when grouped by it.
  public var route: String?
  /// The first hour it covers, hours since 1970 UTC, when grouped by time.
  public var hour: Int64?
  /// Sums in the order of `Quantity.rawValue`.
  public var quantities: [UInt64]
  /// Of the row's latencies in µs: median, 95th and 99th percentile; nil without a finished
  /// request.
  public var latency: [UInt64]?
}
