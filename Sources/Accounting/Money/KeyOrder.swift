/// The one order of names in this target: as UTF-8 bytes, so that every language sorts alike.
public enum KeyOrder {
  /// Whether `left` stands before `right`.
  public static func precedes(_ left: String, _ right: String) -> Bool {
    let first = left.utf8Span.span
    let second = right.utf8Span.span
    let common = min(first.count, second.count)
    for index in 0..<common where first[index] != second[index] {
      return first[index] < second[index]
    }
    return first.count < second.count
  }
}
