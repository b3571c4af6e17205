/// Who bears a part of a pool.
public enum Owner: Hashable, Sendable {
  /// A tenant.
  case tenant(String)
  /// Nobody yet, for a reason.
  case unallocated(UnallocatedReason)
  /// The platform, by policy.
  case kept
  /// Nobody: what rates of invoices and of the allocation differ by.
  case fx

  /// The ledger account of the owner.
  public var account: Account {
    switch self {
    case .tenant(let id): .tenant(id)
    case .unallocated(let reason): .unallocated(reason.rawValue)
    case .kept: .kept
    case .fx: .fx
    }
  }

  /// What ties are broken by: the text of the ledger account.
  var key: String { account.text }
}

/// Why cost has no owner.
public enum UnallocatedReason: String, CaseIterable, Hashable, Sendable {
  /// The record of a direct pool names nobody.
  case noOwner = "no-owner"
  /// The record names something that the policy's map does not have.
  case unmapped
  /// The record names something that cannot be a tenant id.
  case invalidTenant = "invalid-tenant"
  /// All drivers of the pool were zero.
  case noDriver = "no-driver"
  /// A pool with stated amounts costs more, or less, than they sum to.
  case fixedRest = "fixed-rest"
  /// No earlier pool holds the rows that a record would follow.
  case noTarget = "no-target"
  /// No pool of the policy took the record.
  case unmatched
  /// Usage without a tenant.
  case unattributed
  /// Usage under an id that failed validation.
  case invalid
  /// Usage past the cardinality limit.
  case overflow

  /// The reason of a reserved tenant; `nil` for all other names.
  init?(reservedTenant: String) {
    switch reservedTenant {
    case TenantNaming.unattributed: self = .unattributed
    case TenantNaming.invalid: self = .invalid
    case TenantNaming.overflow: self = .overflow
    default: return nil
    }
  }
}
