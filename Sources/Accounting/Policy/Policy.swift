public import Digest

/// One version of an allocation policy, valid and complete.
public struct Policy: Hashable, Sendable {
  /// The only version of the policy language so far.
  public static let formatVersion = 1

  /// The operator's name for the policy.
  public let name: String
  /// The currency that is allocated. Bills in another one are refused at close.
  public let currency: Currency
  /// Declared names of the operator's own units, usable as quantities.
  public let units: [String]
  /// Declared names of external series.
  public let externals: [String]
  /// What becomes of the share of each reserved tenant.
  public let reserved: [String: ReservedTreatment]
  /// The pools in order; the first that takes a record has it.
  public let pools: [PolicyPool]
  /// SHA-256 of the document.
  public let digest: Digest256
}

/// One pool: which records, and what happens to their cost.
public struct PolicyPool: Hashable, Sendable {
  /// The name, part of ledger accounts.
  public let name: String
  /// Which records it takes.
  public let filter: PoolFilter
  /// What happens to their cost.
  public let method: PoolMethod
}

/// What happens to the cost of a pool.
public enum PoolMethod: Hashable, Sendable {
  /// Each record names its tenant.
  case direct(DirectRule)
  /// By drivers.
  case proportional(ProportionalRule)
  /// It stays with the platform.
  case keep

  /// The method's name in the policy language.
  public var name: String {
    switch self {
    case .direct: "direct"
    case .proportional: "proportional"
    case .keep: "keep"
    }
  }
}

/// What becomes of a reserved tenant's share of a proportional pool.
public enum ReservedTreatment: String, CaseIterable, Hashable, Sendable {
  /// Its share is cost without an owner.
  case unallocated
  /// It takes no part; the others carry the cost.
  case exclude
}
