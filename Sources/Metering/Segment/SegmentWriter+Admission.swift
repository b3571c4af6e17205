import Synchronization
import Usage

/// How many rows a worker may open in an interval, and for whom.
struct AdmissionRule: Equatable, Sendable {
  /// Rows altogether.
  var rowsMax: Int
  /// Rows of tenants that are not on the register.
  var unregisteredRowsMax: Int

  /// A worker's share of the limit. Each registered tenant keeps a place on every route, but an eighth of
  /// the rows stays open to others, so that a large register cannot shut them all out.
  init(limit: Int, workers: Int, registered: Int, routes: Int) {
    rowsMax = max(1, limit / workers)
    let (wanted, overflow) = registered.multipliedReportingOverflow(by: routes)
    let kept = min(overflow ? .max : wanted, rowsMax - rowsMax / 8)
    unregisteredRowsMax = rowsMax - kept
  }
}

extension SegmentWriter {
  /// The row of a key, or nil. No allocation, no store.
  @inline(__always)
  func find(_ tenant: RawSpan, route: Int, hash: UInt64) -> MeterRow? {
    // Safe: the newest level's slots live as long as `levels`.
    if let unit = unsafe probe(slots, slotMask, tenant, route: route, hash: hash) {
      return MeterRow(unit: unit, generation: generation)
    }
    if levels.count == 1 { return nil }
    return findInOlderLevels(tenant, route: route, hash: hash)
  }

  @inline(never)
  private func findInOlderLevels(_ tenant: RawSpan, route: Int, hash: UInt64) -> MeterRow? {
    for level in levels.dropLast().reversed() {
      // Safe: the level is alive during the call.
      if let unit = unsafe probe(level.slots, level.mask, tenant, route: route, hash: hash) {
        return MeterRow(unit: unit, generation: generation)
      }
    }
    return nil
  }

  @inline(__always)
  private func probe(
    _ slots: UnsafeMutablePointer<UInt64>, _ mask: Int, _ tenant: RawSpan, route: Int, hash: UInt64
  ) -> UInt32? {
    var position = Int(truncatingIfNeeded: hash) & mask
    // Bound: a level is at most nine tenths full, so a free slot comes.
    while true {
      // Safe: position <= mask.
      let slot = unsafe slots[position]
      if slot == 0 { return nil }
      if slot >> 32 == hash >> 32 {
        let unit = UInt32(truncatingIfNeeded: slot)
        if holds(Int(unit) << 6, tenant, route: route) { return unit }
      }
      position = (position &+ 1) & mask
    }
  }

  /// Whether the row at an offset is this tenant's on this route.
  @inline(__always)
  private func holds(_ rowOffset: Int, _ tenant: RawSpan, route: Int) -> Bool {
    let key = load(rowOffset &+ SegmentLayout.RowWord.key &* 8)
    let wanted = UInt64(truncatingIfNeeded: route) << 16 | UInt64(tenant.byteCount) << 8 | 1
    guard key & 0xFFFF_FFFF == wanted else { return false }
    return cells.holds(tenant, at: Int(truncatingIfNeeded: key >> 32))
  }

  /// Opens a row, or returns nil when the rule or the memory says no.
  ///
  /// The key is the last word written, so a kill leaves a row that exists with its id, or none.
  func admit(
    _ tenant: RawSpan, route: Int, hash: UInt64, isRegistered: Bool, rule: AdmissionRule
  ) -> MeterRow? {
    precondition(route >= 0 && route < routeCount, "no such route")
    precondition((1...TenantID.bytesMax).contains(tenant.byteCount), "not a tenant id")
    guard rowCount < rule.rowsMax, isRegistered || unregisteredRowCount < rule.unregisteredRowsMax,
      hasIndexSlot(), hasRow()
    else { return nil }
    let idOffset = allocateSmall(tenant.byteCount, alignment: 1)
    guard idOffset != 0 else { return nil }
    cells.copy(tenant, to: idOffset)
    let rowOffset = rowCursor
    store(
      UInt64(idOffset) << 32 | UInt64(route) << 16 | UInt64(tenant.byteCount) << 8 | 1,
      at: rowOffset + SegmentLayout.RowWord.key * 8)
    rowCursor += SegmentLayout.rowBytes
    rowCount += 1
    if !isRegistered { unregisteredRowCount += 1 }
    insert(unit: UInt32(rowOffset >> 6), hash: hash)
    return row(at: rowOffset)
  }

  private func insert(unit: UInt32, hash: UInt64) {
    var position = Int(truncatingIfNeeded: hash) & slotMask
    // Bound: `hasIndexSlot` left free slots. Safe: position <= slotMask.
    while unsafe slots[position] != 0 { position = (position + 1) & slotMask }
    // Safe: as above.
    unsafe slots[position] = (hash >> 32) << 32 | UInt64(unit)
    slotsUsed += 1
    guard let level = levels.last else { return }
    level.used.store(slotsUsed, ordering: .relaxed)
    if slotsUsed == level.rowsToPrepare { isRunningLow = true }
  }

  /// Makes sure that the newest level takes one more row, moving on to the next level when there is one.
  private func hasIndexSlot() -> Bool {
    guard let level = levels.last else { return false }
    if slotsUsed < level.rowsMax { return true }
    if let next = level.next.load() {
      levels.append(next)
      // Safe: `levels` keeps it alive.
      unsafe slots = next.slots
      slotMask = next.mask
      slotsUsed = 0
      return true
    }
    isRunningLow = true
    return slotsUsed < (level.mask + 1) / 10 * 9
  }

  private func hasRow() -> Bool {
    if rowCursor < rowEnd { return true }
    let extent = claimExtent(.rows)
    guard extent != 0 else { return false }
    rowCursor = extent + SegmentLayout.extentHeaderBytes
    rowEnd = rowCursor + SegmentLayout.rowsPerExtent * SegmentLayout.rowBytes
    return true
  }

  /// Bytes for an id or a chunk; 0 when there is no memory.
  func allocateSmall(_ count: Int, alignment: Int) -> Int {
    var offset = (smallCursor + alignment - 1) & ~(alignment - 1)
    if offset + count > smallEnd {
      let extent = claimExtent(.small)
      guard extent != 0 else { return 0 }
      offset = extent + SegmentLayout.extentHeaderBytes
      smallEnd = extent + SegmentLayout.extentBytes
    }
    smallCursor = offset + count
    return offset
  }

  /// The next extent, or 0 when the service has not prepared one.
  private func claimExtent(_ kind: SegmentLayout.ExtentKind) -> Int {
    let published = storage.publishedExtents.load(ordering: .acquiring)
    let left = published - claimedExtents
    if storage.isLow(extentsLeft: left) { isRunningLow = true }
    guard left > 0 else { return 0 }
    let offset = storage.plan.byteCount(extents: claimedExtents)
    // The kind before the count: a reader that sees the extent knows what it holds.
    store(kind.rawValue, at: offset)
    claimedExtents += 1
    store(UInt64(claimedExtents), at: SegmentLayout.Header.claimedExtents)
    return offset
  }
}
