import Synchronization

/// Told before each store into a segment. Tests stop there; the product's observer is empty and vanishes.
protocol StoreObserver {
  /// A store into the segment comes next.
  func willStore()
}

/// The observer of the product.
struct Unobserved: StoreObserver {
  @inline(__always)
  func willStore() {}
}

/// The words of one segment, as its writer reaches them.
///
/// **Order of stores.** A kill leaves the file as the stores before it made it, so their order is a
/// promise: recovery relies on "record written, then in force, then cells, then out of force". On x86 and
/// under a kill (not a loss of power) the machine keeps the order of one thread's stores; only the compiler
/// could change it. Relaxed atomics to different addresses may be exchanged by it, so every store here is
/// `releasing`: none may move before one that stands above it. That is a plain `mov` on x86-64. There is
/// no read-modify-write instruction: the worker is the only writer.
///
/// A value, copied at the start of an event: the base address then stays in a register, where a property of a
/// class would be read again after every store. It holds no reference: whoever uses it keeps the storage.
@safe
struct SegmentCells<Observer: StoreObserver> {
  private let base: UnsafeMutableRawPointer
  private let observer: Observer
  private let byteCount: Int

  /// The words of a segment's memory, which must outlive the value.
  init(_ memory: SegmentMemory, observer: Observer) {
    // Safe: the writer that makes this value keeps the memory.
    unsafe base = memory.base
    byteCount = memory.byteCount
    self.observer = observer
  }

  /// Reads one word.
  @inline(__always)
  func load(_ offset: Int) -> UInt64 {
    assert(offset & 7 == 0 && offset + 8 <= byteCount, "outside the segment")
    // Safe: offsets come from the writer's own rows and layout, all inside published memory.
    return unsafe (base + offset).assumingMemoryBound(to: Atomic<UInt64>.self)
      .pointee.load(ordering: .relaxed)
  }

  /// Writes one word, after all that was written before.
  @inline(__always)
  func store(_ value: UInt64, at offset: Int) {
    assert(offset & 7 == 0 && offset + 8 <= byteCount, "outside the segment")
    observer.willStore()
    // Safe: as in `load`.
    unsafe (base + offset).assumingMemoryBound(to: Atomic<UInt64>.self)
      .pointee.store(value, ordering: .releasing)
  }

  /// Reads a counter of a histogram chunk.
  @inline(__always)
  func loadHalf(_ offset: Int) -> UInt32 {
    // Safe: as in `load`.
    unsafe (base + offset).assumingMemoryBound(to: Atomic<UInt32>.self)
      .pointee.load(ordering: .relaxed)
  }

  /// Writes a counter of a histogram chunk, after all that was written before.
  @inline(__always)
  func storeHalf(_ value: UInt32, at offset: Int) {
    observer.willStore()
    // Safe: as in `load`.
    unsafe (base + offset).assumingMemoryBound(to: Atomic<UInt32>.self)
      .pointee.store(value, ordering: .releasing)
  }

  /// Copies an id to where nobody reads yet.
  func copy(_ id: RawSpan, to offset: Int) {
    assert(offset + id.byteCount <= byteCount, "outside the segment")
    observer.willStore()
    // Safe: the writer allocated exactly these bytes for the id.
    unsafe id.withUnsafeBytes { bytes in
      if let from = bytes.baseAddress {
        unsafe (base + offset).copyMemory(from: from, byteCount: bytes.count)
      }
    }
  }

  /// Whether these bytes stand at an offset.
  @inline(__always)
  func holds(_ id: RawSpan, at start: Int) -> Bool {
    let count = id.byteCount
    let other = unsafe UnsafeRawPointer(base + start)
    var offset = 0
    // Safe, all loads: offset + width <= count, the length of both.
    while count &- offset >= 8 {
      let left = unsafe id.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self)
      let right = unsafe other.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      if left != right { return false }
      offset &+= 8
    }
    while offset < count {
      let left = unsafe id.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt8.self)
      let right = unsafe other.loadUnaligned(fromByteOffset: offset, as: UInt8.self)
      if left != right { return false }
      offset &+= 1
    }
    return true
  }
}
