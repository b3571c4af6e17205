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

  /// Whether both hold at some moment.
  func overlaps(_ other: TenantRelation) -> Bool {
    (to.map { other.from < $0 } ?? true) && (other.to.map { from < $0 } ?? true)
  }
}

/// Names and parents of tenants over time.
///
/// A relation is from a day to a day. A tenant has at most one name and one parent at a time, and no
/// chain of them leads back to where it began: `faults` says otherwise, and a store refuses it.
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
    last(.alias, tenant, instant)
  }

  /// The tenant on whose statement the cost of a tenant stands at a moment: the topmost parent.
  public func bearer(of tenant: String, at instant: UTCInstant) -> String {
    last(.parent, tenant, instant)
  }

  /// The aliases that hold at some moment of a period.
  public func aliases(in period: Period) -> [TenantRelation] {
    relations.filter { relation in
      relation.kind == .alias && relation.from < period.end
        && (relation.to.map { period.start < $0 } ?? true)
    }
  }

  private func last(
    _ kind: TenantRelation.Kind, _ tenant: String, _ instant: UTCInstant
  ) -> String {
    guard !byTenant.isEmpty else { return tenant }
    var name = tenant
    // Bound: no chain is longer than there are relations.
    for _ in relations.indices {
      let next = byTenant[name]?.first { $0.kind == kind && $0.holds(at: instant) }
      guard let next else { break }
      name = next.target
    }
    return name
  }

  /// Everything that is wrong with a set of relations, in words.
  public static func faults(_ relations: [TenantRelation]) -> [String] {
    var faults: [String] = []
    for relation in relations {
      let what = "\(relation.kind.rawValue) of \(relation.tenant)"
      if let to = relation.to, to <= relation.from {
        faults.append("\(what): it ends at \(to), before it begins")
      }
      if relation.tenant == relation.target { faults.append("\(what): it leads to itself") }
    }
    let history = TenantHistory(relations)
    for own in history.byTenant.values {
      for (index, relation) in own.enumerated() {
        for other in own[(index + 1)...]
        where other.kind == relation.kind && relation.overlaps(other) {
          faults.append(
            "\(relation.kind.rawValue) of \(relation.tenant): two hold at once, "
              + "\(relation.target) from \(relation.from) and \(other.target) from \(other.from)")
        }
      }
    }
    for relation in relations where relation.tenant != relation.target {
      if history.isCircle(relation) {
        faults.append(
          "\(relation.kind.rawValue) of \(relation.tenant): \(relation.target) leads back to it")
      }
    }
    return Array(Set(faults)).sorted(by: KeyOrder.precedes)
  }

  /// Whether a chain that begins with this relation comes back to its tenant at some moment at
  /// which it holds.
  private func isCircle(_ relation: TenantRelation) -> Bool {
    // A circle exists at the moment when its last relation begins, so those moments suffice.
    let moments = relations.filter { $0.kind == relation.kind }.map(\.from)
      .filter { relation.holds(at: $0) }
    for moment in Set(moments + [relation.from]) {
      var name = relation.target
      for _ in relations.indices {
        if name == relation.tenant { return true }
        let next = byTenant[name]?.first { $0.kind == relation.kind && $0.holds(at: moment) }
        guard let next else { break }
        name = next.target
      }
    }
    return false
  }
}
