import Platform
import Synchronization

/// One level of the hash index over the rows of a segment: open addressing, filled once, never moved.
///
/// When a level is a quarter full the service prepares the next one, twice as large, and the worker puts new
/// rows there: nothing is ever rehashed, so no request waits for a table to grow. The first level is as
/// large as the interval before needed, so that a steady proxy has one level. The index is not part of
/// the file: whoever reads a sealed segment visits all rows.
@safe
final class SegmentIndex: @unchecked Sendable {
  // @unchecked: the slots are read and written by the one worker that owns the segment; the service only
  // creates levels and reads `used`.

  /// Hash's upper half << 32 | row's unit; 0 is free.
  let slots: UnsafeMutablePointer<UInt64>
  /// Number of slots less one; a power of two less one.
  let mask: Int
  /// Slots in use, told by the worker to the service.
  let used = Atomic<Int>(0)
  /// The next, larger level; set once by the service.
  let next = AtomicLazyReference<SegmentIndex>()
  private let memory: SegmentMemory

  /// The smallest level, 64 KiB: room for a burst of 5,000 new tenants before the next level is there.
  static let slotsMin = 8192

  /// A level with at least `slots` slots.
  init(slots wanted: Int, syscalls: Syscalls) throws(SystemError) {
    var count = Self.slotsMin
    while count < wanted { count *= 2 }
    memory = try SegmentMemory(anonymous: count * 8, syscalls: syscalls)
    mask = count - 1
    // Safe: the mapping is count * 8 zeroed bytes, page aligned, and lives as long as self.
    unsafe slots = memory.base.bindMemory(to: UInt64.self, capacity: count)
  }

  /// Prepares the level after the newest one, when that is a quarter full. Service only.
  func extend(syscalls: Syscalls) throws(SystemError) {
    var newest = self
    // Bound: each level is twice as large as the one before.
    while let next = newest.next.load() { newest = next }
    guard newest.used.load(ordering: .relaxed) >= newest.rowsToPrepare else { return }
    _ = newest.next.storeIfNil(
      try SegmentIndex(slots: (newest.mask + 1) * 2, syscalls: syscalls))
  }

  /// Rows that the level takes before the next one is used.
  var rowsMax: Int { (mask + 1) / 10 * 7 }
  /// Rows from which on the next level is wanted. Early: an unused level costs address space only.
  var rowsToPrepare: Int { (mask + 1) / 4 }
}
