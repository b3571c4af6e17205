/// The rules of tenant ids, and the reserved names that no client can claim.
public enum TenantNaming {
  /// No rule yielded an id.
  public static let unattributed = "~unattributed"
  /// An id was presented and failed.
  public static let invalid = "~invalid"
  /// The cardinality limit was reached.
  public static let overflow = "~overflow"
  /// The three reserved tenants.
  public static let reserved = [unattributed, invalid, overflow]

  /// Whether a name is 1 to 128 bytes of `[A-Za-z0-9._:@-]` that begin with a letter or digit.
  public static func isValid(_ id: String) -> Bool {
    guard let first = id.utf8.first, id.utf8.count <= 128, isAlphanumeric(first) else {
      return false
    }
    return id.utf8.allSatisfy { isAlphanumeric($0) || ".:@_-".utf8.contains($0) }
  }

  static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "a")...UInt8(ascii: "z"):
      true
    default: false
    }
  }
}
