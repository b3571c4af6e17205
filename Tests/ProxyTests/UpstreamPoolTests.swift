import Platform
import TestSupport
import Testing

@testable import Proxy

/// A pool's rules, with the time brought by the test.
@Suite struct UpstreamPoolTests {
  static let second: UInt64 = 1_000_000_000

  static func configuration(
    _ count: Int, _ change: (inout UpstreamConfiguration) -> Void = { _ in }
  ) -> UpstreamConfiguration {
    var configuration = UpstreamConfiguration(
      name: "u", addresses: (1...count).map { SocketAddress("10.0.0.\($0):80")! })
    change(&configuration)
    return configuration
  }

  static func pool(
    _ count: Int, _ change: (inout UpstreamConfiguration) -> Void = { _ in }
  ) -> UpstreamPool {
    UpstreamPool(UpstreamBoard(configuration(count, change)), workers: 1, worker: 0)
  }

  /// The ids that come up in many choices.
  static func used(_ pool: UpstreamPool, at now: UInt64) -> Set<Int> {
    Set((0..<200).compactMap { _ in pool.choose(key: 0, avoiding: 0, now: now)?.id })
  }

  static func fail(_ pool: UpstreamPool, _ member: Int, times: Int, at now: UInt64)
    -> [UpstreamPool.Consequence]
  {
    (0..<times).map { _ in pool.failed(pool.members[member], isCutOff: false, now: now) }
  }

  @Test func `a pool hands out the newest idle connection and keeps no more than its bound`() {
    let board = UpstreamBoard(
      Self.configuration(2) {
        $0.idleConnectionsMax = 2
        $0.connectionsMax = 9
      })
    let pool = UpstreamPool(board, workers: 2, worker: 1)
    let connections = (0..<3).map {
      UpstreamConnection(
        channel: Channel(descriptor: -1, slot: $0, generation: 0), upstream: 0,
        member: pool.members[1])
    }

    #expect(pool.connectionsMax == 4)
    #expect(connections.map { pool.keep($0) } == [true, true, false])
    #expect(pool.members[0].takeIdle() == nil)
    #expect(pool.members[1].takeIdle() === connections[1])
    #expect(pool.keep(connections[2]))
    #expect(pool.takeOldestIdle() === connections[0])
    pool.members[1].forget(connections[2])
    #expect(pool.idleCount == 0)
    #expect(pool.takeOldestIdle() == nil)
  }

  @Test
  func `as many failures in a row as configured take an address out, and time brings it back`() {
    let pool = Self.pool(3)
    let now = Self.second

    #expect(Self.fail(pool, 1, times: 5, at: now) == [.none, .none, .none, .none, .ejected])
    #expect(Self.used(pool, at: now) == [0, 2])
    #expect(Self.used(pool, at: now + 10 * Self.second - 1) == [0, 2])
    #expect(Self.used(pool, at: now + 10 * Self.second) == [0, 1, 2])
  }

  @Test func `a good answer between failures keeps an address`() {
    let pool = Self.pool(2)

    for _ in 0..<20 {
      #expect(Self.fail(pool, 0, times: 4, at: 1) == [.none, .none, .none, .none])
      pool.members[0].ejection.answered()
    }
    #expect(Self.used(pool, at: 1) == [0, 1])
  }

  @Test func `answers that break off take an address out although their heads are good`() {
    let pool = Self.pool(2)
    var last = UpstreamPool.Consequence.none

    for _ in 0..<5 {
      pool.members[0].ejection.answered()
      last = pool.failed(pool.members[0], isCutOff: true, now: 1)
    }

    #expect(last == .ejected)
  }

  @Test func `each ejection lasts longer, up to the bound, and time in use forgives`() {
    let policy = EjectionState.Policy(EjectionConfiguration())
    var state = EjectionState()
    var now: UInt64 = 1
    var lasted: [UInt64] = []

    for _ in 0..<8 {
      state.eject(at: now, policy)
      lasted.append((state.until - now) / Self.second)
      now = state.until
    }
    #expect(lasted == [10, 20, 40, 80, 160, 300, 300, 300])
    now = state.until + 3 * 10 * Self.second
    state.eject(at: now, policy)
    #expect(state.ejections == 6)
    now = state.until + 3_600 * Self.second
    state.eject(at: now, policy)
    #expect(state.until - now == 10 * Self.second)
  }

  /// Addresses, the share that may be left alone in %, and how many that are.
  @Test(arguments: [
    (1, 100, 0), (2, 50, 1), (2, 0, 0), (2, 100, 1), (3, 50, 1), (10, 50, 5), (10, 10, 1),
    (10, 100, 9),
  ])
  func `no more addresses are left alone than the share says, and never all`(
    count: Int, percent: Int, expected: Int
  ) {
    let pool = Self.pool(count) {
      $0.ejection.shareMaxPercent = percent
      $0.panicPercent = 0
    }

    var ejected = 0
    for member in 0..<count where Self.fail(pool, member, times: 5, at: 1).last == .ejected {
      ejected += 1
    }

    #expect(ejected == expected)
    #expect(Self.used(pool, at: 1).count == count - expected)
  }

  @Test func `with too few well addresses all are used again`() {
    let pool = Self.pool(4)
    let board = pool.board
    let seats = board.currentSeats

    for index in 0..<2 { board.set(seats[index].health, isUp: false) }
    #expect(Self.used(pool, at: 1) == [2, 3])
    #expect(!pool.isPanicking)
    board.set(seats[2].health, isUp: false)
    #expect(Self.used(pool, at: 1) == [0, 1, 2, 3])
    #expect(pool.isPanicking)
    board.set(seats[3].health, isUp: false)
    #expect(Self.used(pool, at: 1) == [0, 1, 2, 3])
    board.set(seats[0].health, isUp: true)
    board.set(seats[1].health, isUp: true)
    #expect(Self.used(pool, at: 1) == [0, 1])
    #expect(board.addressCounts == (4, 2))
  }

  @Test func `an address that comes back gets its share step by step`() {
    let pool = Self.pool(2) {
      $0.slowStartMilliseconds = 32_000
      $0.balancing = .roundRobin
    }
    let health = pool.board.currentSeats[0].health
    func share(at seconds: UInt64) -> Int {
      (0..<1_000).count { _ in
        pool.choose(key: 0, avoiding: 0, now: seconds * Self.second)?.id == 0
      }
    }

    #expect(share(at: 0) == 500)
    pool.board.set(health, isUp: false)
    #expect(share(at: 1) == 0)
    pool.board.set(health, isUp: true)
    let shares = [100, 108, 116, 124, 131, 132].map { share(at: $0) }

    // w / (w + 1) with w of 1/16, 1/4, 1/2, 3/4, 31/32 and 1.
    for (got, expected) in zip(shares, [59, 200, 333, 428, 492, 500]) {
      #expect(abs(got - expected) <= 2, "\(shares)")
    }
  }

  @Test func `a new list keeps the addresses that stay and retires the others`() {
    let pool = Self.pool(2)
    let board = pool.board
    let (stays, goes) = (board.currentSeats[0], pool.members[1])
    let connection = UpstreamConnection(
      channel: Channel(descriptor: -1, slot: 0, generation: 0), upstream: 0, member: goes)
    #expect(pool.keep(connection))
    let kept = pool.members[0]

    board.replaceSeats([
      stays,
      UpstreamSeat(endpoint: Endpoint("10.0.0.9:80")!, weight: 1, health: AddressHealth()),
    ])
    let left = pool.takeNewList()

    #expect(left.count == 1 && left[0] === connection)
    #expect(pool.members[0] === kept)
    #expect(pool.members.map(\.id) == [0, 2])
    #expect(!pool.keep(connection), "a connection to an address that is gone is not kept")
    #expect(Self.used(pool, at: 1) == [0, 2])
    #expect(pool.takeNewList().isEmpty)
  }

  @Test func `a connection's greatest age varies by a tenth`() {
    let pool = Self.pool(1) { $0.connectionAgeMaxMilliseconds = 10_000 }
    let ages = (0..<500).map { _ in pool.expiry(at: 5) - 5 }

    #expect(ages.allSatisfy { (9 * Self.second...10 * Self.second).contains($0) })
    #expect(Set(ages).count > 400)
    #expect(Self.pool(1) { $0.connectionAgeMaxMilliseconds = 0 }.expiry(at: 5) == .max)
  }

  /// Percent, burst, requests, and the attempts that may follow.
  @Test(arguments: [
    (20, 0, 1_000, 0), (20, 10, 0, 10), (20, 10, 1_000, 10), (0, 3, 1_000, 3), (100, 5, 1, 5),
  ])
  func `a budget starts full and holds no more than its burst`(
    percent: Int, burst: Int, requests: Int, expected: Int
  ) {
    var configuration = RetryConfiguration()
    configuration.budgetPercent = percent
    configuration.burst = burst
    var budget = RetryBudget(configuration)

    for _ in 0..<requests { budget.deposit() }

    #expect((0..<10_000).count { _ in budget.withdraw() } == expected)
  }

  @Test(arguments: [0, 1, 20, 50])
  func `further attempts stay below their share of the requests in the long run`(percent: Int) {
    var configuration = RetryConfiguration()
    configuration.budgetPercent = percent
    configuration.burst = 10
    var budget = RetryBudget(configuration)
    var attempts = 0

    for _ in 0..<10_000 {
      budget.deposit()
      if budget.withdraw() { attempts += 1 }
    }

    #expect(attempts <= 100 * percent + 10)
    #expect(attempts >= 100 * percent)
  }
}
