/// The tenants that the operator knows. A tenant with usage or cost that is not on it is named
/// *unregistered* on its statement and charged all the same.
public struct TenantRegister: Hashable, Sendable {
  private let ids: Set<String>

  /// A register of these ids.
  public init(_ ids: some Sequence<String>) {
    self.ids = Set(ids)
  }

  /// Whether an id is on the register.
  public func contains(_ id: String) -> Bool { ids.contains(id) }

  /// How many ids it holds.
  public var count: Int { ids.count }
}
