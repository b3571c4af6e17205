import Synchronization
import Usage

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

/// Writes the counters of one segment. Belongs to one worker thread.
///
/// **Order of stores.** A kill leaves the file as the stores before it made it, so their order is a
/// promise: recovery relies on "record written, then in force, then cells, then out of force". On x86 and
/// under a kill (not a loss of power) the machine keeps the order of one thread's stores; only the compiler
/// could change it. Relaxed atomics to different addresses may be exchanged by it, so every store here is
/// `releasing`: none may move before one that stands above it. That is a plain `mov` on x86-64. There is
/// no read-modify-write instruction: the worker is the only writer.
@safe
struct SegmentWriter<Observer: StoreObserver> {
  /// The segment.
  let storage: SegmentStorage
  /// Marks this segment's rows.
  let generation: UInt32
  let base: UnsafeMutableRawPointer
  let observer: Observer
  let listenersOffset: Int
  let listenerCount: Int
  let reservedRowsOffset: Int
  let routeCount: Int

  /// Levels of the index, oldest first; `slots` and `slotMask` are the newest one's.
  var levels: [SegmentIndex]
  var slots: UnsafeMutablePointer<UInt64>
  var slotMask: Int
  var slotsUsed = 0

  var claimedExtents = 0
  var rowCursor = 0
  var rowEnd = 0
  var smallCursor = 0
  var smallEnd = 0

  /// Rows admitted, the reserved ones not included.
  var rowCount = 0
  /// Of those, rows of tenants that are not on the register.
  var unregisteredRowCount = 0
  /// Observations that found no memory in their own row's histogram.
  var displacedObservations: UInt64 = 0
  /// Set when the service should prepare more space or index; the meter passes it on and clears it.
  var isRunningLow = false

  /// A writer for a segment that nobody wrote before.
  init(_ storage: SegmentStorage, observer: Observer) {
    precondition(storage.claimedExtents == 0, "a segment has one writer")
    self.storage = storage
    self.observer = observer
    generation = UInt32(truncatingIfNeeded: storage.name.sequence)
    // Safe: the writer keeps the storage, which keeps the mapping.
    unsafe base = storage.memory.base
    listenersOffset = storage.plan.listenersOffset
    listenerCount = storage.plan.listeners.count
    reservedRowsOffset = storage.plan.reservedRowsOffset
    routeCount = storage.plan.routes.count
    levels = [storage.index]
    // Safe: `levels` keeps the index alive.
    unsafe slots = storage.index.slots
    slotMask = storage.index.mask
  }

  /// Reads one word.
  @inline(__always)
  func load(_ offset: Int) -> UInt64 {
    assert(offset & 7 == 0 && offset + 8 <= storage.memory.byteCount, "outside the segment")
    // Safe: offsets come from this writer's own rows and layout, all inside published memory.
    return unsafe (base + offset).assumingMemoryBound(to: Atomic<UInt64>.self)
      .pointee.load(ordering: .relaxed)
  }

  /// Writes one word, after all that was written before.
  @inline(__always)
  func store(_ value: UInt64, at offset: Int) {
    assert(offset & 7 == 0 && offset + 8 <= storage.memory.byteCount, "outside the segment")
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

  /// Writes one word of the header.
  func store(_ value: UInt64, at header: SegmentLayout.Header) { store(value, at: header.offset) }

  /// The cells of a listener.
  @inline(__always)
  func listenerOffset(_ listener: Int) -> Int {
    precondition(listener >= 0 && listener < listenerCount, "no such listener")
    return listenersOffset &+ listener &* SegmentLayout.listenerBytes
  }

  /// The row at an offset.
  @inline(__always)
  func row(at offset: Int) -> MeterRow {
    MeterRow(unit: UInt32(truncatingIfNeeded: offset >> 6), generation: generation)
  }
}
