import Platform
import Synchronization
import Usage

/// A segment of this process: its memory, its file, and what worker and service tell each other about it.
///
/// The worker writes counters and `phase`; the service extends the memory and sets `successor`. Nothing
/// here is a lock: each atomic has one writer.
final class SegmentStorage: Sendable {
  /// Where a segment stands in its life.
  enum Phase: Int {
    case prepared, active, sealed
  }

  /// The name, fixed at creation.
  let name: BatchName
  /// The layout.
  let plan: SegmentPlan
  /// The mapping, as long as the segment may ever become.
  let memory: SegmentMemory
  /// Path of the file in the active directory, nil when volatile.
  let path: String?
  /// First level of the index.
  let index: SegmentIndex
  /// Extents that may be used; the service raises it after the memory behind is there.
  let publishedExtents: Atomic<Int>
  /// Set by the worker when space or index runs low, taken away by the service.
  let wantsMore = Atomic<Bool>(false)
  /// Set by the worker, with releasing order: what it wrote before is then visible.
  private let phaseValue = Atomic<Int>(Phase.prepared.rawValue)
  /// The segment of the next interval; set once by the service.
  let successor = AtomicLazyReference<SegmentStorage>()

  private let descriptor: Int32
  private let syscalls: Syscalls

  /// Whether a kill loses it: no file stands behind the memory.
  var isVolatile: Bool { path == nil }

  private init(
    name: BatchName, plan: SegmentPlan, memory: SegmentMemory, file: (path: String, fd: Int32)?,
    extents: Int, index: SegmentIndex, syscalls: Syscalls
  ) {
    self.name = name
    self.plan = plan
    self.memory = memory
    self.index = index
    self.syscalls = syscalls
    path = file?.path
    descriptor = file?.fd ?? -1
    publishedExtents = Atomic(extents)
  }

  deinit {
    if descriptor >= 0 { syscalls.close(descriptor) }
  }

  /// What a new segment needs to know.
  struct Request {
    /// The name.
    var name: BatchName
    /// The layout.
    var plan: SegmentPlan
    /// Named in the first segment of a worker.
    var predecessor: Batch.Predecessor?
    /// Extents allocated at once.
    var extents: Int
    /// Extents that it may grow to.
    var extentsMax: Int
    /// Rows expected, for the index.
    var rowsExpected: Int
  }

  /// Creates a segment in a file of which every byte in use is allocated.
  static func allocate(
    _ request: Request, path: String, syscalls: Syscalls
  ) throws(SystemError) -> SegmentStorage {
    let index = try SegmentIndex(slots: request.rowsExpected * 8 / 5, syscalls: syscalls)
    let fd = try syscalls.open(path, .createNew)
    do throws(SystemError) {
      let plan = request.plan
      try syscalls.allocate(fd, offset: 0, length: plan.byteCount(extents: request.extents))
      let memory = try SegmentMemory(
        sharing: fd, byteCount: plan.byteCount(extents: request.extentsMax), syscalls: syscalls)
      plan.format(memory, name: request.name, predecessor: request.predecessor)
      return SegmentStorage(
        name: request.name, plan: plan, memory: memory, file: (path, fd),
        extents: request.extents, index: index, syscalls: syscalls)
    } catch {
      syscalls.close(fd)
      try? syscalls.unlink(path)
      throw error
    }
  }

  /// Creates a segment that a kill would lose.
  static func volatile(
    _ request: Request, syscalls: Syscalls
  ) throws(SystemError) -> SegmentStorage {
    let index = try SegmentIndex(slots: request.rowsExpected * 8 / 5, syscalls: syscalls)
    let memory = try SegmentMemory(
      anonymous: request.plan.byteCount(extents: request.extentsMax), syscalls: syscalls)
    request.plan.format(memory, name: request.name, predecessor: request.predecessor)
    memory.store(
      UInt64(BatchFlags.volatile.rawValue), at: SegmentLayout.Header.flags.offset)
    return SegmentStorage(
      name: request.name, plan: request.plan, memory: memory, file: nil,
      extents: request.extents, index: index, syscalls: syscalls)
  }

  /// Allocates further extents and publishes them. Service only.
  func grow(byExtents count: Int) throws(SystemError) {
    let old = publishedExtents.load(ordering: .relaxed)
    let most = (memory.byteCount - plan.firstExtentOffset) / SegmentLayout.extentBytes
    let new = min(most, old + count)
    guard new > old else { return }
    if descriptor >= 0 {
      try syscalls.allocate(
        descriptor, offset: plan.byteCount(extents: old),
        length: (new - old) * SegmentLayout.extentBytes)
    }
    publishedExtents.store(new, ordering: .releasing)
  }

  /// Whether more extents should be prepared: a quarter is used, and less than 4 MiB (10,000 new tenants)
  /// is left. Early, because new tenants go to `~overflow` when the service is late.
  func isLow(extentsLeft left: Int) -> Bool {
    left <= min(64, publishedExtents.load(ordering: .relaxed) / 4 * 3)
  }

  /// The phase, and everything that was written before it was set.
  var phase: Phase { Phase(rawValue: phaseValue.load(ordering: .acquiring)) ?? .prepared }

  /// Moves to the next phase. Worker only.
  func enter(_ phase: Phase) { phaseValue.store(phase.rawValue, ordering: .releasing) }

  /// Extents that the worker uses.
  var claimedExtents: Int { Int(memory.load(SegmentLayout.Header.claimedExtents.offset)) }

  /// Bytes that hold something: all that is worth keeping.
  var usedBytes: Int { plan.byteCount(extents: claimedExtents) }
}
