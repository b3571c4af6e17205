/// The tenants that the operator knows. A tenant with usage or cost that is not on it is named
/// *unregistered* on its statement and charged all the same.
public struct TenantRegister: Hashable, Sendable {
  private let ids: Set<String>
  private let names: [String: String]

  /// A register of these ids, with the names that some of them have.
  public init(_ ids: some Sequence<String>, names: [String: String] = [:]) {
    self.ids = Set(ids)
    self.names = names
  }

  /// The name of a tenant; `nil` when it has none, or an empty one.
  public func name(of id: String) -> String? {
    guard let name = names[id], !name.isEmpty else { return nil }
    return name
  }

  /// Whether an id is on the register.
  public func contains(_ id: String) -> Bool { ids.contains(id) }

  /// How many ids it holds.
  public var count: Int { ids.count }
}
