import Synchronization

/// A bounded queue of bytes between exactly one writing and one reading thread; neither ever waits.
///
/// A write is all or nothing and becomes visible as a whole, so a reader sees no half records.
@safe
public final class ByteRing: @unchecked Sendable {
  // @unchecked: the writer alone stores to bytes between `tail` and `head + capacity`, the reader alone loads those
  // between `head` and `tail`; the two positions hand them over.
  /// Bytes that it holds at most: a power of two.
  public let capacity: Int
  private let base: UnsafeMutableRawPointer
  /// Bytes ever read and ever written.
  private let head = Atomic<Int>(0)
  private let tail = Atomic<Int>(0)

  /// A ring of at least `capacity` bytes.
  public init(capacity: Int) {
    precondition(capacity > 0 && capacity <= 1 << 30, "a ring has room")
    var size = 64
    while size < capacity { size *= 2 }
    self.capacity = size
    unsafe base = .allocate(byteCount: size, alignment: 64)
  }

  deinit { unsafe base.deallocate() }

  /// Bytes that wait to be read.
  public var count: Int {
    // Acquired first: the tail that is read after it is not older.
    let head = head.load(ordering: .acquiring)
    return tail.load(ordering: .acquiring) - head
  }

  /// Writes all of `bytes`, or nothing when there is no room. Writing thread only.
  public func write(_ bytes: RawSpan) -> Bool {
    let count = bytes.byteCount
    let tail = tail.load(ordering: .relaxed)
    // Acquired: the reader has finished with what it gave free.
    guard capacity - (tail - head.load(ordering: .acquiring)) >= count else { return false }
    let start = tail & (capacity - 1)
    let first = min(count, capacity - start)
    // Safe: both parts lie within the ring and within `bytes`.
    unsafe bytes.withUnsafeBytes { source in
      guard let from = source.baseAddress else { return }
      unsafe (base + start).copyMemory(from: from, byteCount: first)
      unsafe base.copyMemory(from: from + first, byteCount: count - first)
    }
    // Released: whoever sees the new tail sees the bytes.
    self.tail.store(tail + count, ordering: .releasing)
    return true
  }

  /// Appends what waits to `buffer`, as far as there is room, without taking it; returns how many bytes. Reading
  /// thread only.
  public func peek(into buffer: Buffer) -> Int {
    let head = head.load(ordering: .relaxed)
    // Acquired: pairs with the writer's release.
    let count = min(tail.load(ordering: .acquiring) - head, buffer.free)
    let start = head & (capacity - 1)
    let first = min(count, capacity - start)
    // Safe: both parts lie within the ring; the buffer copies them.
    unsafe buffer.append(RawSpan(_unsafeStart: UnsafeRawPointer(base + start), byteCount: first))
    unsafe buffer.append(RawSpan(_unsafeStart: UnsafeRawPointer(base), byteCount: count - first))
    return count
  }

  /// Takes bytes that `peek` has shown. Reading thread only.
  public func consume(_ count: Int) {
    let head = head.load(ordering: .relaxed)
    precondition(
      count >= 0 && count <= tail.load(ordering: .acquiring) - head, "more taken than there is")
    // Released: the bytes have been copied before the writer may overwrite them.
    self.head.store(head + count, ordering: .releasing)
  }
}
