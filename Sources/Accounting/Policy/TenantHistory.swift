/// One thing that holds of a tenant for some time.
public struct TenantRelation: Hashable, Sendable {
  /// What holds.
  public enum Kind: String, CaseIterable, Hashable, Sendable {
    /// The tenant is another name of the target: its usage and cost count as the target's.
    case alias
    /// The tenant belongs to the target: its cost stands on the target's statement.
    case parent
  }

  /// What holds.
  public let kind: Kind
  /// The tenant.
  public let tenant: String
  /// The name it counts under, or the tenant it belongs to.
  public let target: String
  /// The first moment.
  public let from: UTCInstant
  /// The moment when it ends; `nil` for no end.
  public let to: UTCInstant?

  /// A relation.
  public init(kind: Kind, tenant: String, target: String, from: UTCInstant, to: UTCInstant? = nil) {
    self.kind = kind
    self.tenant = tenant
    self.target = target
    self.from = from
    self.to = to
  }

  /// Whether it holds at a moment.
  public func holds(at instant: UTCInstant) -> Bool {
    from <= instant && (to.map { instant < $0 } ?? true)
  }
}

/// Names and parents of tenants over time.
///
/// A relation is from a day to a day. A tenant has at most one name and one parent at a time, also
/// under the names of that time, and no chain of them leads back to where it began: `faults` says
/// otherwise, and a store refuses it.
public struct TenantHistory: Hashable, Sendable {
  /// Everything that is known, in the order of tenants and days.
  public let relations: [TenantRelation]
  private let byTenant: [String: [TenantRelation]]

  /// Nothing is known.
  public static let empty = TenantHistory([])

  /// A history of relations without faults.
  public init(_ relations: [TenantRelation]) {
    self.relations = relations.sorted { left, right in
      if left.tenant != right.tenant { return KeyOrder.precedes(left.tenant, right.tenant) }
      if left.kind != right.kind { return left.kind == .alias }
      return left.from < right.from
    }
    byTenant = Dictionary(grouping: self.relations, by: \.tenant)
  }

  /// The name under which a tenant counts at a moment.
  public func name(of tenant: String, at instant: UTCInstant) -> String {
    guard !byTenant.isEmpty else { return tenant }
    var name = tenant
    // Bound: no chain is longer than there are relations.
    for _ in relations.indices {
      let next = byTenant[name]?.first { $0.kind == .alias && $0.holds(at: instant) }
      guard let next else { break }
      name = next.target
    }
    return name
  }

  /// The tenant on whose statement the cost of a tenant stands at a moment: the topmost parent, each
  /// step under the names of that moment. Linear in the number of relations; who asks for many
  /// tenants asks `families(at:)` once.
  public func bearer(of tenant: String, at instant: UTCInstant) -> String {
    families(at: instant).bearer(of: tenant)
  }

  /// Whose statement has whose cost at a moment.
  func families(at instant: UTCInstant) -> TenantFamilies { TenantFamilies(self, at: instant) }

  /// The aliases that hold at some moment of a period.
  public func aliases(in period: Period) -> [TenantRelation] {
    relations.filter { relation in
      relation.kind == .alias && relation.from < period.end
        && (relation.to.map { period.start < $0 } ?? true)
    }
  }

  /// Everything that is wrong with a set of relations, in words: at no moment may a tenant have two
  /// names, a name two parents, or a chain lead back to where it began.
  public static func faults(_ relations: [TenantRelation]) -> [String] {
    var check = HistoryCheck(relations)
    return check.faults()
  }
}
