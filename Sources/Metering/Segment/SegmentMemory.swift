import Glibc
import Platform
import Synchronization

/// A mapped range of memory that holds a segment, owned: unmapped with the last reference.
///
/// Words are `Atomic<UInt64>` in place. A worker writes its own segment; other threads read single words
/// while it does (relaxed: each word for itself), and everything once it is sealed.
@safe
final class SegmentMemory: @unchecked Sendable {
  // @unchecked: the pointer never changes; what it points to is accessed by atomics, or by one thread before
  // the segment is handed over and after it is sealed.

  /// First byte. Page aligned.
  let base: UnsafeMutableRawPointer
  /// Length of the mapping; a file behind it may be shorter until it is extended.
  let byteCount: Int
  private let syscalls: Syscalls

  private init(_ mapping: UnsafeMutableRawBufferPointer, syscalls: Syscalls) {
    // Safe: a mapping that succeeded has an address.
    unsafe base = mapping.baseAddress!
    byteCount = mapping.count
    self.syscalls = syscalls
  }

  /// Maps a file that other processes may read, longer than it is when it will grow.
  convenience init(sharing fd: Int32, byteCount: Int, syscalls: Syscalls) throws(SystemError) {
    // Safe: the mapping is owned by the new object.
    unsafe self.init(try syscalls.map(fd, length: byteCount), syscalls: syscalls)
  }

  /// Reads a file into memory of its own. Not a mapping: there, a bad sector would kill the process, and changes
  /// would need care not to reach the file.
  convenience init(reading fd: Int32, byteCount: Int, syscalls: Syscalls) throws(SystemError) {
    try self.init(anonymous: byteCount, syscalls: syscalls)
    var offset = 0
    while offset < byteCount {
      // Safe: the rest of the mapping, which nobody else holds yet.
      let count = try unsafe syscalls.read(
        fd, into: UnsafeMutableRawBufferPointer(start: base + offset, count: byteCount - offset))
      if count == 0 { throw SystemError(.read, EIO) }
      offset += count
    }
  }

  /// Zeroed memory without a file.
  convenience init(anonymous byteCount: Int, syscalls: Syscalls) throws(SystemError) {
    // Safe: the mapping is owned by the new object.
    unsafe self.init(try syscalls.mapAnonymous(length: byteCount), syscalls: syscalls)
  }

  deinit {
    // Safe: `base` and `byteCount` are what was mapped, and nobody else holds them.
    unsafe syscalls.unmap(UnsafeMutableRawBufferPointer(start: base, count: byteCount))
  }

  /// One word.
  func load(_ offset: Int) -> UInt64 {
    check(offset, 8)
    // Safe: within the mapping and aligned, both checked; zero pages are valid atomics.
    return unsafe (base + offset).assumingMemoryBound(to: Atomic<UInt64>.self)
      .pointee.load(ordering: .relaxed)
  }

  /// One word, and everything that its writer wrote before it.
  func loadAcquiring(_ offset: Int) -> UInt64 {
    check(offset, 8)
    // Safe: as above.
    return unsafe (base + offset).assumingMemoryBound(to: Atomic<UInt64>.self)
      .pointee.load(ordering: .acquiring)
  }

  /// Writes one word after everything that the caller wrote before.
  func store(_ value: UInt64, at offset: Int) {
    check(offset, 8)
    // Safe: as above.
    unsafe (base + offset).assumingMemoryBound(to: Atomic<UInt64>.self)
      .pointee.store(value, ordering: .releasing)
  }

  /// A counter of a histogram chunk.
  func loadHalf(_ offset: Int) -> UInt32 {
    precondition(offset >= 0 && offset & 3 == 0 && offset <= byteCount - 4, "outside the segment")
    // Safe: within the mapping and aligned, both checked.
    return unsafe (base + offset).assumingMemoryBound(to: Atomic<UInt32>.self)
      .pointee.load(ordering: .relaxed)
  }

  /// Writes a counter of a histogram chunk.
  func storeHalf(_ value: UInt32, at offset: Int) {
    precondition(offset >= 0 && offset & 3 == 0 && offset <= byteCount - 4, "outside the segment")
    // Safe: within the mapping and aligned, both checked.
    unsafe (base + offset).assumingMemoryBound(to: Atomic<UInt32>.self)
      .pointee.store(value, ordering: .releasing)
  }

  /// Bytes that nobody writes any more.
  @_lifetime(borrow self)
  func bytes(_ offset: Int, _ count: Int) -> RawSpan {
    precondition(count >= 0 && offset >= 0 && offset <= byteCount - count, "outside the segment")
    // Safe: within the mapping, which lives as long as self.
    let span = unsafe RawSpan(_unsafeStart: UnsafeRawPointer(base + offset), byteCount: count)
    return unsafe _overrideLifetime(span, borrowing: self)
  }

  /// Copies bytes into memory that nobody reads yet.
  func copy(_ source: [UInt8], to offset: Int) {
    precondition(offset >= 0 && offset <= byteCount - source.count, "outside the segment")
    // Safe: within the mapping; source and target do not overlap.
    unsafe source.withUnsafeBytes { bytes in
      if let from = bytes.baseAddress {
        unsafe (base + offset).copyMemory(from: from, byteCount: bytes.count)
      }
    }
  }

  private func check(_ offset: Int, _ count: Int) {
    precondition(
      offset >= 0 && offset & 7 == 0 && offset <= byteCount - count, "outside the segment")
  }
}
