/// The subject of an adjustment that brings late usage or cost of a closed period into an open one:
/// `late:<period>:v<version>:<ordinal>:<pool>`. It is part of the entry's bytes, so the origin is
/// under the chain.
public struct LateSubject: Hashable, Sendable {
  /// The closed period.
  public let origin: Period
  /// The version of its statements that is corrected.
  public let version: UInt32
  /// Which adjustment of that version this is, from 1.
  public let ordinal: Int
  /// The pool.
  public let pool: String

  /// A subject.
  public init(origin: Period, version: UInt32, ordinal: Int, pool: String) {
    self.origin = origin
    self.version = version
    self.ordinal = ordinal
    self.pool = pool
  }

  /// What the subjects of all adjustments of a version begin with.
  public static func prefix(origin: Period, version: UInt32) -> String {
    "late:\(origin):v\(version):"
  }

  /// The text.
  public var text: String {
    Self.prefix(origin: origin, version: version) + "\(ordinal):\(pool)"
  }

  /// Reads a text; `nil` when it is the subject of something else.
  public init?(text: String) {
    let parts = text.split(separator: ":", maxSplits: 4, omittingEmptySubsequences: false)
    guard parts.count == 5, parts[0] == "late", let origin = try? Period(parsing: String(parts[1])),
      parts[2].hasPrefix("v"), let version = UInt32(parts[2].dropFirst()),
      let ordinal = Int(parts[3]), ordinal > 0, !parts[4].isEmpty
    else { return nil }
    self.init(origin: origin, version: version, ordinal: ordinal, pool: String(parts[4]))
  }
}
