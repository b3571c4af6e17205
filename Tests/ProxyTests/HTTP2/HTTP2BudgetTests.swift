import Testing

@testable import Proxy

@Suite struct HTTP2BudgetTests {
  @Test func `frames of no use add up to the bound`() {
    var budget = HTTP2Budget(at: 0)

    budget.spend(750)
    #expect(!budget.isNearlyExhausted)
    budget.spend(1)
    #expect(budget.isNearlyExhausted)
    budget.spend(249)
    #expect(!budget.isExhausted)
    budget.spend(1)
    #expect(budget.isExhausted)
  }

  @Test func `a gigabyte with two frames for each 16 KiB costs nothing`() {
    var budget = HTTP2Budget(at: 0)

    for _ in 0..<65_536 {
      budget.move(16_384)
      budget.spend(2)
      #expect(!budget.isNearlyExhausted)
    }
  }

  @Test func `time makes ten frames a second good, and nothing is saved up`() {
    var budget = HTTP2Budget(at: 0)

    budget.refill(at: 1_000_000_000_000)
    budget.spend(1_000)
    budget.refill(at: 1_024_900_000_000)
    #expect(budget.isNearlyExhausted)
    budget.refill(at: 1_025_000_000_000)
    #expect(!budget.isNearlyExhausted)
  }
}
