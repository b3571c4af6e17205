/// The one order of names in this target: as UTF-8 bytes, so that every language sorts alike.
public enum KeyOrder {
  /// Whether `left` stands before `right`.
  public static func precedes(_ left: String, _ right: String) -> Bool {
    left.utf8.lexicographicallyPrecedes(right.utf8)
  }
}
