/// The tenants that the operator knows. A tenant with usage or cost that is not on it is named
/// *unregistered* on its statement and charged all the same.
public struct TenantRegister: Hashable, Sendable {
  private let plans: [String: String]

  /// A register of these ids, all without a plan.
  public init(_ ids: some Sequence<String>) {
    plans = Dictionary(ids.map { ($0, "") }) { first, _ in first }
  }

  /// A register of ids with their plans; a plan may be empty.
  public init(plans: [String: String]) {
    self.plans = plans
  }

  /// Whether an id is on the register.
  public func contains(_ id: String) -> Bool { plans[id] != nil }

  /// The plan of a tenant; empty when it has none or is not on the register.
  public func plan(of id: String) -> String { plans[id] ?? "" }

  /// How many ids it holds.
  public var count: Int { plans.count }

  /// All ids in byte order.
  public var ids: [String] { plans.keys.sorted(by: KeyOrder.precedes) }
}
