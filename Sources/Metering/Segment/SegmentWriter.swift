import Usage

/// Writes the counters of one segment after the other. Belongs to one worker thread.
///
/// A class, held by a `let` for the life of its worker and moved from segment to segment: so an event costs
/// neither a reference count nor a check for overlapping accesses.
@safe
final class SegmentWriter<Observer: StoreObserver> {
  let observer: Observer

  /// The segment.
  private(set) var storage: SegmentStorage
  /// Marks this segment's rows.
  private(set) var generation: UInt32
  /// Its words.
  private(set) var cells: SegmentCells<Observer>
  private(set) var listenersOffset: Int
  private(set) var listenerCount: Int
  private(set) var reservedRowsOffset: Int
  private(set) var routeCount: Int

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
    cells = SegmentCells(storage.memory, observer: observer)
    listenersOffset = storage.plan.listenersOffset
    listenerCount = storage.plan.listeners.count
    reservedRowsOffset = storage.plan.reservedRowsOffset
    routeCount = storage.plan.routes.count
    levels = [storage.index]
    // Safe: `levels` keeps the index alive.
    unsafe slots = storage.index.slots
    slotMask = storage.index.mask
  }

  /// Moves on to a segment of the same plan, or of one that has grown, that nobody wrote before. Rows of the
  /// old one are refused from now on.
  func move(to successor: SegmentStorage) {
    precondition(successor.claimedExtents == 0, "a segment has one writer")
    precondition(
      successor.plan.listeners.count >= listenerCount && successor.plan.routes.count >= routeCount,
      "a plan only grows")
    storage = successor
    listenersOffset = successor.plan.listenersOffset
    listenerCount = successor.plan.listeners.count
    reservedRowsOffset = successor.plan.reservedRowsOffset
    routeCount = successor.plan.routes.count
    generation = UInt32(truncatingIfNeeded: successor.name.sequence)
    cells = SegmentCells(successor.memory, observer: observer)
    levels = [successor.index]
    // Safe: as in `init`.
    unsafe slots = successor.index.slots
    slotMask = successor.index.mask
    slotsUsed = 0
    claimedExtents = 0
    // No room in an extent: the next row and the next id claim one, and set their cursors.
    rowEnd = 0
    smallEnd = 0
    rowCount = 0
    unregisteredRowCount = 0
    displacedObservations = 0
  }

  /// Reads one word.
  @inline(__always)
  func load(_ offset: Int) -> UInt64 { cells.load(offset) }

  /// Writes one word.
  @inline(__always)
  func store(_ value: UInt64, at offset: Int) { cells.store(value, at: offset) }

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
