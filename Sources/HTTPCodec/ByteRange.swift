/// A run of bytes, as offsets into the bytes that were given to the parser.
///
/// Holds no reference to those bytes: whoever keeps a range keeps the bytes that it was made from.
/// Stored in 32 bits each, so that a field stays small; 4 GiB is far above any head or buffer.
public struct ByteRange: Sendable, Equatable {
  private var storedStart: UInt32
  private var storedCount: UInt32

  /// Offset of the first byte. 0 to 2^32 - 1.
  public var start: Int {
    get { Int(storedStart) }
    set { storedStart = UInt32(newValue) }
  }

  /// Number of bytes. 0 to 2^32 - 1.
  public var count: Int {
    get { Int(storedCount) }
    set { storedCount = UInt32(newValue) }
  }

  /// Offset just behind the last byte.
  public var end: Int { start + count }

  /// Whether there is no byte in it.
  public var isEmpty: Bool { storedCount == 0 }

  /// No bytes, at offset 0.
  public static let empty = ByteRange(start: 0, count: 0)

  /// Makes a range; both numbers must fit in 32 bits and not be negative.
  public init(start: Int, count: Int) {
    storedStart = UInt32(start)
    storedCount = UInt32(count)
  }

  /// Makes the range `start..<end` of a head or trailer block, whose length has been checked to fit.
  @inline(__always)
  init(inBlock start: Int, end: Int) {
    assert(start >= 0 && start <= end && end <= UInt32.max)
    storedStart = UInt32(truncatingIfNeeded: start)
    storedCount = UInt32(truncatingIfNeeded: end &- start)
  }

  /// Makes the range `start..<end`; `end` must not lie before `start`.
  public init(start: Int, end: Int) {
    self.init(start: start, count: end - start)
  }
}
