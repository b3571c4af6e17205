import TestSupport
import Testing
import Usage

@testable import Metering

/// What the test itself counted: the other side of every comparison.
private struct Model {
  var rows: [String: [UInt64]] = [:]
  var observations: UInt64 = 0

  mutating func add(_ tenant: String, _ deltas: Deltas) {
    for quantity in Quantity.allCases {
      rows[tenant, default: Array(repeating: 0, count: Quantity.count)][Int(quantity.rawValue)] +=
        deltas[quantity]
    }
  }
}

@Suite struct ConservationTests {
  @Test(arguments: 0..<8)
  func `what random events counted is in the segments, once, and conserved`(run: Int) throws {
    let seed = TestSeed()
    var random = seed.generator(case: run)
    let rig = try Rig()
    var model = Model()
    var open: [OpenExchange] = []
    var rotations = 0

    for _ in 0..<3000 {
      step(&random, rig.meter(), &model, &open)
      if Int.random(in: 0..<40, using: &random) == 0 {
        rig.clock.advance(milliseconds: UInt64.random(in: 0...9000, using: &random))
        rig.runService()
        if rig.rotate(carrying: &open) { rotations += 1 }
      }
    }
    for exchange in open { end(exchange, rig.meter(), &model, &random) }
    rig.finish()

    let comment = Comment(rawValue: "\(seed)")
    #expect(rotations > 5, comment)
    try check(rig.received.segments, against: model, comment)
    #expect(rig.service.snapshot().conservationDifference == 0, comment)
    #expect(rig.service.snapshot().sealedSegments == UInt64(rotations + 1), comment)
  }

  private func step(
    _ random: inout SplitMix64, _ meter: Meter, _ model: inout Model, _ open: inout [OpenExchange]
  ) {
    switch Int.random(in: 0..<6, using: &random) {
    case 0, 1:
      let tenant = "tenant-\(Int.random(in: 0..<50, using: &random))"
      let exchange = OpenExchange(
        row: meter.row(tenant, route: 0), listener: Int.random(in: 0...1, using: &random),
        tenant: tenant)
      let deltas = Deltas([
        .requests: 1, .requestBytes: UInt64.random(in: 1...5000, using: &random),
      ])
      meter.record(exchange.row, listener: exchange.listener, deltas)
      model.add(tenant, deltas)
      open.append(exchange)
    case 2, 3:
      guard let exchange = open.randomElement(using: &random) else { return }
      let deltas = randomDeltas(&random)
      meter.record(exchange.row, listener: exchange.listener, deltas)
      model.add(exchange.tenant, deltas)
    case 4:
      guard !open.isEmpty else { return }
      let index = Int.random(in: 0..<open.count, using: &random)
      end(open.remove(at: index), meter, &model, &random)
    default:
      takeBackAnEnd(open.randomElement(using: &random), meter, &random)
    }
  }

  /// Ends an exchange and takes the end back, all in one turn: nothing remains of it.
  private func takeBackAnEnd(
    _ exchange: OpenExchange?, _ meter: Meter, _ random: inout SplitMix64
  ) {
    guard let exchange else { return }
    var deltas = randomDeltas(&random)
    deltas.add(.endedCompleted, 1)
    let duration = UInt64.random(in: 0...4_000_000_000, using: &random)
    meter.record(exchange.row, listener: exchange.listener, deltas, observing: duration)
    meter.takeBack(exchange.row, listener: exchange.listener, deltas, observing: duration)
  }

  private func end(
    _ exchange: OpenExchange, _ meter: Meter, _ model: inout Model, _ random: inout SplitMix64
  ) {
    var deltas = randomDeltas(&random)
    deltas.add(Quantity.ended.randomElement(using: &random)!, 1)
    let duration = UInt64.random(in: 0...5_000_000_000, using: &random)
    meter.record(exchange.row, listener: exchange.listener, deltas, observing: duration)
    model.add(exchange.tenant, deltas)
    model.observations += 1
  }

  private func randomDeltas(_ random: inout SplitMix64) -> Deltas {
    var deltas = Deltas()
    for quantity in Quantity.allCases
    where quantity != .requests && !Quantity.ended.contains(quantity) {
      if Bool.random(using: &random) {
        deltas.add(quantity, UInt64.random(in: 0...100_000, using: &random))
      }
    }
    return deltas
  }

  private func check(
    _ segments: [SealedSegment], against model: Model, _ comment: Comment
  ) throws {
    var counted: [String: [UInt64]] = [:]
    var totals = [UInt64](repeating: 0, count: Quantity.count)
    var observations: UInt64 = 0
    var openBefore: UInt64 = 0
    for (sequence, segment) in segments.enumerated() {
      #expect(segment.name.sequence == UInt64(sequence), comment)
      #expect(segment.conservationDifference == 0, comment)
      var openEnd: UInt64 = 0
      var openStart: UInt64 = 0
      for row in try segment.rows().usageRows {
        let sum = counted[row.tenant.text, default: Array(repeating: 0, count: Quantity.count)]
        counted[row.tenant.text] = zip(sum, row.quantities).map { $0 + $1 }
        let ended = Quantity.ended.reduce(0) { $0 + row[$1] }
        #expect(row.openStart + row[.requests] == ended + row.openEnd, comment)
        openStart += row.openStart
        openEnd += row.openEnd
        observations += row.histogram.total
      }
      #expect(openStart == openBefore, comment)
      openBefore = openEnd
      for listener in segment.listeners {
        totals = zip(totals, listener.quantities).map { $0 + $1 }
      }
      _ = try BatchCodec.encode(segment.head, rows: try segment.rows())
    }
    #expect(counted == model.rows.filter { $0.value.contains { $0 != 0 } }, comment)
    #expect(observations == model.observations, comment)
    #expect(openBefore == 0, comment)
    for quantity in Quantity.allCases {
      let index = Int(quantity.rawValue)
      #expect(totals[index] == model.rows.values.reduce(0) { $0 + $1[index] }, comment)
    }
  }

  @Test func `deltas merge to the sum of both, whatever they touch`() {
    var left = Deltas([.requests: 1, .requestBytes: 10])
    let right = Deltas([.requestBytes: 5, .endedCompleted: 1])

    left.merge(right)

    #expect(left[.requests] == 1 && left[.requestBytes] == 15 && left[.endedCompleted] == 1)
    #expect(left[.responseBytes] == 0)
  }

  @Test func `cleared deltas add nothing of what they held`() {
    var deltas = Deltas([.requestBytes: 10])

    deltas.clear()
    let wasEmpty = deltas.isEmpty
    deltas.add(.requestBytes, 3)

    #expect(wasEmpty)
    #expect(deltas[.requestBytes] == 3)
  }
}
