/// The name of a configured route: how a feature or service of the product gets its own unit cost.
///
/// 1 to 64 bytes of `[A-Za-z0-9._-]`, the first a letter or digit; or the reserved `~none`.
public struct RouteName: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// The name as text; always ASCII.
  public let text: String

  /// The longest name, in bytes.
  public static let bytesMax = 64

  /// The route of requests that matched none, malformed heads among them.
  public static let none = RouteName(reserved: "~none")

  /// A configured name, or nil when it breaks the rule above.
  public init?(_ text: String) {
    guard Self.isValid(text.utf8) else { return nil }
    self.text = text
  }

  /// A name from one of Weir's own files, where `~none` is allowed.
  public init?(stored text: String) {
    if text == Self.none.text { self = .none } else { self.init(text) }
  }

  private init(reserved: String) { text = reserved }

  private static func isValid(_ bytes: String.UTF8View) -> Bool {
    guard let first = bytes.first, bytes.count <= bytesMax, isWord(first) else { return false }
    return bytes.allSatisfy { isWord($0) || $0 == 0x2E || $0 == 0x5F || $0 == 0x2D }
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
  }

  /// Order of the names as bytes.
  public static func < (left: RouteName, right: RouteName) -> Bool {
    left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
  }

  /// The name itself.
  public var description: String { text }
}
