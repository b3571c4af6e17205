extension Batch {
  /// One batch that stands for several of the same worker and boot with adjacent sequences.
  ///
  /// Made of batches that were never offered, when the spool reaches its limit: the interval becomes
  /// coarser and nothing is lost but the time resolution. Throws when the parts are not adjacent, or
  /// do not fit: an exchange that one leaves open must be open in the next.
  public static func merge(_ parts: [Batch]) throws(BatchError) -> Batch {
    guard var merged = parts.first else { throw .notMergeable("there is none") }
    var totals = Dictionary(uniqueKeysWithValues: merged.rows.map { (RowKey($0), $0) })
    for part in parts.dropFirst() {
      try merged.requireAdjacent(part)
      try absorb(part.rows, into: &totals)
      try merged.absorb(listeners: part.listeners)
      merged.lastSequence = part.lastSequence
      merged.interval.endMicroseconds = part.interval.endMicroseconds
      merged.interval.lengthNanoseconds = try sum(
        merged.interval.lengthNanoseconds, part.interval.lengthNanoseconds)
      merged.flags.formUnion(part.flags)
    }
    if parts.count > 1 { merged.flags.insert(.merged) }
    merged.rows = totals.values.sorted {
      ($0.tenant, $0.route) < ($1.tenant, $1.route)
    }
    return merged
  }

  private struct RowKey: Hashable {
    let tenant: TenantID
    let route: RouteName

    init(_ row: UsageRow) {
      tenant = row.tenant
      route = row.route
    }
  }

  private func requireAdjacent(_ next: Batch) throws(BatchError) {
    guard name.instance == next.name.instance, name.boot == next.name.boot,
      name.worker == next.name.worker
    else { throw .notMergeable("\(name) and \(next.name) are not of one worker and boot") }
    guard lastSequence < .max, next.name.sequence == lastSequence + 1 else {
      throw .notMergeable("sequence \(next.name.sequence) does not follow \(lastSequence)")
    }
    guard units == next.units else { throw .notMergeable("their units are declared differently") }
    guard next.predecessor == nil else {
      throw .notMergeable("\(next.name) names a boot before it and is not a first batch")
    }
  }

  private static func absorb(
    _ rows: [UsageRow], into totals: inout [RowKey: UsageRow]
  ) throws(BatchError) {
    var continued: Set<RowKey> = []
    for row in rows {
      let key = RowKey(row)
      continued.insert(key)
      guard var total = totals[key] else {
        guard row.openStart == 0 else { throw notContinued(row) }
        totals[key] = row
        continue
      }
      guard total.openEnd == row.openStart else { throw notContinued(row) }
      try add(row.quantities, to: &total.quantities)
      total.openEnd = row.openEnd
      guard !total.histogram.total.addingReportingOverflow(row.histogram.total).overflow else {
        throw .notMergeable("a histogram overflows")
      }
      total.histogram.merge(row.histogram)
      totals[key] = total
    }
    for (key, total) in totals where total.openEnd > 0 && !continued.contains(key) {
      throw notContinued(total)
    }
  }

  private mutating func absorb(listeners others: [ListenerTotals]) throws(BatchError) {
    for other in others {
      guard let index = listeners.firstIndex(where: { $0.listener == other.listener }) else {
        listeners.append(other)
        continue
      }
      try Self.add(other.quantities, to: &listeners[index].quantities)
      try Self.add(other.connectionQuantities, to: &listeners[index].connectionQuantities)
      listeners[index].openEnd = other.openEnd
      listeners[index].observations = try Self.sum(
        listeners[index].observations, other.observations)
    }
  }

  private static func notContinued(_ row: UsageRow) -> BatchError {
    .notMergeable("open exchanges of \(row.tenant) on \(row.route) do not continue")
  }

  private static func add(_ values: [UInt64], to sums: inout [UInt64]) throws(BatchError) {
    for index in sums.indices { sums[index] = try sum(sums[index], values[index]) }
  }

  private static func sum(_ left: UInt64, _ right: UInt64) throws(BatchError) -> UInt64 {
    let (sum, overflow) = left.addingReportingOverflow(right)
    guard !overflow && sum <= BatchCodec.counterMax else {
      throw .notMergeable("a counter would be above 2^63 - 1")
    }
    return sum
  }
}
