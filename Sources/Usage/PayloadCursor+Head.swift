extension PayloadCursor {
  /// The first part of a payload, validated.
  mutating func head(
    _ payload: [UInt8], quantityCount: Int
  ) throws(BatchError) -> BatchHead {
    let name = try batchName(payload)
    let steps = try varint(payload)
    let (lastSequence, isTooLong) = name.sequence.addingReportingOverflow(steps)
    if isTooLong { throw fault("last sequence is longer than 64 bits") }
    let interval = try interval(payload)
    let flags = try varint(payload, "flags", max: Int(UInt32.max))
    let head = BatchHead(
      name: name, lastSequence: lastSequence, interval: interval,
      flags: BatchFlags(rawValue: UInt32(flags)), predecessor: try predecessor(payload),
      units: try units(payload), listeners: try listeners(payload, quantityCount))
    try head.validate()
    return head
  }

  private mutating func batchName(_ payload: [UInt8]) throws(BatchError) -> BatchName {
    let instance = try text(payload, bytesMax: RouteName.bytesMax)
    let boot = try boot(payload)
    let worker = try varint(payload, "worker", max: Int(UInt16.max))
    let sequence = try varint(payload)
    guard
      let name = BatchName(
        instance: instance, boot: boot, worker: UInt16(worker), sequence: sequence)
    else { throw fault("instance name breaks its rule") }
    return name
  }

  private mutating func interval(_ payload: [UInt8]) throws(BatchError) -> BatchInterval {
    let start = try zigzag(payload)
    let (end, overflow) = start.addingReportingOverflow(try zigzag(payload))
    if overflow { throw fault("end of the interval is longer than 64 bits") }
    return BatchInterval(
      startMicroseconds: start, endMicroseconds: end, lengthNanoseconds: try varint(payload))
  }

  private mutating func predecessor(
    _ payload: [UInt8]
  ) throws(BatchError) -> Batch.Predecessor? {
    let presence = try byte(payload)
    guard presence <= 1 else { throw fault("presence of a predecessor is \(presence)") }
    if presence == 0 { return nil }
    let boot = try boot(payload)
    let count = try varint(payload, "workers", max: min(BatchHead.workersMax, remaining))
    var sequences: [UInt64] = []
    for _ in 0..<count { sequences.append(try varint(payload)) }
    return Batch.Predecessor(boot: boot, lastSequences: sequences)
  }

  private mutating func units(_ payload: [UInt8]) throws(BatchError) -> [UnitDeclaration] {
    let count = try varint(payload, "units", max: 4)
    var units: [UnitDeclaration] = []
    for _ in 0..<count {
      let name = try text(payload, bytesMax: BatchHead.labelBytesMax)
      let unit = try text(payload, bytesMax: BatchHead.labelBytesMax)
      units.append(UnitDeclaration(name: name, unit: unit))
    }
    return units
  }

  private mutating func listeners(
    _ payload: [UInt8], _ quantityCount: Int
  ) throws(BatchError) -> [ListenerTotals] {
    let count = try varint(payload, "listeners", max: BatchHead.listenersMax)
    var listeners: [ListenerTotals] = []
    for _ in 0..<count {
      var totals = ListenerTotals(listener: try text(payload, bytesMax: BatchHead.labelBytesMax))
      for index in 0..<quantityCount { totals.quantities[index] = try varint(payload) }
      for index in 0..<ConnectionQuantity.count {
        totals.connectionQuantities[index] = try varint(payload)
      }
      totals.openStart = try varint(payload)
      totals.openEnd = try varint(payload)
      totals.observations = try varint(payload)
      listeners.append(totals)
    }
    return listeners
  }
}
