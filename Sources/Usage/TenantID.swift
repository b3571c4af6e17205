/// The identity that usage is counted and money is charged for.
///
/// 1 to 128 bytes of `[A-Za-z0-9._:@-]`, the first a letter or digit; or one of the three reserved ids,
/// which begin with `~` so that no client can claim them.
public struct TenantID: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// The id as text; always ASCII.
  public let text: String

  /// The longest id, in bytes.
  public static let bytesMax = 128

  /// No rule yielded an id.
  public static let unattributed = TenantID(reserved: "~unattributed")
  /// An id was presented and failed validation or verification.
  public static let invalid = TenantID(reserved: "~invalid")
  /// The cardinality limit of the interval was reached.
  public static let overflow = TenantID(reserved: "~overflow")
  /// The three ids that no client can claim.
  public static let reserved = [unattributed, invalid, overflow]

  /// A client's id, or nil when it breaks the rule above. Reserved ids are refused.
  public init?(_ text: String) {
    let bytes = Array(text.utf8)
    // Safe: every bit pattern of UInt8 is a valid byte.
    guard unsafe Self.isValid(bytes.span.bytes) else { return nil }
    self.text = text
  }

  /// An id from one of Weir's own files, where reserved ids are allowed.
  public init?(stored text: String) {
    if let id = Self.reserved.first(where: { $0.text == text }) {
      self = id
    } else {
      self.init(text)
    }
  }

  private init(reserved: String) { text = reserved }

  /// An id that was validated before, as bytes.
  init(checked text: String) { self.text = text }

  /// Whether these bytes make a valid client id.
  public static func isValid(_ bytes: RawSpan) -> Bool {
    guard bytes.byteCount >= 1, bytes.byteCount <= bytesMax else { return false }
    for offset in 0..<bytes.byteCount {
      // Safe: offset < byteCount.
      let byte = unsafe bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
      guard isLetterOrDigit(byte) || (offset > 0 && isPunctuation(byte)) else { return false }
    }
    return true
  }

  /// Whether this is one of the three ids that no client can claim.
  public var isReserved: Bool { text.utf8.first == UInt8(ascii: "~") }

  /// Order of the ids as bytes: the order of rows in a batch and of ties in apportionment.
  public static func < (left: TenantID, right: TenantID) -> Bool {
    left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
  }

  /// The id itself.
  public var description: String { text }

  @inline(__always)
  private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
    (byte &- UInt8(ascii: "0")) < 10 || ((byte | 0x20) &- UInt8(ascii: "a")) < 26
  }

  @inline(__always)
  private static func isPunctuation(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ":")
      || byte == UInt8(ascii: "@") || byte == UInt8(ascii: "-")
  }
}
