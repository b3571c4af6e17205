internal import Accounting

/// Whether texts are the same by their bytes. `==` of strings also takes for equal what only looks alike
/// (Unicode's canonical equivalence), and such texts may be different tenants.
enum SameBytes {
  /// Whether two texts are the same, or both absent.
  static func texts(_ left: String?, _ right: String?) -> Bool {
    guard let left, let right else { return left == nil && right == nil }
    return texts(left, right)
  }

  /// Whether two texts are the same.
  static func texts(_ left: String, _ right: String) -> Bool {
    guard left == right else { return false }
    // Two texts of ASCII that are equal have the same bytes.
    if left.utf8Span.isKnownASCII, right.utf8Span.isKnownASCII { return true }
    return left.utf8.elementsEqual(right.utf8)
  }

  /// Whether two sets of tags are the same.
  static func tags(_ left: [String: String], _ right: [String: String]) -> Bool {
    guard left == right else { return false }
    if isASCII(left), isASCII(right) { return true }
    return TagText.format(left).utf8.elementsEqual(TagText.format(right).utf8)
  }

  private static func isASCII(_ tags: [String: String]) -> Bool {
    tags.allSatisfy { $0.utf8Span.isKnownASCII && $1.utf8Span.isKnownASCII }
  }
}
