import Usage

/// The header of a segment that is not believed yet.
struct SegmentHeader {
  let memory: SegmentMemory
  let byteCount: Int
  let path: String

  subscript(_ header: SegmentLayout.Header) -> UInt64 { memory.load(header.offset) }

  /// Throws unless magic, version, sizes, checksum and offsets are right.
  func check() throws(MeteringError) {
    guard byteCount >= SegmentLayout.headerBytes, self[.magic] == SegmentLayout.magic
    else { throw .notASegment(path: path) }
    guard self[.version] == SegmentLayout.version else {
      throw .unsupportedVersion(
        found: self[.version], supported: SegmentLayout.version, path: path)
    }
    try require(
      self[.rowBytes] == UInt64(SegmentLayout.rowBytes)
        && self[.quantityCount] == UInt64(Quantity.count)
        && self[.connectionQuantityCount] == UInt64(ConnectionQuantity.count)
        && self[.extentBytes] == UInt64(SegmentLayout.extentBytes), "sizes differ")
    let end = UInt64(byteCount)
    try require(
      self[.listenersOffset] <= end && self[.listenersOffset] >= UInt64(SegmentLayout.headerBytes)
        && self[.listenersOffset] % 64 == 0, "listeners outside the file")
    try require(
      self[.checksum] == SegmentChecksum.ofHeader(memory), "checksum of the header")
    // The checksum holds: what follows guards against a writer's fault, not a disk's.
    try require(
      self[.listenerCount] <= 4096 && (1...65_536).contains(self[.routeCount])
        && self[.unitCount] <= 4, "counts")
    let listenersEnd =
      self[.listenersOffset] + self[.listenerCount] * UInt64(SegmentLayout.listenerBytes)
    let reservedBytes =
      self[.routeCount] * UInt64(SegmentLayout.reservedTenantCount * SegmentLayout.rowBytes)
    try require(
      self[.reservedRowsOffset] == listenersEnd
        && self[.firstExtentOffset] >= listenersEnd + reservedBytes
        && self[.firstExtentOffset] <= end, "reserved rows outside the file")
    try require(
      self[.namesOffset] == UInt64(SegmentLayout.headerBytes)
        && self[.namesBytes] <= self[.listenersOffset] - self[.namesOffset]
        && self[.predecessorOffset] % 8 == 0
        && self[.predecessorCount] <= (self[.listenersOffset] - self[.namesOffset]) / 8
        && self[.predecessorOffset] <= self[.listenersOffset] - self[.predecessorCount] * 8,
      "names outside the file")
    try require(
      self[.claimedExtents]
        <= (end - self[.firstExtentOffset]) / UInt64(SegmentLayout.extentBytes),
      "extents outside the file")
    try require(self[.state] <= SegmentLayout.State.sealed.rawValue, "unknown state")
  }

  private func require(_ holds: Bool, _ reason: String) throws(MeteringError) {
    if !holds { throw .damaged(path: path, reason: reason) }
  }
}

/// The texts of a segment's header.
struct SegmentNames {
  let name: BatchName
  let listeners: [String]
  let routes: [RouteName]
  let units: [UnitDeclaration]
  let predecessor: Batch.Predecessor?

  /// Reads them from a header that was checked.
  init(_ head: SegmentHeader) throws(MeteringError) {
    let bytes = head.memory.bytes(Int(head[.namesOffset]), Int(head[.namesBytes]))
    var offset = 0
    func next() -> String? {
      guard offset + 2 <= bytes.byteCount else { return nil }
      // Safe, both: inside the span, as the guards say, and any bit pattern is a byte.
      let count = unsafe Int(bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self))
      offset += 2
      guard offset + count <= bytes.byteCount else { return nil }
      let text = (offset..<offset + count).map {
        unsafe bytes.unsafeLoad(fromByteOffset: $0, as: UInt8.self)
      }
      offset += count
      return String(validating: text, as: UTF8.self)
    }
    let texts = (0..<(1 + Int(head[.listenerCount] + head[.routeCount] + head[.unitCount] * 2)))
      .map { _ in next() }
    let listenerEnd = 1 + Int(head[.listenerCount])
    let routeEnd = listenerEnd + Int(head[.routeCount])
    let boot = BootID(high: head[.bootHigh], low: head[.bootLow])
    let routes = texts[listenerEnd..<routeEnd].map { $0.flatMap { RouteName(stored: $0) } }
    guard let instance = texts[0], let worker = UInt16(exactly: head[.worker]),
      let name = BatchName(
        instance: instance, boot: boot, worker: worker, sequence: head[.sequence]),
      !texts.contains(nil), !routes.contains(nil)
    else { throw .damaged(path: head.path, reason: "names") }
    self.name = name
    self.routes = routes.compactMap { $0 }
    listeners = texts[1..<listenerEnd].compactMap { $0 }
    let unitTexts = texts[routeEnd...].compactMap { $0 }
    units = stride(from: 0, to: unitTexts.count, by: 2).map {
      UnitDeclaration(name: unitTexts[$0], unit: unitTexts[$0 + 1])
    }
    predecessor = Self.predecessor(head)
  }

  private static func predecessor(_ head: SegmentHeader) -> Batch.Predecessor? {
    let boot = BootID(high: head[.predecessorHigh], low: head[.predecessorLow])
    guard boot != BootID(high: 0, low: 0) else { return nil }
    let start = Int(head[.predecessorOffset])
    return Batch.Predecessor(
      boot: boot,
      lastSequences: (0..<Int(head[.predecessorCount])).map {
        head.memory.load(start + $0 * 8)
      })
  }
}

/// Checks that rows, ids and histogram chunks lie where they may, before anybody follows them.
struct SegmentStructure {
  private let image: SegmentImage
  private let byteCount: Int
  private let path: String

  init(_ image: SegmentImage, byteCount: Int, path: String) {
    self.image = image
    self.byteCount = byteCount
    self.path = path
  }

  /// Throws at the first fault.
  func check() throws(MeteringError) {
    var fault: String?
    image.forEachRow { row in
      if fault == nil { fault = faultOf(row: row) }
    }
    if let fault { throw .damaged(path: path, reason: fault) }
    try checkUndo()
  }

  private func faultOf(row: Int) -> String? {
    let key = image.word(SegmentLayout.RowWord.key, ofRow: row)
    let id = Int(key >> 32)
    let length = Int(key >> 8 & 0xFF)
    guard key & 0xFF == 1, Int(key >> 16 & 0xFFFF) < image.routes.count, length >= 1,
      length <= TenantID.bytesMax, id >= SegmentLayout.headerBytes, id <= image.usedBytes - length
    else { return "key of the row at \(row)" }
    var chunk = Int(image.word(SegmentLayout.RowWord.histogram, ofRow: row))
    var seen: UInt32 = 0
    // Bound: each group once.
    while chunk != 0 {
      guard isChunk(chunk) else { return "histogram of the row at \(row)" }
      let link = image.memory.load(chunk + 64)
      let group = link >> 32
      guard group < SegmentLayout.chunkGroupCount, seen & (1 << UInt32(group)) == 0
      else { return "histogram of the row at \(row)" }
      seen |= 1 << UInt32(group)
      chunk = Int(link & 0xFFFF_FFFF)
    }
    return nil
  }

  private func isChunk(_ offset: Int) -> Bool {
    offset % 8 == 0 && offset >= SegmentLayout.headerBytes
      && offset <= image.usedBytes - SegmentLayout.chunkBytes
  }

  /// The undo record, when it is in force, points to cells of this segment.
  private func checkUndo() throws(MeteringError) {
    let undo = SegmentUndo(image.memory)
    guard undo.isInForce else { return }
    let rowEnd = undo.rowOffset + SegmentLayout.rowBytes
    guard undo.rowOffset >= image.reservedRowsOffset, rowEnd <= image.usedBytes,
      undo.listener < image.listeners.count,
      !undo.hasObservation || isCell(undo.bucketOffset),
      !undo.hasClamp || isCell(undo.clampOffset)
    else { throw .damaged(path: path, reason: "undo record") }
  }

  private func isCell(_ offset: UInt64) -> Bool {
    offset % 4 == 0 && offset >= UInt64(image.reservedRowsOffset)
      && offset <= UInt64(image.usedBytes - 4)
  }
}
