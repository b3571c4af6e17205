/// How a record of a direct pool names its tenant.
public struct DirectRule: Hashable, Sendable {
  /// Where the name stands.
  public enum Source: Hashable, Sendable {
    /// In a tag.
    case tag(String)
    /// In a field.
    case field(CostField)
  }

  /// Where the name stands.
  public let source: Source
  /// From the text found to a tenant id; `nil` when the text is the id.
  public let map: [String: String]?

  /// The owner of a record's cost.
  public func owner(of record: CostRecord) -> Owner {
    let found =
      switch source {
      case .tag(let key): record.tag(key)
      case .field(let field): record[field]
      }
    guard let found, !found.isEmpty else { return .unallocated(.noOwner) }
    guard let map else {
      return TenantNaming.isValid(found) ? .tenant(found) : .unallocated(.invalidTenant)
    }
    return map[found].map { .tenant($0) } ?? .unallocated(.unmapped)
  }
}
