/// A linear byte buffer: bytes are appended at the end and consumed from the start.
///
///     |  consumed  |  readable  |  free  |
///     0          start         end    capacity
///
/// Borrowed from a `BufferPool` and given back when empty, so that an idle connection holds none. Owned by
/// one worker thread; never shared.
@safe
public final class Buffer {
  /// Size of the memory in bytes.
  public let capacity: Int
  @usableFromInline let base: UnsafeMutableRawPointer
  @usableFromInline var start = 0
  @usableFromInline var end = 0

  /// An empty buffer of `capacity` bytes.
  public init(capacity: Int) {
    precondition(capacity > 0, "a buffer has room")
    self.capacity = capacity
    unsafe base = .allocate(byteCount: capacity, alignment: 64)
  }

  deinit { unsafe base.deallocate() }

  /// Bytes that can be read.
  @inlinable public var count: Int { end - start }
  /// Whether nothing can be read.
  @inlinable public var isEmpty: Bool { start == end }
  /// Bytes that can be appended without moving anything.
  @inlinable public var free: Int { capacity - end }
  /// Bytes consumed since the last reset or compaction: `rewind` can bring them back.
  @inlinable public var consumed: Int { start }

  /// The readable bytes. Appending keeps them in place; `compact` and `reset` do not.
  @inlinable public var readable: RawSpan {
    @_lifetime(borrow self) get {
      // Safe: start <= end <= capacity, and the memory lives as long as self.
      let span = unsafe RawSpan(
        _unsafeStart: UnsafeRawPointer(base + start), byteCount: end - start)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// Where the readable bytes begin; good for `count` bytes until the next change.
  @inlinable var firstByte: UnsafeRawPointer { unsafe UnsafeRawPointer(base + start) }

  /// Takes `count` bytes from the start. An emptied buffer begins anew at 0.
  @inlinable public func consume(_ count: Int) {
    precondition(count >= 0 && count <= end - start, "more consumed than there is")
    start += count
    if start == end {
      start = 0
      end = 0
    }
  }

  /// Takes `count` bytes from the start but keeps them for `rewind`.
  @inlinable public func advance(_ count: Int) {
    precondition(count >= 0 && count <= end - start, "more consumed than there is")
    start += count
  }

  /// Brings back every byte that `advance` took since the last reset.
  @inlinable public func rewind() { start = 0 }

  /// Forgets everything.
  @inlinable public func reset() {
    start = 0
    end = 0
  }

  /// Moves the readable bytes to the front, so that `free` is all there is.
  public func compact() {
    guard start > 0 else { return }
    // Safe: both ranges lie within capacity; memmove allows overlap.
    unsafe base.copyMemory(from: base + start, byteCount: end - start)
    end -= start
    start = 0
  }

  /// Appends bytes; false, and nothing appended, when they do not fit.
  @inlinable @discardableResult
  public func append(_ bytes: RawSpan) -> Bool {
    let count = bytes.byteCount
    guard count <= free else { return false }
    // Safe: count <= free was checked; the span is valid for its count.
    unsafe bytes.withUnsafeBytes { source in
      if let from = source.baseAddress {
        unsafe (base + end).copyMemory(from: from, byteCount: count)
      }
    }
    end += count
    return true
  }

  /// Appends a field's line as HTTP/1.1 has it (RFC 9112 §5); false, and nothing appended, when it does not fit.
  @inlinable @discardableResult
  public func append(field name: RawSpan, _ value: RawSpan) -> Bool {
    let count = name.byteCount + value.byteCount + 4
    guard count <= free else { return false }
    // Safe, all: `count` bytes are free.
    unsafe name.withUnsafeBytes { source in
      if let from = source.baseAddress {
        unsafe (base + end).copyMemory(from: from, byteCount: source.count)
      }
    }
    let middle = end + name.byteCount
    unsafe base.storeBytes(of: 0x203A as UInt16, toByteOffset: middle, as: UInt16.self)
    unsafe value.withUnsafeBytes { source in
      if let from = source.baseAddress {
        unsafe (base + middle + 2).copyMemory(from: from, byteCount: source.count)
      }
    }
    unsafe base.storeBytes(of: 0x0A0D as UInt16, toByteOffset: end + count - 2, as: UInt16.self)
    end += count
    return true
  }

  /// Appends constant text; false when it does not fit.
  @inlinable @discardableResult
  public func append(_ text: StaticString) -> Bool {
    let count = text.utf8CodeUnitCount
    guard count <= free else { return false }
    // Safe: a static string's memory is constant; count <= free was checked.
    unsafe (base + end).copyMemory(from: text.utf8Start, byteCount: count)
    end += count
    return true
  }

  /// Appends bytes of an array; false when they do not fit.
  @inlinable @discardableResult
  public func append(_ bytes: [UInt8]) -> Bool {
    // Safe: every bit pattern is a valid byte.
    unsafe append(bytes.span.bytes)
  }

  /// Appends one byte; false when it does not fit.
  @inlinable @discardableResult
  public func append(byte: UInt8) -> Bool {
    guard free >= 1 else { return false }
    // Safe: free >= 1.
    unsafe base.storeBytes(of: byte, toByteOffset: end, as: UInt8.self)
    end += 1
    return true
  }

  /// Appends a number in decimal; false when it does not fit.
  @discardableResult
  public func append(decimal value: UInt64) -> Bool {
    guard free >= 20 else { return false }
    var rest = value
    var digits = 1
    var bound: UInt64 = 10
    while digits < 20 && value >= bound {
      digits += 1
      bound = bound.multipliedReportingOverflow(by: 10).partialValue
    }
    for position in stride(from: digits - 1, through: 0, by: -1) {
      // Safe: position < digits <= 20 <= free.
      unsafe base.storeBytes(
        of: UInt8(ascii: "0") + UInt8(rest % 10), toByteOffset: end + position, as: UInt8.self)
      rest /= 10
    }
    end += digits
    return true
  }

  /// Copies the first `count` bytes of `other` behind the readable ones without appending them, and returns
  /// where the joined bytes begin; nil when they are many or there is no room.
  ///
  /// One `send` of a few joined bytes is cheaper than one `sendmsg` of two pieces.
  @inline(__always)
  func joining(_ other: Buffer, count: Int) -> UnsafeRawPointer? {
    guard count <= 1_024, count <= free else { return nil }
    // Safe: count <= free here and count <= other.count at the caller.
    unsafe (base + end).copyMemory(from: other.firstByte, byteCount: count)
    return unsafe firstByte
  }

  /// Lends the free part to `body`, which says how many bytes it filled.
  @inlinable
  func fill<Result>(_ body: (UnsafeMutableRawBufferPointer) -> (Int, Result)) -> Result {
    // Safe: end <= capacity.
    let (count, result) = unsafe body(
      UnsafeMutableRawBufferPointer(start: base + end, count: capacity - end))
    precondition(count >= 0 && count <= capacity - end, "filled more than was free")
    end += count
    return result
  }

  /// Overwrites a byte that was appended before, `offset` from the first readable one.
  public func overwrite(at offset: Int, with byte: UInt8) {
    precondition(offset >= 0 && offset < count, "overwrites only what is there")
    // Safe: the offset was checked.
    unsafe base.storeBytes(of: byte, toByteOffset: start + offset, as: UInt8.self)
  }
}

/// Buffers that wait for their next use, newest first (its memory is still in the cache).
///
/// Owned by one worker thread.
public final class BufferPool {
  private let capacity: Int
  private let keptMax: Int
  private var kept: [Buffer] = []
  /// Buffers lent now.
  public private(set) var lent = 0

  /// Lends buffers of `capacity` bytes and keeps at most `keptMax` unused ones.
  public init(capacity: Int, keptMax: Int) {
    self.capacity = capacity
    self.keptMax = keptMax
    kept.reserveCapacity(keptMax)
  }

  /// An empty buffer.
  public func take() -> Buffer {
    lent += 1
    return kept.popLast() ?? Buffer(capacity: capacity)
  }

  /// Gives a buffer back, whatever is in it.
  public func give(_ buffer: consuming Buffer) {
    lent -= 1
    buffer.reset()
    // Bound: keptMax; the rest is freed.
    if kept.count < keptMax { kept.append(buffer) }
  }

  /// Frees unused buffers until no more than `count` are kept.
  public func shrink(to count: Int) {
    precondition(count >= 0, "a count")
    if kept.count > count { kept.removeLast(kept.count - count) }
  }
}

extension Buffer {
  /// Takes back the last `count` bytes that were appended.
  public func dropLast(_ count: Int) {
    precondition(count >= 0 && count <= self.count, "dropped more than there is")
    end -= count
  }
}
