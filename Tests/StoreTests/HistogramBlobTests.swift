import Foundation
import GRDB
import Testing
import Usage

@testable import Store

@Suite struct HistogramBlobTests {
  /// Counts of one, two and ten bytes, in the first bucket, the last, and between.
  private static let wide = SparseHistogram(
    bins: [
      .init(bucket: 0, count: 400), .init(bucket: 1, count: 1), .init(bucket: 300, count: 128),
      .init(bucket: UInt16(HistogramBuckets.count - 1), count: UInt64.max >> 1),
    ], clampedLow: 399, clampedHigh: 70_000)

  @Test(arguments: [
    wide,
    SparseHistogram(bins: [.init(bucket: 5, count: 1)]),
    SparseHistogram(bins: [.init(bucket: 0, count: 2)], clampedLow: 2),
  ])
  func `a histogram reads back as it was`(_ histogram: SparseHistogram) throws {
    let blob = try #require(HistogramBlob.encode(histogram))

    #expect(try HistogramBlob.decode(blob) == histogram)
  }

  @Test func `clamped observations are kept when rows of an hour are added up`() async throws {
    let scratch = try Scratch()
    let store = try await scratch.store()
    for sequence in 0..<UInt64(3) {
      var batch = try Feed().batch(sequence, tenants: ["acme": 5])
      batch.rows[0].histogram = SparseHistogram(
        bins: [.init(bucket: 0, count: 2), .init(bucket: 40 + UInt16(sequence), count: 3)],
        clampedLow: sequence)
      try await store.usage.deliver(batch)
    }

    let blob = try await store.engine.read("reading a histogram") { database in
      try Data.fetchOne(database, sql: "SELECT histogram FROM usage_rollup")
    }

    #expect(
      try HistogramBlob.decode(try #require(blob))
        == SparseHistogram(
          bins: [.init(bucket: 0, count: 6)] + (40...42).map { .init(bucket: $0, count: 3) },
          clampedLow: 3))
  }
}
