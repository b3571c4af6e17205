import Usage

/// Batches for tests: fixed ones for the golden files, and random valid ones.
enum BatchSamples {
  static let boot = BootID(high: 0x0011_2233_4455_6677, low: 0x8899_AABB_CCDD_EEFF)

  static func name(_ sequence: UInt64 = 7, worker: UInt16 = 1) -> BatchName {
    BatchName(instance: "edge-1", boot: boot, worker: worker, sequence: sequence)!
  }

  static let interval = BatchInterval(
    startMicroseconds: 1_790_000_000_000_000, endMicroseconds: 1_790_000_010_000_000,
    lengthNanoseconds: 10_000_000_123)

  /// No rows: what an idle proxy sends.
  static var heartbeat: Batch {
    Batch(
      name: name(0), interval: interval, listeners: [ListenerTotals(listener: "public")], rows: [])
  }

  /// Every optional part, both reserved routes and tenants, open exchanges, clamped observations.
  static var rich: Batch {
    var listener = ListenerTotals(listener: "public")
    listener.quantities = (0..<Quantity.count).map { UInt64($0) * 1_000_003 }
    listener.connectionQuantities = [5, 4, 1, 300, 70, 123_456]
    (listener.openStart, listener.openEnd, listener.observations) = (2, 1, 6)
    var first = row("acme", "api", completed: 3, openStart: 2, openEnd: 1)
    first[.endedClientAbort] = 1
    first[.requests] = 3
    first[.units0] = 1_500_000
    first.histogram = SparseHistogram(
      bins: [
        .init(bucket: 1, count: 1), .init(bucket: 90, count: 2), .init(bucket: 463, count: 1),
      ],
      clampedLow: 1, clampedHigh: 1)
    var second = row("acme", "web", completed: 1)
    second[.responseBytes] = BatchCodec.counterMax
    let third = row("acme-2", "api", completed: 2)
    var none = UsageRow(tenant: .unattributed, route: .none)
    none[.requests] = 1
    none[.endedRejected] = 1
    return Batch(
      name: name(), interval: interval, flags: [.recovered, .clockStepped, .final],
      predecessor: Batch.Predecessor(boot: BootID(high: 1, low: 2), lastSequences: [40, 41]),
      units: [
        UnitDeclaration(name: "tokens", unit: "token"), UnitDeclaration(name: "rows", unit: "row"),
      ],
      listeners: [listener, ListenerTotals(listener: "internal")],
      rows: [first, second, third, none])
  }

  /// 300 rows that bring every column mode about, by formulas and not by chance.
  static var columns: Batch {
    let rows = (0..<300).map { index in
      var row = row(
        "tenant-\(String(10_000 + index * 7))", index % 3 == 0 ? "api" : "web",
        completed: 1 + UInt64(index % 4))
      row[.requestBytes] = 100_000 + UInt64(index * 37 % 101)
      row[.upstreamCPUMicroseconds] = index % 50 == 0 ? UInt64(index) * 99_991 : 0
      row.histogram = SparseHistogram(
        bins: (0..<index % 4).map {
          .init(bucket: UInt16(100 + index % 20 + $0 * 3), count: UInt64(1 + index % 2))
        })
      return row
    }
    return Batch(
      name: name(8), interval: interval, listeners: [ListenerTotals(listener: "public")],
      rows: rows)
  }

  /// Three adjacent intervals merged, an exchange open across them.
  static var merged: Batch {
    let parts = (0..<3).map { index in
      var batch = heartbeat
      batch.name = name(UInt64(20 + index))
      batch.lastSequence = UInt64(20 + index)
      batch.rows = [
        row(
          "acme", "api", completed: 1, openStart: index == 0 ? 0 : 1, openEnd: index == 2 ? 0 : 1),
        row("beta-\(index)", "api", completed: 2),
      ]
      batch.interval.startMicroseconds += Int64(index) * 10_000_000
      batch.interval.endMicroseconds += Int64(index) * 10_000_000
      return batch
    }
    // The parts fit by construction.
    return try! Batch.merge(parts)
  }

  static func row(
    _ tenant: String, _ route: String, completed: UInt64, openStart: UInt64 = 0, openEnd: UInt64 = 0
  ) -> UsageRow {
    var row = UsageRow(
      tenant: TenantID(stored: tenant)!, route: RouteName(stored: route)!, openStart: openStart,
      openEnd: openEnd)
    row[.requests] = completed + openEnd - openStart
    row[.endedCompleted] = completed
    row[.responses2xx] = completed
    row.histogram = SparseHistogram(
      bins: completed > 0 ? [.init(bucket: 100, count: completed)] : [])
    return row
  }

  /// A valid batch of up to 60 rows.
  static func random(_ random: inout SplitMix64) -> Batch {
    var keys: Set<String> = []
    for _ in 0..<random.below(60) { keys.insert(tenant(&random)) }
    var rows: [UsageRow] = []
    for key in keys.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
      for route in ["api", "batch.x", "web"] where random.chance(2) {
        rows.append(self.random(key, route, &random))
      }
    }
    var batch = Batch(
      name: name(UInt64(random.below(1 << 30)), worker: UInt16(random.below(65_536))),
      interval: interval, flags: BatchFlags(rawValue: UInt32(random.below(32))),
      listeners: (0..<random.below(3)).map { ListenerTotals(listener: "listener-\($0)") },
      rows: rows)
    if batch.flags.contains(.merged) { batch.lastSequence += UInt64(random.below(100)) }
    if random.chance(3) { batch.predecessor = .init(boot: boot, lastSequences: [1, 2, 3]) }
    if random.chance(3) { batch.units = [UnitDeclaration(name: "tokens", unit: "token")] }
    return batch
  }

  private static func tenant(_ random: inout SplitMix64) -> String {
    if random.chance(30) { return "~invalid" }
    let alphabet = Array("abcXYZ019._:@-")
    let length = random.chance(10) ? 128 : 1 + random.below(12)
    return "t" + String((1..<length).map { _ in alphabet[random.below(alphabet.count)] })
  }

  private static func random(
    _ tenant: String, _ route: String, _ random: inout SplitMix64
  ) -> UsageRow {
    let open = UInt64(random.below(3))
    var row = row(
      tenant, route, completed: UInt64(random.below(1000)) + open, openStart: open,
      openEnd: UInt64(random.below(3)))
    for quantity in Quantity.allCases where quantity.rawValue >= Quantity.attempts.rawValue {
      row[quantity] = random.chance(3) ? random.next() >> UInt64(1 + random.below(60)) : 0
    }
    var bins: [SparseHistogram.Bin] = []
    for bucket in 0..<HistogramBuckets.count where random.chance(40) {
      bins.append(.init(bucket: UInt16(bucket), count: 1 + random.next() >> 20))
    }
    row.histogram = SparseHistogram(
      bins: bins, clampedLow: UInt64(random.below(2)), clampedHigh: UInt64(random.below(2)))
    return row
  }
}
