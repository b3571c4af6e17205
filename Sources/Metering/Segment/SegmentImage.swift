import Platform
import Usage

/// A segment as a reader finds it: header and structure checked, so that nothing read later can lead
/// outside its memory.
struct SegmentImage: Sendable {
  /// The memory.
  let memory: SegmentMemory
  /// The name.
  let name: BatchName
  /// Workers of the process that wrote it.
  let workerCount: Int
  /// Names of listeners, in the order of their cells.
  let listeners: [String]
  /// Names of routes, by the index in a row's key.
  let routes: [RouteName]
  /// Declared units.
  let units: [UnitDeclaration]
  /// The boot before, in the first segment of a worker.
  let predecessor: Batch.Predecessor?
  /// Extents in use.
  let claimedExtents: Int

  let listenersOffset: Int
  let reservedRowsOffset: Int
  let fallbackRow: Int
  let firstExtentOffset: Int

  /// Reads the image in `memory`, of which the first `byteCount` bytes exist. `path` is for errors.
  init(_ memory: SegmentMemory, byteCount: Int, path: String) throws(MeteringError) {
    let head = SegmentHeader(memory: memory, byteCount: byteCount, path: path)
    try head.check()
    let names = try SegmentNames(head)
    self.memory = memory
    name = names.name
    listeners = names.listeners
    routes = names.routes
    units = names.units
    predecessor = names.predecessor
    workerCount = Int(head[.workerCount])
    claimedExtents = Int(head[.claimedExtents])
    listenersOffset = Int(head[.listenersOffset])
    reservedRowsOffset = Int(head[.reservedRowsOffset])
    fallbackRow = Int(head[.fallbackRow])
    firstExtentOffset = Int(head[.firstExtentOffset])
    try SegmentStructure(self, byteCount: byteCount, path: path).check()
  }

  /// A segment of this process that its worker has sealed.
  init(sealed storage: SegmentStorage) throws(MeteringError) {
    precondition(storage.phase == .sealed, "only a sealed segment is read")
    try self.init(
      storage.memory, byteCount: storage.usedBytes, path: storage.path ?? "volatile segment")
  }

  /// Opens a file without ever changing it: what recovery settles stays in this process's copy.
  static func open(_ path: String, syscalls: Syscalls) throws(MeteringError) -> SegmentImage {
    let memory: SegmentMemory
    do throws(SystemError) {
      let fd = try syscalls.open(path, .readOnly)
      defer { syscalls.close(fd) }
      let length = try syscalls.length(fd)
      if length < SegmentLayout.headerBytes {
        throw SystemError(.read, 0)
      }
      memory = try SegmentMemory(reading: fd, byteCount: length, syscalls: syscalls)
    } catch {
      if error.code == 0 { throw .notASegment(path: path) }
      throw .system(error, path: path)
    }
    return try SegmentImage(memory, byteCount: memory.byteCount, path: path)
  }

  /// One word of the header.
  subscript(_ header: SegmentLayout.Header) -> UInt64 { memory.load(header.offset) }

  /// Where the segment stands.
  var state: SegmentLayout.State { .init(rawValue: self[.state]) ?? .prepared }

  /// What happened to it.
  var flags: BatchFlags { BatchFlags(rawValue: UInt32(truncatingIfNeeded: self[.flags])) }

  /// Bytes that hold something.
  var usedBytes: Int { firstExtentOffset + claimedExtents * SegmentLayout.extentBytes }

  /// The time that it covers. Never negative in length, whatever a damaged clock wrote.
  var interval: BatchInterval {
    let start = self[.startMonotonicNanoseconds]
    let end = self[.endMonotonicNanoseconds]
    return BatchInterval(
      startMicroseconds: Int64(bitPattern: self[.startWallMicroseconds]),
      endMicroseconds: Int64(bitPattern: self[.endWallMicroseconds]),
      lengthNanoseconds: end > start ? end - start : 0)
  }

  /// Visits the offsets of all rows that exist, the reserved ones first.
  func forEachRow(_ body: (Int) -> Void) {
    for index in 0..<(routes.count * SegmentLayout.reservedTenantCount) {
      body(reservedRowsOffset + index * SegmentLayout.rowBytes)
    }
    for extent in 0..<claimedExtents {
      let offset = firstExtentOffset + extent * SegmentLayout.extentBytes
      guard memory.load(offset) == SegmentLayout.ExtentKind.rows.rawValue else { continue }
      for index in 0..<SegmentLayout.rowsPerExtent {
        let row = offset + SegmentLayout.extentHeaderBytes + index * SegmentLayout.rowBytes
        // Rows are opened in order: the first without a key ends the extent.
        if memory.load(row + SegmentLayout.RowWord.key * 8) == 0 { break }
        body(row)
      }
    }
  }

  /// One word of a row.
  func word(_ word: Int, ofRow row: Int) -> UInt64 { memory.load(row + word * 8) }

  /// The cells of a listener.
  func listenerOffset(_ listener: Int) -> Int {
    listenersOffset + listener * SegmentLayout.listenerBytes
  }

  /// The totals of each listener.
  var listenerTotals: [ListenerTotals] {
    listeners.indices.map {
      SegmentTotals.listener(listeners[$0], at: listenerOffset($0), in: memory)
    }
  }
}

/// Reads the cells of a listener; relaxed, so it may be done while the worker writes.
enum SegmentTotals {
  /// The totals at an offset.
  static func listener(
    _ name: String, at offset: Int, in memory: SegmentMemory
  ) -> ListenerTotals {
    func word(_ index: Int) -> UInt64 { memory.load(offset + index * 8) }
    return ListenerTotals(
      listener: name, quantities: (0..<Quantity.count).map(word),
      connectionQuantities: (0..<ConnectionQuantity.count).map {
        word(SegmentLayout.ListenerWord.connection + $0)
      },
      openStart: word(SegmentLayout.ListenerWord.openStart),
      openEnd: word(SegmentLayout.ListenerWord.open),
      observations: word(SegmentLayout.ListenerWord.observations))
  }
}
