import Usage

/// A seeded month of sparse, skewed usage: who is active in an hour, over which of ten routes, and how much.
struct BenchHours {
  /// How many tenants there are.
  let tenants: Int
  private let ids: [TenantID]
  private let routes: [RouteName]
  /// Chance of a tenant to be active in an hour, of 2^32.
  private let chances: [UInt64]

  /// 2026-10-01, 00:00 UTC.
  static let firstHour: Int64 = 1_790_812_800 / 3_600
  static let hourCount = 744

  init(tenants: Int) {
    self.tenants = tenants
    ids = (0..<tenants).map { TenantID("tenant-\(Self.padded($0))")! }.sorted { $0.text < $1.text }
    routes = (0..<10).map { RouteName("route-\($0)")! }
    // The largest tenants are active most of the time, most an hour in fifty.
    chances = (0..<tenants).map { rank in
      let share = Double(rank) / Double(tenants)
      let chance = 0.02 + 0.98 * max(0, 1 - share / 0.235)
      return UInt64(chance * 4_294_967_296)
    }
  }

  private static func padded(_ number: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: 6 - text.count) + text
  }

  /// One batch of one hour; `copy` tells several of the same hour apart: the same tenants and routes, other counts.
  func batch(hour: Int, copy: Int, copies: Int) -> Batch {
    var random = Generator(state: UInt64(hour) &* 0x9E37_79B9)
    var counts = Generator(state: UInt64(hour * copies + copy) &* 0xBF58_476D)
    var rows: [UsageRow] = []
    var totals = ListenerTotals(listener: "main")
    for (rank, id) in ids.enumerated() where random.next() >> 32 < chances[rank] {
      // Half use one route, a quarter two, and so on; routes ascend.
      let wanted = min(10, 1 + random.next().trailingZeroBitCount)
      let first = Int(random.next() % UInt64(11 - wanted))
      for route in first..<(first + wanted) {
        let row = row(id, routes[route], &counts)
        for index in row.quantities.indices { totals.quantities[index] += row.quantities[index] }
        totals.observations += row.histogram.bins.reduce(0) { $0 + $1.count }
        rows.append(row)
      }
    }
    let start = (Self.firstHour + Int64(hour)) * 3_600_000_000
    // Together they cover the hour: a hole would stand on every statement.
    let length = 3_600_000_000 / Int64(copies)
    return Batch(
      name: BatchName(
        instance: "edge-1", boot: BootID(high: 1, low: 2), worker: 0,
        sequence: UInt64(hour * copies + copy))!,
      interval: BatchInterval(
        startMicroseconds: start + Int64(copy) * length,
        endMicroseconds: start + Int64(copy + 1) * length,
        lengthNanoseconds: UInt64(length) * 1_000),
      listeners: [totals], rows: rows)
  }

  private func row(_ id: TenantID, _ route: RouteName, _ random: inout Generator) -> UsageRow {
    let requests = 1 + random.next() % 200
    let bins = (0..<min(4, Int(requests))).map { index in
      SparseHistogram.Bin(
        bucket: UInt16(160 + 12 * index), count: index == 0 ? requests - min(3, requests - 1) : 1)
    }
    var row = UsageRow(tenant: id, route: route, histogram: SparseHistogram(bins: bins))
    row[.requests] = requests
    row[.responses2xx] = requests
    row[.endedCompleted] = requests
    row[.attempts] = requests
    for (quantity, factor) in [
      (.requestBytes, 811), (.responseBytes, 5_113), (.requestBodyBytes, 300),
      (.responseBodyBytes, 4_700), (.upstreamRequestBytes, 900), (.upstreamResponseBytes, 5_000),
      (.durationMicroseconds, 41_000), (.upstreamMicroseconds, 39_000),
      (.upstreamCPUMicroseconds, 730),
    ] as [(Quantity, UInt64)] {
      row[quantity] = requests * factor + random.next() % 97
    }
    row[.cpuHintedRequests] = requests
    return row
  }
}

/// SplitMix64.
struct Generator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    return word ^ (word >> 31)
  }
}
