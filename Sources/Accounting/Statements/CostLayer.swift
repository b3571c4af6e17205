/// Which of the two views of a tenant's cost a line belongs to.
///
/// Attributable cost is what the tenant causes: costs that name it, and pools split by what it used.
/// Fully loaded cost adds what it only carries a part of: overhead, idle capacity, even, fixed and
/// tiered parts. A total of all lines is fully loaded.
public enum CostLayer: String, CaseIterable, Hashable, Sendable {
  /// Caused by the tenant.
  case attributable
  /// Carried with the others.
  case shared

  /// Methods of pools whose amounts a tenant causes.
  static let attributableMethods: Set<String> = ["direct", "proportional", "follow"]

  /// The layer of a pool's method; methods that are not known to be caused are shared.
  public init(method: String) {
    self = Self.attributableMethods.contains(method) ? .attributable : .shared
  }
}
