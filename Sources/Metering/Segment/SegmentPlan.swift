import Usage

/// Where the fixed parts of every segment of a process stand, and what is written there at creation.
///
/// A plan only ever grows: its successor has the same listeners and routes at the same positions and more
/// behind them. So a position means the same in every segment of a process, while offsets differ.
struct SegmentPlan: Sendable {
  /// How many times the plan of this process has grown.
  let revision: Int
  /// The instance that all names begin with.
  let instance: String
  /// Workers of the process.
  let workerCount: Int
  /// Length of an interval.
  let intervalSeconds: Int
  /// Configured listeners.
  let listeners: [String]
  /// Routes of the start, then `~none`, then routes that came later.
  let routes: [RouteName]
  /// Position of `~none` in `routes`; the same for the life of the process.
  let noneRoute: Int
  /// Declared units.
  let units: [UnitDeclaration]

  /// Length-prefixed texts, see `docs/reference/segment-format.md`.
  let names: [UInt8]
  /// Offset of each reserved tenant's id in the file.
  let reservedIDOffsets: [Int]
  /// Offset of the predecessor's last sequences, and how many there are.
  let predecessorOffset: Int
  let predecessorCount: Int
  /// Offset of the listeners' cells.
  let listenersOffset: Int
  /// Offset of the reserved rows: three a route, in the order of `ReservedTenant`.
  let reservedRowsOffset: Int
  /// Offset of the chunks of the fallback histogram.
  let fallbackChunksOffset: Int
  /// Offset of the first extent; page aligned.
  let firstExtentOffset: Int

  /// Lays out segments for these texts; `predecessorCount` is the number of its workers, or 0.
  init(
    instance: String, workerCount: Int, intervalSeconds: Int, listeners: [String],
    routes: [RouteName], units: [UnitDeclaration], predecessorCount: Int, revision: Int = 0
  ) {
    self.revision = revision
    guard let none = routes.firstIndex(of: .none) else { preconditionFailure("~none is a route") }
    noneRoute = none
    self.instance = instance
    self.workerCount = workerCount
    self.intervalSeconds = intervalSeconds
    self.listeners = listeners
    self.routes = routes
    self.units = units
    self.predecessorCount = predecessorCount
    var texts = [instance] + listeners + routes.map(\.text)
    for unit in units { texts += [unit.name, unit.unit] }
    var bytes: [UInt8] = []
    func append(_ text: String) -> Int {
      let count = text.utf8.count
      bytes += [UInt8(count & 255), UInt8(count >> 8)]
      let offset = SegmentLayout.headerBytes + bytes.count
      bytes += text.utf8
      return offset
    }
    for text in texts { _ = append(text) }
    reservedIDOffsets = TenantID.reservedInOrder.map { append($0.text) }
    names = bytes
    predecessorOffset = Self.aligned(SegmentLayout.headerBytes + bytes.count, to: 64)
    listenersOffset = Self.aligned(predecessorOffset + predecessorCount * 8, to: 64)
    reservedRowsOffset = listenersOffset + listeners.count * SegmentLayout.listenerBytes
    fallbackChunksOffset =
      reservedRowsOffset
      + routes.count * SegmentLayout.reservedTenantCount * SegmentLayout.rowBytes
    firstExtentOffset = Self.aligned(
      fallbackChunksOffset + SegmentLayout.chunkGroupCount * SegmentLayout.chunkBytes, to: 4096)
    precondition(firstExtentOffset % 64 == 0 && reservedRowsOffset % 64 == 0, "rows are aligned")
  }

  /// The next plan: these listeners and routes stand behind the ones that are there.
  func grown(listeners more: [String], routes others: [RouteName]) -> SegmentPlan {
    SegmentPlan(
      instance: instance, workerCount: workerCount, intervalSeconds: intervalSeconds,
      listeners: listeners + more, routes: routes + others, units: units,
      predecessorCount: predecessorCount, revision: revision + 1)
  }

  /// The row of a reserved tenant, offset in bytes.
  func reservedRow(_ tenant: ReservedTenant, route: Int) -> Int {
    precondition(routes.indices.contains(route), "no such route")
    return reservedRowsOffset
      + (route * SegmentLayout.reservedTenantCount + tenant.rawValue) * SegmentLayout.rowBytes
  }

  /// `~overflow` of `~none`: its histogram exists from the start and takes what fits nowhere else.
  var fallbackRow: Int { reservedRow(.overflow, route: noneRoute) }

  /// Length of a segment with this many extents.
  func byteCount(extents: Int) -> Int { firstExtentOffset + extents * SegmentLayout.extentBytes }

  /// Writes everything but the counters. The memory is zeroed, and nobody reads it yet.
  func format(_ memory: SegmentMemory, name: BatchName, predecessor: Batch.Predecessor?) {
    let words = headerWords(name: name, predecessor: predecessor)
    for (header, word) in words { memory.store(word, at: header.offset) }
    memory.copy(names, to: SegmentLayout.headerBytes)
    for (position, sequence) in (predecessor?.lastSequences ?? []).enumerated() {
      memory.store(sequence, at: predecessorOffset + position * 8)
    }
    memory.store(SegmentChecksum.ofHeader(memory), at: SegmentLayout.Header.checksum.offset)
    for route in routes.indices {
      for tenant in ReservedTenant.allCases {
        let idOffset = UInt64(reservedIDOffsets[tenant.rawValue])
        let length = UInt64(TenantID.reservedInOrder[tenant.rawValue].text.utf8.count)
        memory.store(
          idOffset << 32 | UInt64(route) << 16 | length << 8 | 1,
          at: reservedRow(tenant, route: route) + SegmentLayout.RowWord.key * 8)
      }
    }
    linkFallbackChunks(memory)
  }

  private func linkFallbackChunks(_ memory: SegmentMemory) {
    var head: UInt64 = 0
    for group in 0..<SegmentLayout.chunkGroupCount {
      let chunk = fallbackChunksOffset + group * SegmentLayout.chunkBytes
      memory.store(UInt64(group) << 32 | head, at: chunk + 64)
      head = UInt64(chunk)
    }
    memory.store(head, at: fallbackRow + SegmentLayout.RowWord.histogram * 8)
  }

  private func headerWords(
    name: BatchName, predecessor: Batch.Predecessor?
  ) -> [(SegmentLayout.Header, UInt64)] {
    precondition((predecessor?.lastSequences.count ?? 0) <= predecessorCount, "no room for it")
    return [
      (.magic, SegmentLayout.magic), (.version, SegmentLayout.version),
      (.rowBytes, UInt64(SegmentLayout.rowBytes)), (.quantityCount, UInt64(Quantity.count)),
      (.connectionQuantityCount, UInt64(ConnectionQuantity.count)),
      (.extentBytes, UInt64(SegmentLayout.extentBytes)),
      (.bootHigh, name.boot.high), (.bootLow, name.boot.low), (.worker, UInt64(name.worker)),
      (.workerCount, UInt64(workerCount)), (.sequence, name.sequence),
      (.intervalSeconds, UInt64(intervalSeconds)),
      (.namesOffset, UInt64(SegmentLayout.headerBytes)), (.namesBytes, UInt64(names.count)),
      (.listenerCount, UInt64(listeners.count)), (.routeCount, UInt64(routes.count)),
      (.unitCount, UInt64(units.count)),
      (.predecessorHigh, predecessor?.boot.high ?? 0),
      (.predecessorLow, predecessor?.boot.low ?? 0),
      (.predecessorCount, UInt64(predecessor?.lastSequences.count ?? 0)),
      (.predecessorOffset, UInt64(predecessorOffset)),
      (.listenersOffset, UInt64(listenersOffset)),
      (.reservedRowsOffset, UInt64(reservedRowsOffset)), (.fallbackRow, UInt64(fallbackRow)),
      (.firstExtentOffset, UInt64(firstExtentOffset)),
    ]
  }

  private static func aligned(_ offset: Int, to unit: Int) -> Int {
    (offset + unit - 1) / unit * unit
  }
}

/// Finds a damaged header before anything in it is believed.
enum SegmentChecksum {
  /// Of the header's words before the checksum, and of the bytes from 4096 to the listeners' cells.
  static func ofHeader(_ memory: SegmentMemory) -> UInt64 {
    var bytes: [UInt8] = []
    for header in SegmentLayout.Header.allCases
    where header.rawValue < SegmentLayout.Header.checksum.rawValue {
      let word = memory.load(header.offset)
      for shift in stride(from: UInt64(0), to: 64, by: 8) {
        bytes.append(UInt8(truncatingIfNeeded: word >> shift))
      }
    }
    let names = memory.bytes(
      SegmentLayout.headerBytes,
      Int(memory.load(SegmentLayout.Header.listenersOffset.offset)) - SegmentLayout.headerBytes)
    for offset in 0..<names.byteCount {
      // Safe: offset < byteCount, and any bit pattern is a byte.
      bytes.append(unsafe names.unsafeLoad(fromByteOffset: offset, as: UInt8.self))
    }
    return UInt64(CRC32C.checksum(bytes))
  }
}

extension TenantID {
  /// The reserved ids by `ReservedTenant.rawValue`.
  static let reservedInOrder: [TenantID] = [.unattributed, .invalid, .overflow]
}
