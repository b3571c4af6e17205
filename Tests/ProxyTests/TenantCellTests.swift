import Metering
import PlainHTTP
import Platform
import Synchronization
import TestSupport
import Testing
import Usage

@testable import Proxy

/// Rates, places, and tables of tenants' cells, without a proxy.
@Suite struct TenantCellTests {
  private static let second: UInt64 = 1_000_000_000

  private static func terms(_ change: (inout TenantLimit) -> Void) -> TenantTerms {
    var limit = TenantLimit()
    change(&limit)
    return TenantTerms(limit)
  }

  private static func table(
    _ tenants: [TenantID: TenantLimit] = [:], keeping former: TenantLimitTable? = nil,
    _ change: (inout TenantLimitConfiguration) -> Void = { _ in }
  ) -> TenantLimitTable {
    var configuration = TenantLimitConfiguration()
    change(&configuration)
    return TenantLimitTable(
      tenants, configuration: configuration, hash: SegmentHash(key: (1, 2)), keeping: former)
  }

  private static func enter(
    _ table: TenantLimitTable, _ id: String, at now: UInt64 = 1
  ) -> TenantLimitTable.Lookup {
    let buffer = Buffer(capacity: 128)
    buffer.append(Array(id.utf8))
    return table.enter(buffer.readable, at: now)
  }

  @Test(arguments: [(1, 1), (1, 5), (10, 1), (10, 30), (1_000_000, 3), (3, 2)])
  func `a burst is admitted, then one request a period, and the wait is exact`(
    rate: Int, burst: Int
  ) {
    let terms = Self.terms {
      $0.requestsPerSecond = rate
      $0.burst = burst
    }
    let cell = TenantCell()
    let period = Self.second / UInt64(rate)
    var now = 100 * Self.second

    for _ in 0..<burst { #expect(cell.admitRequest(terms, at: now) == nil) }
    #expect(cell.admitRequest(terms, at: now) == period)
    #expect(cell.remaining(terms, at: now).requests == 0)
    now += period - 1
    #expect(cell.admitRequest(terms, at: now) == 1)
    now += 1
    #expect(cell.admitRequest(terms, at: now) == nil)
    #expect(cell.admitRequest(terms, at: now) == period)
    now += period * UInt64(burst) * 2
    #expect(cell.remaining(terms, at: now).requests == burst)
    for _ in 0..<burst { #expect(cell.admitRequest(terms, at: now) == nil) }
    #expect(cell.admitRequest(terms, at: now) != nil)
  }

  @Test func `refused requests do not prolong the wait`() {
    let terms = Self.terms { $0.requestsPerSecond = 1 }
    let cell = TenantCell()
    #expect(cell.admitRequest(terms, at: 10 * Self.second) == nil)

    for _ in 0..<1_000 { _ = cell.admitRequest(terms, at: 10 * Self.second) }

    #expect(cell.admitRequest(terms, at: 11 * Self.second) == nil)
  }

  @Test func `bytes beyond the burst wait as long as they take, and what is taken back does not`() {
    let terms = Self.terms {
      $0.bytesPerSecond = 10_000
      $0.bytesBurst = 5_000
    }
    let cell = TenantCell()
    let now = 50 * Self.second
    var deltas = Deltas()
    deltas.add(.requestBytes, 4_000)
    deltas.add(.responseBytes, 6_000)
    deltas.add(.upstreamRequestBytes, 1_000_000)
    var back = Deltas()
    back.add(.responseBytes, 2_000)

    cell.charge(deltas, terms, at: now)
    #expect(cell.byteDelay(terms, at: now) == Self.second / 2)
    cell.takeBack(back, terms)

    #expect(cell.bytes == 8_000)
    #expect(cell.byteDelay(terms, at: now) == 3 * Self.second / 10)
    #expect(cell.byteDelay(terms, at: now + 3 * Self.second / 10) == 0)
  }

  @Test func `many threads never hold more places than there are, and admit no request twice`() {
    let terms = Self.terms {
      $0.requestsPerSecond = 1
      $0.burst = 500
      $0.concurrentRequests = 3
    }
    let cell = TenantCell()
    let highest = Atomic<Int>(0)
    let held = Atomic<Int>(0)
    let admitted = Atomic<Int>(0)
    let threads = (0..<4).compactMap { _ in
      try? SpawnedThread {
        for _ in 0..<2_000 where cell.takePlace(terms) {
          let now = held.wrappingAdd(1, ordering: .relaxed).newValue
          _ = highest.max(now, ordering: .relaxed)
          if cell.admitRequest(terms, at: Self.second) == nil {
            admitted.wrappingAdd(1, ordering: .relaxed)
          }
          held.wrappingSubtract(1, ordering: .relaxed)
          cell.leavePlace()
        }
      }
    }
    for thread in threads { thread.join() }

    #expect(highest.load(ordering: .relaxed) <= 3)
    #expect(admitted.load(ordering: .relaxed) <= 500)
    #expect(cell.openRequests == 0)
  }

  @Test func `a held cell is not given to another tenant, and an idle one is`() throws {
    let cells = SharedTenantCells(8)
    var held: [TenantCell] = []
    for hash in 1...8 { held.append(try #require(cells.enter(hash: UInt64(hash), at: 5))) }

    #expect(cells.capacity == 8)
    #expect(cells.enter(hash: 9, at: 5) == nil)
    #expect(cells.enter(hash: 3, at: 5) === held[2])
    held[6].leave()
    let ninth = try #require(cells.enter(hash: 9, at: 5))
    #expect(ninth === held[6])
    #expect(cells.enter(hash: 7, at: 5) == nil)
    #expect(cells.enter(hash: 9, at: 5) === ninth)
  }

  @Test func `a cell that still remembers a burst is not given to another tenant`() throws {
    let cells = SharedTenantCells(8)
    let terms = Self.terms { $0.requestsPerSecond = 1 }
    for hash in 1...8 {
      let cell = try #require(cells.enter(hash: UInt64(hash), at: Self.second))
      _ = cell.admitRequest(terms, at: Self.second)
      cell.leave()
    }

    #expect(cells.enter(hash: 9, at: Self.second) == nil)
    #expect(cells.enter(hash: 9, at: 2 * Self.second) != nil)
  }

  @Test func `threads that meet in a small table hold each cell for one tenant at a time`() {
    let cells = SharedTenantCells(8)
    let owners = (0..<64).map { _ in Box() }
    let wrong = Atomic<Int>(0)
    let threads = (0..<4).compactMap { thread in
      try? SpawnedThread {
        var random = SplitMix64(seed: UInt64(thread))
        for _ in 0..<5_000 {
          let tenant = Int(random.next() % 12) + 1
          guard let cell = cells.enter(hash: UInt64(tenant), at: 1) else { continue }
          // One word a cell: who has it and how many hold it.
          let box = owners[Self.place(cell)]
          if !box.enter(tenant) { wrong.wrappingAdd(1, ordering: .relaxed) }
          box.leave()
          cell.leave()
        }
      }
    }
    for thread in threads { thread.join() }

    #expect(wrong.load(ordering: .relaxed) == 0)
  }

  /// A stable place for a cell's object.
  private static func place(_ cell: TenantCell) -> Int {
    places.withLock { places in
      let id = ObjectIdentifier(cell)
      if let place = places[id] { return place }
      places[id] = places.count
      return places.count - 1
    }
  }
  private static let places = Mutex<[ObjectIdentifier: Int]>([:])

  /// Who holds a cell, and how often.
  private final class Box: Sendable {
    let state = Mutex((tenant: 0, holders: 0))

    func enter(_ tenant: Int) -> Bool {
      state.withLock { state in
        let isRight = state.holders == 0 || state.tenant == tenant
        state = (tenant, state.holders + 1)
        return isRight
      }
    }

    func leave() { state.withLock { $0.holders -= 1 } }
  }

  @Test func `a tenant's own limit goes before the default, and a reload keeps its cell`() throws {
    let acme = TenantID("acme")!
    var own = TenantLimit()
    own.concurrentRequests = 5
    var byDefault = TenantLimit()
    byDefault.concurrentRequests = 2
    let first = Self.table([acme: own]) { $0.defaultLimit = byDefault }
    own.concurrentRequests = 9
    let second = Self.table([acme: own], keeping: first) { $0.defaultLimit = byDefault }

    guard case .limited(let before) = Self.enter(first, "acme"),
      case .limited(let after) = Self.enter(second, "acme"),
      case .limited(let other) = Self.enter(second, "bolt"),
      case .limited(let otherBefore) = Self.enter(first, "bolt")
    else {
      Issue.record("no cell")
      return
    }
    #expect(before.terms.concurrentMax == 5)
    #expect(after.terms.concurrentMax == 9)
    #expect(after.cell === before.cell)
    #expect(other.terms.concurrentMax == 2)
    #expect(other.cell === otherBefore.cell)
  }

  @Test func `what does not fit is under the limit of ~overflow, and without one under none`() {
    var limit = TenantLimit()
    limit.concurrentRequests = 1
    let without = Self.table {
      $0.defaultLimit = limit
      $0.cellsMax = 8
    }
    let with = Self.table([.overflow: limit]) {
      $0.defaultLimit = limit
      $0.cellsMax = 8
    }

    for (table, isLimited) in [(without, false), (with, true)] {
      for number in 0..<8 {
        guard case .limited = Self.enter(table, "t\(number)") else {
          Issue.record("no cell for t\(number)")
          return
        }
      }
      guard case .overflowed(let found) = Self.enter(table, "late") else {
        Issue.record("there was room")
        return
      }
      #expect((found != nil) == isLimited)
    }
  }

  @Test func `no limit anywhere is off, and reserved tenants are not under the default`() {
    var limit = TenantLimit()
    limit.concurrentRequests = 1
    let off = Self.table()
    let on = Self.table { $0.defaultLimit = limit }

    #expect(off.isOff)
    #expect(!on.isOff)
    #expect(on.enter(reserved: .unattributed) == nil)
    #expect(Self.table([.invalid: limit]).enter(reserved: .invalid) != nil)
  }

  @Test func `a plan fills what a tenant's own limit leaves open`() {
    var gold = TenantLimit()
    gold.requestsPerSecond = 100
    gold.burst = 500
    gold.concurrentRequests = 10
    var own = TenantLimit()
    own.requestsPerSecond = 5
    own.openStreams = 2

    let merged = own.over(gold)

    #expect(merged.requestsPerSecond == 5)
    #expect(merged.burst == nil)
    #expect(merged.concurrentRequests == 10)
    #expect(merged.openStreams == 2)
    #expect(TenantLimit().over(gold) == gold)
  }
}
