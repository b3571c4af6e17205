import Testing

@testable import Usage

/// Bytes a row in a batch of many tenants with three requests each.
struct BatchSizeTests {
  @Test func `a row with a short id takes at most 40 bytes`() throws {
    #expect(try bytesPerRow { index, _ in "acme-\(padded(index))" } <= 40)
  }

  @Test func `a row with a UUID takes at most 64 bytes`() throws {
    #expect(try bytesPerRow { _, random in uuid(&random) } <= 64)
  }

  private func bytesPerRow(_ id: (Int, inout SplitMix64) -> String) throws -> Double {
    var random = SplitMix64(seed: 42)
    let rowCount = 5000
    let ids = (0..<rowCount).map { id($0, &random) }
      .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    let rows = ids.map { SampleTraffic.row($0, &random) }
    var batch = BatchSamples.heartbeat
    batch.rows = rows
    return Double(try BatchCodec.encode(batch).count) / Double(rowCount)
  }

  private func padded(_ index: Int) -> String {
    let digits = String(index)
    return String(repeating: "0", count: 6 - digits.count) + digits
  }

  private func uuid(_ random: inout SplitMix64) -> String {
    let hex = BootID(high: random.next(), low: random.next()).description
    let cuts = [0, 8, 12, 16, 20, 32]
    return zip(cuts, cuts.dropFirst()).map { start, end in
      String(hex.dropFirst(start).prefix(end - start))
    }.joined(separator: "-")
  }
}

/// What three small requests of a tenant leave in its row.
enum SampleTraffic {
  static func row(_ tenant: String, _ random: inout SplitMix64) -> UsageRow {
    var row = UsageRow(tenant: TenantID(tenant)!, route: RouteName("api")!)
    for quantity in [Quantity.requests, .responses2xx, .endedCompleted, .attempts] {
      row[quantity] = 3
    }
    row[.cpuHintedRequests] = 3
    var counts: [Int: UInt64] = [:]
    for _ in 0..<3 {
      let latency = 800 + UInt64(random.below(400))
      let body = 500 + UInt64(random.below(200))
      row[.requestBytes] += 180 + UInt64(random.below(20))
      row[.responseBodyBytes] += body
      row[.responseBytes] += body + 210
      row[.upstreamRequestBytes] += 230 + UInt64(random.below(20))
      row[.upstreamResponseBytes] += body + 160
      row[.durationMicroseconds] += latency
      row[.upstreamMicroseconds] += latency - 100 - UInt64(random.below(20))
      row[.upstreamCPUMicroseconds] += 300 + UInt64(random.below(100))
      counts[HistogramBuckets.bucket(of: latency), default: 0] += 1
    }
    row.histogram = SparseHistogram(
      bins: counts.sorted { $0.key < $1.key }
        .map { .init(bucket: UInt16($0.key), count: $0.value) })
    return row
  }
}
