import Accounting
import Foundation
import Testing
import Usage

@testable import Store

@Suite struct CoverageStoreTests {
  let scratch: Scratch
  let store: EmbeddedStore
  let window: CoverageWindow

  init() async throws {
    scratch = try Scratch()
    store = try await scratch.store()
    window = CoverageWindow(
      from: try Period(parsing: "2026-11").start, to: try Period(parsing: "2026-11").end,
      now: noon, toleranceMicroseconds: 60_000_000)
  }

  /// Reports every ten seconds of the hour up to noon, but for the given sequences.
  private func report(without missing: Set<UInt64> = []) async throws {
    for sequence in 0..<UInt64(360) where !missing.contains(sequence) {
      try await store.usage.deliver(try Feed().batch(sequence))
    }
  }

  @Test func `a proxy that reported every interval has no holes`() async throws {
    try await report()

    let coverage = try await store.coverage.coverage(of: window, expected: [])

    #expect(coverage.count == 1)
    #expect(coverage.first?.holes == [])
    #expect(coverage.first?.batches == 360)
    #expect(coverage.first?.to == noon)
  }

  @Test func `missing batches are a hole between their neighbours`() async throws {
    try await report(without: [100, 101])

    let holes = try await store.coverage.coverage(of: window, expected: []).first?.holes

    let from = noon.microseconds - 3_600_000_000 + 100 * 10_000_000
    #expect(holes?.count == 1)
    #expect(holes?.first?.from == UTCInstant(microseconds: from))
    #expect(holes?.first?.to == UTCInstant(microseconds: from + 20_000_000))
    #expect(holes?.first?.reason.contains("/0/100…101") == true)
  }

  @Test func `silence until now is a hole`() async throws {
    try await store.usage.deliver(try Feed().batch(0))

    let holes = try await store.coverage.coverage(of: window, expected: []).first?.holes

    #expect(holes?.map(\.reason) == ["no batch"])
    #expect(holes?.first?.to == noon)
  }

  @Test func `an expected proxy that never came owes the whole window`() async throws {
    let coverage = try await store.coverage.coverage(of: window, expected: ["edge-9"])
    let known = try await store.coverage.instances(
      expected: ["edge-9"], now: noon, silenceMicroseconds: 1)

    #expect(coverage.map(\.instance) == ["edge-9"])
    #expect(coverage.first?.holes.first?.from == window.from)
    #expect(known.map(\.isSilent) == [true])
    #expect(known.first?.lastReceived == nil)
  }

  @Test func `a quarantined batch does not cover its time`() async throws {
    try await report(without: [359])
    try await store.usage.deliver(try Feed().batch(359), quarantined: true)

    let coverage = try await store.coverage.coverage(of: window, expected: [])

    #expect(coverage.first?.batches == 359)
    #expect(coverage.first?.to == UTCInstant(microseconds: noon.microseconds - 10_000_000))
  }

  @Test func `what happened to batches of a window is counted by kind`() async throws {
    let all: [BatchFlags] = [
      .volatile, .recovered, [.volatile, .recovered], .clockStepped, [], .recovered, .recovered,
    ]
    for (sequence, flags) in all.enumerated() {
      var batch = try Feed().batch(UInt64(sequence))
      batch.flags = flags
      try await store.usage.deliver(batch)
    }

    let coverage = try #require(
      try await store.coverage.coverage(of: window, expected: []).first)

    #expect(coverage.batches == 7)
    #expect(coverage.volatile == 2)
    #expect(coverage.recovered == 4)
    #expect(coverage.clockStepped == 1)
    #expect(coverage.from == UTCInstant(microseconds: noon.microseconds - 3_600_000_000))
  }

  @Test func `a proxy's first and last moments are those of all its batches in any order`()
    async throws
  {
    for sequence in [5, 9, 2, 7] as [UInt64] {
      try await store.usage.deliver(try Feed().batch(sequence))
    }
    try await store.usage.deliver(try Feed(worker: 1).batch(1, last: 3))

    let known = try await store.coverage.instances(
      expected: [], now: noon, silenceMicroseconds: 1)

    let start = noon.microseconds - 3_600_000_000
    #expect(
      known == [
        KnownInstance(
          name: "edge-1", lastReceived: noon,
          lastInterval: UTCInstant(microseconds: start + 100_000_000), namesStored: 7,
          namesMissing: 7, isSilent: false)
      ])
    let coverage = try await store.coverage.coverage(of: window, expected: [])
    #expect(coverage.first?.from == UTCInstant(microseconds: start + 10_000_000))
    // Owed from the earliest batch, though it was not the first to come.
    #expect(coverage.first?.holes.filter { $0.reason == "no batch" }.count == 1)
  }

  @Test func `a proxy that came later does not owe an earlier window`() async throws {
    try await report()
    let october = CoverageWindow(
      from: try Period(parsing: "2026-10").start, to: try Period(parsing: "2026-10").end,
      now: noon, toleranceMicroseconds: 60_000_000)

    #expect(try await store.coverage.coverage(of: october, expected: []) == [])
  }

  @Test func `silence between two batches is a hole from the end of the one to the other`()
    async throws
  {
    try await store.usage.deliver(try Feed().batch(0))
    try await store.usage.deliver(try Feed().batch(1, at: 3_590_000_000))

    let holes = try await store.coverage.coverage(of: window, expected: []).first?.holes

    let start = noon.microseconds - 3_600_000_000
    #expect(
      holes == [
        UncoveredStretch(
          from: UTCInstant(microseconds: start + 10_000_000),
          to: UTCInstant(microseconds: start + 3_590_000_000), reason: "no batch")
      ])
  }
}
