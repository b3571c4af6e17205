import Platform
import Testing

@testable import Proxy

@Suite struct EbbTests {
  /// What is told while so many connections are open, look by look.
  static func told(_ counts: [Int]) -> [Bool] {
    var ebb = Ebb()
    return counts.map { ebb.hasFallen(to: $0) }
  }

  @Test func `a fall from a thousand connections to a quarter is told once`() {
    #expect(Self.told([1_000, 251, 250, 250]) == [false, false, true, false])
  }

  @Test func `few connections may come and go`() {
    #expect(Self.told([999, 0, 500, 100, 0]) == [false, false, false, false, false])
  }

  @Test func `what a flood left behind is told when it follows`() {
    #expect(Self.told([10_000, 128, 0, 128, 0]) == [false, true, true, false, false])
  }

  @Test func `a second flood is told as the first was`() {
    #expect(Self.told([5_000, 10, 5_000, 10]) == [false, true, false, true])
  }

  @Test func `a pool that shrinks still lends`() {
    let pool = BufferPool(capacity: 32, keptMax: 8)
    let lent = (0..<4).map { _ in pool.take() }
    for buffer in lent { pool.give(buffer) }

    pool.shrink(to: 1)

    let (kept, new) = (pool.take(), pool.take())
    #expect(kept === lent[0])
    #expect(!lent.contains { $0 === new })
    #expect(pool.lent == 2)
  }
}
