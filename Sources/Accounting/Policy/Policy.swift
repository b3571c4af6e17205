public import Digest

/// One version of an allocation policy, valid and complete.
public struct Policy: Hashable, Sendable {
  /// The only version of the policy language so far.
  public static let formatVersion = 1

  /// The operator's name for the policy.
  public let name: String
  /// The currency that is allocated. Costs in other currencies are converted.
  public let currency: Currency
  /// Declared names of the operator's own units, usable as quantities.
  public let units: [String]
  /// Declared names of external series.
  public let externals: [String]
  /// What becomes of the share of each reserved tenant.
  public let reserved: [String: ReservedTreatment]
  /// Tenants that take no part in shared costs.
  public let excluded: Set<String>
  /// How other currencies are converted.
  public let conversion: ConversionRule
  /// The pools in order; the first that takes a record has it.
  public let pools: [PolicyPool]
  /// The names of the pools in the order in which they are allocated.
  public let order: [String]
  /// SHA-256 of the document.
  public let digest: Digest256

  /// The pools allocated before the one of this name, in that order.
  func poolsBefore(_ name: String) -> [PolicyPool] {
    order.prefix { $0 != name }.compactMap { earlier in pools.first { $0.name == earlier } }
  }

  /// The pools that an overhead or a follow rule of the pool `name` reads.
  func sources(of name: String, _ of: [String]?, isFollowing: Bool) -> [String] {
    if let of { return of }
    return poolsBefore(name).filter { pool in
      guard isFollowing, case .follow = pool.method else { return true }
      return false
    }.map(\.name)
  }
}

/// One pool: which records, and what happens to their cost.
public struct PolicyPool: Hashable, Sendable {
  /// The name, part of ledger accounts.
  public let name: String
  /// Which records it takes.
  public let filter: PoolFilter
  /// What happens to their cost.
  public let method: PoolMethod
  /// What each active tenant bears at least, in micro-units; `nil` for nothing.
  public let minimum: Int64?
  /// Tenants that take no part in this pool, those of the policy left out.
  public let excluded: Set<String>
  /// What part of it is idle, and who bears that.
  public let idle: IdleRule?
}

/// What happens to the cost of a pool.
public enum PoolMethod: Hashable, Sendable {
  /// Each record names its tenant.
  case direct(DirectRule)
  /// By drivers.
  case proportional(ProportionalRule)
  /// Equal parts.
  case even(EvenRule)
  /// Stated parts.
  case fixed(FixedRule)
  /// By plan.
  case tiered(TieredRule)
  /// By what earlier pools gave.
  case overhead(OverheadRule)
  /// With the rows that it belongs to.
  case follow(FollowRule)
  /// It stays with the platform.
  case keep

  /// The method's name in the policy language.
  public var name: String {
    switch self {
    case .direct: "direct"
    case .proportional: "proportional"
    case .even: "even"
    case .fixed: "fixed"
    case .tiered: "tiered"
    case .overhead: "overhead"
    case .follow: "follow"
    case .keep: "keep"
    }
  }

  /// All names, as faults list them.
  static let names = [
    "direct", "proportional", "even", "fixed", "tiered", "overhead", "follow", "keep",
  ]
}

/// What becomes of a reserved tenant's share of a proportional pool.
public enum ReservedTreatment: String, CaseIterable, Hashable, Sendable {
  /// Its share is cost without an owner.
  case unallocated
  /// It takes no part; the others carry the cost.
  case exclude
}
