import Metering
import Synchronization
import Usage

/// What all workers share in order to be fair: the limits of tenants and what is to be reported about them.
///
/// Workers take a new table when they are woken; on the request path they only read what they have.
final class Enforcement: Sendable {
  private let state: Mutex<TenantLimitTable>
  private let hash: SegmentHash
  /// Tenants that met a limit, for the log.
  let notices = TenantLimitNotices()
  /// How much the process has to do without.
  let overload = OverloadState()
  /// Connections by client address, as far as they are bounded.
  let addresses = AddressCounts()

  /// The limits of a configuration, before a register has been read.
  init(_ configuration: TenantLimitConfiguration) {
    var random = SystemRandomNumberGenerator()
    hash = SegmentHash(key: (random.next(), random.next()))
    state = Mutex(
      TenantLimitTable(
        Self.merged(configuration, registered: [], limits: [:]), configuration: configuration,
        hash: hash, keeping: nil))
  }

  /// The table of now.
  var table: TenantLimitTable { state.withLock { $0 } }

  /// Makes and publishes a new table; workers have to be woken to see it. Cells of tenants that stay are kept.
  func update(
    _ configuration: TenantLimitConfiguration, registered: Set<TenantID>,
    limits: [TenantID: PlannedTenantLimit]
  ) {
    let merged = Self.merged(configuration, registered: registered, limits: limits)
    let former = table
    let new = TenantLimitTable(merged, configuration: configuration, hash: hash, keeping: former)
    state.withLock { $0 = new }
  }

  /// Who has which limit: the configuration's own entry, else the register's line, else the default. Registered tenants
  /// under the default get cells of their own, which a flood of made-up ids cannot take.
  private static func merged(
    _ configuration: TenantLimitConfiguration, registered: Set<TenantID>,
    limits: [TenantID: PlannedTenantLimit]
  ) -> [TenantID: TenantLimit] {
    var merged: [TenantID: TenantLimit] = [:]
    if let limit = configuration.defaultLimit {
      for id in registered { merged[id] = limit }
    }
    for (id, limit) in limits { merged[id] = configuration.resolved(limit) }
    for (id, limit) in configuration.tenants { merged[id] = configuration.resolved(limit) }
    return merged
  }
}

/// A tenant that met a limit, for the log: the first time in a minute.
public struct TenantLimitNotice: Sendable, Equatable {
  /// The tenant's id.
  public let tenant: String
  /// The code of the answer, or `tenant_bandwidth_limited`.
  public let code: String
}

/// A bounded queue of notices from the workers to whoever logs. Never waited for: what does not fit is counted.
final class TenantLimitNotices: Sendable {
  private struct State {
    var notices: [TenantLimitNotice] = []
    var dropped: UInt64 = 0
  }
  private let state = Mutex(State())

  /// Notices kept between two looks of the log.
  static let keptMax = 32

  /// Adds a notice. Taken once a tenant and minute, so the lock is off the request path.
  func add(_ notice: TenantLimitNotice) {
    state.withLock {
      if $0.notices.count < Self.keptMax { $0.notices.append(notice) } else { $0.dropped += 1 }
    }
  }

  /// Takes all notices, and how many did not fit.
  func take() -> (notices: [TenantLimitNotice], dropped: UInt64) {
    state.withLock { state in
      let taken = state
      state = State()
      return (taken.notices, taken.dropped)
    }
  }
}
