import Testing

@testable import Usage

struct BatchMergeTests {
  @Test func `a merged batch holds the sum of its parts`() throws {
    var random = SplitMix64.fromEnvironment()
    let seed = random.seed

    for _ in 0..<50 {
      let parts = parts(&random)
      let merged = try Batch.merge(parts)

      #expect(sums(of: [merged]) == sums(of: parts), "WEIR_SEED=\(seed)")
      #expect(merged.name == parts[0].name)
      #expect(merged.lastSequence == parts.last?.lastSequence)
      #expect(merged.flags.contains(.merged))
      #expect(try BatchCodec.decode(BatchCodec.encode(merged)) == merged, "WEIR_SEED=\(seed)")
    }
  }

  @Test func `the totals of a listener add up over the parts, whatever the quantity`() throws {
    func part(_ sequence: UInt64) -> Batch {
      var totals = ListenerTotals(listener: "public")
      for index in totals.quantities.indices {
        totals.quantities[index] = UInt64(index) * 1_000 + sequence
      }
      for index in totals.connectionQuantities.indices {
        totals.connectionQuantities[index] = UInt64(index) * 100 + sequence
      }
      totals.observations = 10 * sequence
      totals.openStart = sequence
      totals.openEnd = sequence + 1
      return Batch(
        name: BatchSamples.name(sequence),
        interval: BatchInterval(
          startMicroseconds: Int64(sequence) * 100, endMicroseconds: Int64(sequence) * 100 + 90,
          lengthNanoseconds: 90_000),
        flags: sequence == 2 ? [.recovered, .clockStepped] : .volatile, listeners: [totals],
        rows: [])
    }

    let merged = try Batch.merge([part(1), part(2), part(3)])

    let totals = try #require(merged.listeners.first)
    #expect(merged.listeners.count == 1)
    #expect(totals.quantities == totals.quantities.indices.map { UInt64($0) * 3_000 + 6 })
    #expect(
      totals.connectionQuantities
        == totals.connectionQuantities.indices.map { UInt64($0) * 300 + 6 }
    )
    #expect(totals.observations == 60)
    #expect(totals.openStart == 1 && totals.openEnd == 4)
    #expect(merged.flags == [.volatile, .recovered, .clockStepped, .merged])
    #expect(
      merged.interval
        == BatchInterval(
          startMicroseconds: 100, endMicroseconds: 390, lengthNanoseconds: 270_000))
  }

  @Test func `merging in two steps is merging in one`() throws {
    var random = SplitMix64.fromEnvironment()
    let seed = random.seed
    let parts = parts(&random)

    let inSteps = try Batch.merge([Batch.merge(Array(parts[..<2]))] + parts[2...])

    #expect(try inSteps == Batch.merge(parts), "WEIR_SEED=\(seed)")
  }

  @Test func `a batch merged with nothing stays as it is`() throws {
    #expect(try Batch.merge([BatchSamples.rich]) == BatchSamples.rich)
  }

  @Test(arguments: MergeFault.allCases)
  func `batches that do not follow one another are refused`(fault: MergeFault) throws {
    var random = SplitMix64(seed: 5)
    var parts = parts(&random)
    fault.apply(to: &parts)

    #expect(throws: BatchError.self) { try Batch.merge(parts) }
  }

  /// Four adjacent batches with random rows and an exchange that stays open across all.
  private func parts(_ random: inout SplitMix64) -> [Batch] {
    (0..<4).map { index in
      var batch = BatchSamples.random(&random)
      batch.name = BatchSamples.name(UInt64(100 + index))
      batch.lastSequence = UInt64(100 + index)
      batch.flags = []
      batch.predecessor = nil
      batch.units = []
      batch.rows = batch.rows.map { row in
        var row = row
        row[.requests] = row[.endedCompleted]
        (row.openStart, row.openEnd) = (0, 0)
        for index in row.quantities.indices { row.quantities[index] >>= 4 }
        row[.requests] = row[.endedCompleted]
        return row
      }
      let open = BatchSamples.row(
        "a-first", "api", completed: 1, openStart: index == 0 ? 0 : 1, openEnd: index == 3 ? 0 : 1)
      batch.rows.insert(open, at: 0)
      return batch
    }
  }

  private func sums(of batches: [Batch]) -> [String: UInt64] {
    var sums: [String: UInt64] = [:]
    for row in batches.flatMap(\.rows) {
      for quantity in Quantity.allCases {
        sums["\(row.tenant) \(row.route) \(quantity.name)", default: 0] += row[quantity]
      }
      for bin in row.histogram.bins {
        sums["\(row.tenant) \(row.route) bucket \(bin.bucket)", default: 0] += bin.count
      }
      sums["\(row.tenant) clamped low", default: 0] += row.histogram.clampedLow
    }
    for listener in batches.flatMap(\.listeners) {
      sums["listener requests", default: 0] += listener.quantities[0]
    }
    sums["length", default: 0] = batches.reduce(0) { $0 + $1.interval.lengthNanoseconds }
    return sums
  }
}

/// Why two batches are not neighbours.
enum MergeFault: CaseIterable {
  case hole, otherWorker, otherBoot, otherUnits, turnedRound, predecessorInside, openNotContinued

  func apply(to parts: inout [Batch]) {
    switch self {
    case .hole: parts.remove(at: 1)
    case .otherWorker: parts[1].name = BatchSamples.name(101, worker: 9)
    case .otherBoot:
      parts[1].name = BatchName(
        instance: "edge-1", boot: BootID(high: 9, low: 9), worker: 1, sequence: 101)!
    case .otherUnits: parts[1].units = [UnitDeclaration(name: "tokens", unit: "token")]
    case .turnedRound: parts.reverse()
    case .predecessorInside:
      parts[1].predecessor = .init(boot: BatchSamples.boot, lastSequences: [1])
    case .openNotContinued: parts[2].rows.removeFirst()
    }
  }
}
