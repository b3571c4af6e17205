public import Usage

/// What one tenant may use at most. A nil value is no bound.
public struct TenantLimit: Sendable, Hashable {
  /// Requests per second in the long run, 1 to 1,000,000.
  public var requestsPerSecond: Int?
  /// Requests that may come at once after a pause. Default: one second's worth.
  public var burst: Int?
  /// Bytes per second in the long run: `request_bytes` and `response_bytes` together, as they are billed.
  public var bytesPerSecond: Int?
  /// Bytes that may go at once after a pause. Default: one second's worth, at least 64 KiB.
  public var bytesBurst: Int?
  /// Requests that may be open at once.
  public var concurrentRequests: Int?
  /// Tunnels and event streams that may be open at once.
  public var openStreams: Int?
  /// Whether every request is answered 403. nil: as the plan says, else no.
  public var isBlocked: Bool?
  /// Who is served first when the process is overloaded. nil: as the route says.
  public var priority: RequestPriority?

  /// No bound at all.
  public init() {}

  /// This limit, with what it leaves open taken from a plan.
  public func over(_ plan: TenantLimit) -> TenantLimit {
    var limit = self
    // A burst belongs to its rate: one without the other would be taken from two places.
    if requestsPerSecond == nil {
      limit.requestsPerSecond = plan.requestsPerSecond
      limit.burst = burst ?? plan.burst
    }
    if bytesPerSecond == nil {
      limit.bytesPerSecond = plan.bytesPerSecond
      limit.bytesBurst = bytesBurst ?? plan.bytesBurst
    }
    limit.concurrentRequests = concurrentRequests ?? plan.concurrentRequests
    limit.openStreams = openStreams ?? plan.openStreams
    limit.isBlocked = isBlocked ?? plan.isBlocked
    limit.priority = priority ?? plan.priority
    return limit
  }

  /// Whether nothing is set.
  public var isEmpty: Bool { self == TenantLimit() }

  /// Faults of the values, each with the name of its key.
  public func faults() -> [(key: String, fault: String)] {
    var faults: [(key: String, fault: String)] = []
    func check(_ key: String, _ value: Int?, _ range: ClosedRange<Int>) {
      guard let value, !range.contains(value) else { return }
      faults.append((key, "must be \(range.lowerBound) to \(range.upperBound)"))
    }
    check("requests_per_second", requestsPerSecond, 1...1_000_000)
    check("burst", burst, 1...1_000_000_000)
    check("bytes_per_second", bytesPerSecond, 1_024...1_000_000_000_000)
    check("bytes_burst", bytesBurst, 1_024...1_000_000_000_000)
    check("concurrent_requests", concurrentRequests, 1...1_000_000_000)
    check("open_streams", openStreams, 0...1_000_000_000)
    return faults
  }
}

/// A tenant's limit as it is written: a plan, and what differs from it.
public struct PlannedTenantLimit: Sendable, Equatable {
  /// Name of a class; nil for none.
  public var plan: String?
  /// What stands beside the plan and goes before it.
  public var own = TenantLimit()

  /// No plan and no limit.
  public init() {}
}

/// Who is served first when the process is overloaded.
public enum RequestPriority: Int, Sendable, CaseIterable {
  /// Refused first.
  case low
  /// Refused when refusing the low ones was not enough.
  case normal
  /// Served as long as connections can be.
  case high

  /// `low`, `normal` or `high`.
  public init?(_ text: String) {
    guard let priority = Self.allCases.first(where: { $0.name == text }) else { return nil }
    self = priority
  }

  /// Its name in configuration and metrics.
  public var name: String {
    switch self {
    case .low: "low"
    case .normal: "normal"
    case .high: "high"
    }
  }
}

/// Limits of tenants. Off, and without any cost, while nothing is set here or in the register.
public struct TenantLimitConfiguration: Sendable, Equatable {
  /// For every tenant that has no limit of its own. Default: none.
  public var defaultLimit: TenantLimit?
  /// Named plans.
  public var classes: [String: TenantLimit] = [:]
  /// Limits of single tenants, reserved ones too. They go before the register.
  public var tenants: [TenantID: PlannedTenantLimit] = [:]
  /// Whether responses of tenants with a limit carry RateLimit and RateLimit-Policy. Default false.
  public var sendsFields = false
  /// Cells for tenants under the default limit, rounded up to a power of two. Default 65,536, about 12 MB.
  public var cellsMax = 65_536

  /// No limit.
  public init() {}

  /// Every fault with its place.
  func validate() -> [String] {
    var faults: [String] = []
    func check(_ place: String, _ limit: TenantLimit) {
      faults += limit.faults().map { "tenant_limits.\(place).\($0.key): \($0.fault)" }
    }
    if let defaultLimit { check("default", defaultLimit) }
    for (name, limit) in classes.sorted(by: { $0.key < $1.key }) { check("classes.\(name)", limit) }
    for (id, limit) in tenants.sorted(by: { $0.key < $1.key }) {
      check("tenants.\(id)", limit.own)
      if let plan = limit.plan, classes[plan] == nil {
        faults.append("tenant_limits.tenants.\(id).plan: there is no class \"\(plan)\"")
      }
    }
    if !(8...16_777_216).contains(cellsMax) {
      faults.append("tenant_limits.cells_max: must be 8 to 16777216")
    }
    return faults
  }

  /// What a written limit comes to; an unknown plan counts as none.
  func resolved(_ written: PlannedTenantLimit) -> TenantLimit {
    guard let plan = written.plan, let limit = classes[plan] else { return written.own }
    return written.own.over(limit)
  }
}
