import Accounting
import Digest
import Foundation
import GRDB
import Testing
import Usage

@testable import Store

@Suite struct UsageStoreTests {
  let scratch: Scratch
  let store: EmbeddedStore

  init() async throws {
    scratch = try Scratch()
    store = try await scratch.store()
  }

  @Test func `a second copy of a batch changes nothing`() async throws {
    let batch = try Feed().batch(0)
    let first = try await store.usage.deliver(batch)

    let second = try await store.usage.deliver(batch)

    #expect(first.disposition == .stored)
    #expect(second.disposition == .duplicate)
    #expect(second.instancePosition == 1)
    #expect(try await store.usage.requests() == 3)
  }

  @Test func `the same name with other content is kept aside and not counted`() async throws {
    let stored = try Feed().batch(0)
    try await store.usage.deliver(stored)

    let outcome = try await store.usage.deliver(try Feed().batch(0, tenants: ["acme": 99]))

    let digest = SHA256.hash(Array("\(stored)".utf8))
    #expect(outcome.disposition == .conflict(stored: digest))
    #expect(try await store.usage.counts().conflicts == 1)
    #expect(try await store.usage.conflicts(of: Period(parsing: "2026-11")) == 1)
    #expect(try await store.usage.requests() == 3)
  }

  @Test func `a merged batch takes all names that it stands for`() async throws {
    try await store.usage.deliver(try Feed().batch(0))
    let merged = try await store.usage.deliver(try Feed().batch(1, last: 4))

    let inside = try await store.usage.deliver(try Feed().batch(3))
    let overlapping = try await store.usage.deliver(try Feed().batch(4, last: 6))

    #expect(merged.disposition == .stored)
    #expect(merged.instancePosition == 5)
    #expect(inside.disposition != .stored && inside.disposition != .duplicate)
    #expect(overlapping.disposition != .stored && overlapping.disposition != .duplicate)
    #expect(try await store.usage.requests() == 6)
  }

  @Test func `batches out of order and twice add up exactly`() async throws {
    var random = SplitMix64.seeded()
    let feeds = (0..<3).map { worker in
      Feed(worker: UInt16(worker), start: noon.microseconds - 3_000_000_000)
    }
    var offers: [(feed: Int, sequence: UInt64)] = []
    for feed in feeds.indices {
      for sequence in 0..<12 {
        let copies = random.next(below: 3) + 1
        offers += Array(repeating: (feed, UInt64(sequence)), count: copies)
      }
    }
    offers.shuffle(using: &random)

    var last: IngestOutcome?
    for offer in offers {
      let tenants = ["acme": offer.sequence + 1, "~unattributed": 2]
      last = try await store.usage.deliver(
        try feeds[offer.feed].batch(offer.sequence, tenants: tenants))
    }

    let expected = UInt128(3 * ((1...12).reduce(0, +) + 12 * 2))
    #expect(try await store.usage.requests() == expected, random.comment)
    #expect(last?.missing == [], random.comment)
    #expect(last?.instancePosition == 36, random.comment)
    let totals = try await store.usage.listenerTotals(of: Period(parsing: "2026-11"))
    #expect(totals["requests"] == expected, random.comment)
  }

  @Test func `missing names are listed until they come`() async throws {
    let first = try await store.usage.deliver(try Feed().batch(3))
    #expect(
      first.missing
        == (0...2).map { "edge-1/00000000000000010000000000000002/0/\($0)" })

    try await store.usage.deliver(try Feed().batch(1))
    let second = try await store.usage.deliver(try Feed().batch(0))
    let third = try await store.usage.deliver(try Feed().batch(2))

    #expect(second.missing == ["edge-1/00000000000000010000000000000002/0/2"])
    #expect(third.missing == [])
  }

  @Test func `a new boot tells which batches of the one before are missing`() async throws {
    try await store.usage.deliver(try Feed().batch(0))
    let later = Feed(boot: BootID(high: 7, low: 7))
    let before = Batch.Predecessor(boot: BootID(high: 1, low: 2), lastSequences: [2])

    let outcome = try await store.usage.deliver(try later.batch(0, predecessor: before))

    #expect(
      outcome.missing
        == (1...2).map { "edge-1/00000000000000010000000000000002/0/\($0)" })
  }

  @Test func `a sequence that no proxy can have reached is refused`() async throws {
    let limit: UInt64 = 1 << 53
    var far = Batch.Predecessor(boot: BootID(high: 1, low: 2), lastSequences: [1, limit])
    await #expect(throws: StoreError.self) {
      try await store.usage.deliver(
        try Feed(boot: BootID(high: 7, low: 7)).batch(0, predecessor: far))
    }
    await #expect(throws: StoreError.self) {
      try await store.usage.deliver(try Feed().batch(limit, at: 0))
    }
    #expect(try await store.usage.counts().batches == 0)

    far.lastSequences = [limit - 1, limit - 1]
    let known = Feed(boot: BootID(high: 7, low: 7))
    let outcome = try await store.usage.deliver(try known.batch(0, predecessor: far))
    #expect(outcome.missing.count == 100)
    let instances = try await store.coverage.instances(
      expected: [], now: noon, silenceMicroseconds: 1)
    #expect(instances.map(\.namesMissing) == [2 * limit])
    let window = CoverageWindow(
      from: try Period(parsing: "2026-11").start, to: noon, now: noon, toleranceMicroseconds: 1)
    #expect(try await store.coverage.coverage(of: window, expected: []).count == 1)
  }

  @Test func `the list of missing names is bounded`() async throws {
    let outcome = try await store.usage.deliver(try Feed().batch(1_000_000, at: 0))

    #expect(outcome.missing.count == 100)
  }

  @Test func `a quarantined batch is kept whole and not counted`() async throws {
    let outcome = try await store.usage.deliver(try Feed().batch(0), quarantined: true)
    let again = try await store.usage.deliver(try Feed().batch(0), quarantined: true)

    #expect(outcome.disposition == .quarantined)
    #expect(again.disposition == .quarantined)
    #expect(try await store.usage.requests() == 0)
    #expect(try await store.usage.counts().quarantined == 1)
    let kept = try await scratch.foreign().read { database in
      try Int.fetchOne(database, sql: "SELECT length(bytes) FROM batch_bytes")
    }
    #expect(try #require(kept) > 100)
  }

  @Test func `a sum past 63 bits is refused and leaves nothing of its batch`() async throws {
    let feed = Feed()
    try await store.usage.deliver(try feed.batch(0, tenants: ["acme": 60_000_000_000_000_000]))
    var huge = try feed.batch(1, tenants: ["acme": 1, "bolt": 5], at: 0)
    huge.rows[0][.responseBytes] = UInt64(Int64.max)

    await #expect(throws: StoreError.self) { try await store.usage.deliver(huge) }

    let figures = try await store.usage.figures(of: Period(parsing: "2026-11"))
    #expect(figures.tenants == ["acme"])
    #expect(try await store.usage.counts().batches == 1)
    let retried = try await store.usage.deliver(try feed.batch(1))
    #expect(retried.disposition == .stored)
  }

  @Test func `a counter of 64 bits is refused`() async throws {
    var batch = try Feed().batch(0)
    batch.rows[0][.units0] = UInt64.max

    await #expect(throws: StoreError.counterOverflow(what: "units_0")) {
      try await store.usage.deliver(batch)
    }
    #expect(try await store.usage.counts().batches == 0)
  }

  @Test func `a batch whose listeners count something else is marked`() async throws {
    var batch = try Feed().batch(0)
    batch.listeners[0].quantities[0] += 1
    try await store.usage.deliver(batch)

    #expect(try await store.usage.counts().unconserved == 1)
  }

  @Test func `every quantity of every batch of an hour is in every sum`() async throws {
    let quantities = Usage.Quantity.allCases
    for sequence in 0..<UInt64(2) {
      var batch = try Feed().batch(sequence, tenants: ["acme": 1])
      for quantity in quantities {
        batch.rows[0][quantity] = UInt64(quantity.rawValue) * 1000 + 7 + sequence
      }
      batch.listeners[0].quantities = batch.rows[0].quantities
      batch.listeners.append(batch.listeners[0])
      batch.listeners[1].listener = "internal"
      try await store.usage.deliver(batch)
    }
    let period = try Period(parsing: "2026-11")
    let hour = noon.microseconds / 3_600_000_000

    let figures = try await store.usage.figures(of: period)
    let totals = try await store.usage.listenerTotals(of: period)
    let summary = try await store.usage.summary(UsageQuery(fromHour: hour - 1, toHour: hour))

    for quantity in quantities {
      let sum = UInt128(quantity.rawValue) * 2000 + 15
      #expect(figures.value(tenant: "acme", route: "api", quantity: quantity.name) == sum)
      #expect(totals[quantity.name] == 2 * sum)
    }
    #expect(summary.map(\.quantities) == [quantities.map { UInt64($0.rawValue) * 2000 + 15 }])
  }

  @Test func `what belongs to no request is kept with the listener of its batch`() async throws {
    var batch = try Feed().batch(0)
    batch.listeners[0].connectionQuantities = ConnectionQuantity.allCases.map {
      UInt64($0.rawValue) + 11
    }
    batch.listeners[0].openStart = 21
    batch.listeners[0].openEnd = 22
    batch.listeners[0].observations = 23
    try await store.usage.deliver(batch)

    let columns =
      ConnectionQuantity.allCases.map(\.name) + ["open_start", "open_end", "observations"]
    let stored = try await store.engine.read("reading totals") { database in
      try columns.map { try Int.fetchOne(database, sql: "SELECT \($0) FROM listener_total") }
    }

    #expect(stored == [11, 12, 13, 14, 15, 16, 21, 22, 23])
  }

  @Test func `what became of batches is counted by kind`() async throws {
    for (sequence, flags) in [BatchFlags.volatile, .recovered, .clockStepped, []].enumerated() {
      var batch = try Feed().batch(UInt64(sequence), tenants: ["acme": 1, "bolt": 1])
      batch.flags = flags
      try await store.usage.deliver(batch)
    }
    try await store.usage.deliver(try Feed().batch(4), quarantined: true)
    for other in [8, 9] as [UInt64] {
      try await store.usage.deliver(try Feed().batch(0, tenants: ["acme": other]))
    }

    let counts = try await store.usage.counts()

    #expect(
      counts
        == BatchCounts(
          batches: 5, rows: 9, late: 0, quarantined: 1, conflicts: 2, unconserved: 0, volatile: 1,
          recovered: 1, clockStepped: 1))
  }

  @Test func `histograms of an hour merge by addition`() async throws {
    for sequence in 0..<3 { try await store.usage.deliver(try Feed().batch(UInt64(sequence))) }
    let hour = (noon.microseconds - 3_600_000_000) / 3_600_000_000

    let rows = try await store.usage.summary(UsageQuery(fromHour: hour, toHour: hour + 1))

    #expect(rows.count == 1)
    #expect(rows.first?.quantities[0] == 9)
    #expect(rows.first?.latency == Array(repeating: HistogramBuckets.midpoint(of: 40), count: 3))
  }

  @Test(arguments: [
    (UsageQuery.Grouping.tenant, 2), (.route, 1), (.tenantRoute, 2), (.hour, 2), (.day, 1),
  ])
  func `usage is summed up by what was asked for`(
    _ grouping: UsageQuery.Grouping, _ rows: Int
  ) async throws {
    for (sequence, offset) in [(0, Int64(0)), (1, -3_600_000_000)] {
      let tenants: [String: UInt64] = ["acme": 1, "bolt": 2]
      try await store.usage.deliver(
        try Feed().batch(UInt64(sequence), tenants: tenants, at: offset))
    }
    let hour = noon.microseconds / 3_600_000_000

    let summary = try await store.usage.summary(
      UsageQuery(fromHour: hour - 3, toHour: hour, grouping: grouping))

    #expect(summary.count == rows)
    #expect(summary.reduce(0) { $0 + $1.quantities[0] } == 6)
  }

  @Test func `a declared unit is counted under its name`() async throws {
    var batch = try Feed().batch(0)
    batch.units = [UnitDeclaration(name: "tokens", unit: "token")]
    batch.rows[0][.units0] = 7
    batch.listeners[0].quantities[Int(Usage.Quantity.units0.rawValue)] = 7
    try await store.usage.deliver(batch)

    let figures = try await store.usage.figures(of: Period(parsing: "2026-11"))

    #expect(figures.total(of: "tokens") == 7)
    #expect(figures.total(of: "units_0") == 0)
  }

  /// A batch with 7 at the first position of the operator's units, under these names.
  private static func unitBatch(
    _ sequence: UInt64, _ names: [String], at offset: Int64? = nil
  ) throws -> Batch {
    var batch = try Feed().batch(sequence, at: offset)
    batch.units = names.map { UnitDeclaration(name: $0, unit: "1") }
    batch.rows[0][.units0] = 7
    batch.listeners[0].quantities[Int(Usage.Quantity.units0.rawValue)] = 7
    return batch
  }

  @Test func `a unit declared otherwise in another month renames nothing`() async throws {
    let november = try Period(parsing: "2026-11")
    let december = november.end.microseconds - november.start.microseconds
    try await store.usage.deliver(try Self.unitBatch(0, ["tokens"]))
    try await store.usage.deliver(try Self.unitBatch(1, ["images"], at: december + 86_400_000_000))

    let figures = try await store.usage.figures(of: november)
    let next = try await store.usage.figures(of: try Period(parsing: "2026-12"))

    #expect(figures.total(of: "tokens") == 7)
    #expect(next.total(of: "images") == 7)
    #expect(try await store.usage.listenerTotals(of: november)["tokens"] == 7)
    #expect(try await store.usage.declaredUnits(of: november) == [["tokens"], [], [], []])
  }

  @Test func `two names at one position in one month are both told`() async throws {
    let november = try Period(parsing: "2026-11")
    try await store.usage.deliver(try Self.unitBatch(0, ["tokens", "rows"]))
    try await store.usage.deliver(try Self.unitBatch(1, ["images"]))

    #expect(
      try await store.usage.declaredUnits(of: november) == [
        ["images", "tokens"], ["rows"], [], [],
      ])
    #expect(try await store.usage.figures(of: november).total(of: "units_0") == 14)
  }

  @Test func `what was declared before periods were kept serves months without a declaration`()
    async throws
  {
    let november = try Period(parsing: "2026-11")
    try await scratch.foreign().write {
      try $0.execute(sql: "INSERT INTO unit_declaration VALUES (0, 'calls', 'call')")
    }
    try await store.usage.deliver(try Self.unitBatch(0, []))
    let before = try await store.usage.figures(of: november)

    try await store.usage.deliver(try Self.unitBatch(1, ["tokens"]))

    #expect(before.total(of: "calls") == 7)
    #expect(try await store.usage.figures(of: november).total(of: "tokens") == 14)
  }
}
