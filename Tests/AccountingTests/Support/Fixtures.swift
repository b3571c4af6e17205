import Accounting
import Digest

/// Short ways to values that many tests need.
enum Fixtures {
  static let october = period("2026-10")

  static func period(_ text: String) -> Period {
    do { return try Period(parsing: text) } catch { fatalError("\(error)") }
  }

  static func amount(_ text: String) -> Amount {
    do { return try Amount(parsing: text) } catch { fatalError("\(error)") }
  }

  static func currency(_ code: String) -> Currency {
    do { return try Currency.named(code) } catch { fatalError("\(error)") }
  }

  static func record(
    _ cost: String, billed: String? = nil, service: String = "compute", line: Int = 2,
    currency code: String = "USD", period: Period = october
  ) -> CostRecord {
    var record = CostRecord(
      line: line, billedCost: amount(billed ?? cost), effectiveCost: amount(cost),
      currency: currency(code), billingPeriod: period.start..<period.end,
      chargePeriod: period.start..<period.end)
    record[.service] = service
    record[.chargeCategory] = "Usage"
    record[.invoice] = "INV-1"
    return record
  }

  static func usage(
    _ values: [(tenant: String, route: String, quantity: String, value: UInt128)]
  ) throws -> UsageFigures {
    var usage = UsageFigures()
    for row in values {
      try usage.add(
        tenant: row.tenant, route: row.route, quantity: row.quantity, row.value)
    }
    return usage
  }

  /// The context of a correction of some period.
  static func correction(_ text: String, version: UInt32 = 1) -> PostingContext {
    PostingContext(
      period: period(text), version: version, postedAt: october.end, actor: "ann", reason: "r",
      policy: nil, imports: [])
  }

  /// The sums of all postings by account and currency, zeros left out.
  static func sums(_ entries: [Entry]) -> [String: Int128] {
    var sums: [String: Int128] = [:]
    for posting in entries.flatMap(\.postings) {
      sums["\(posting.account) \(posting.amount.currency)", default: 0] += Int128(
        posting.amount.micros)
    }
    return sums.filter { $0.value != 0 }
  }

  static func context(_ policy: Policy) -> PostingContext {
    PostingContext(
      period: october, version: 1, postedAt: october.end, actor: "ann", reason: "month end",
      policy: policy.digest, imports: [SHA256.hash("bill.csv")])
  }
}

/// One close from records to statements.
struct Close {
  let costs: PooledCosts
  let input: AllocationInput
  let allocation: AllocationResult
  let chain: [ChainedEntry]
  let statements: StatementSet
  let bridge: Bridge

  init(
    _ records: [CostRecord], policy: Policy, usage: UsageFigures,
    externals: [ExternalSeries] = [], register: [String] = [], names: [String: String] = [:],
    coverage: Coverage = Coverage([]), previous: [String: PreviousStatement] = [:],
    plans: [String: String] = [:], history: TenantHistory = .empty, rates: RateBook = .empty,
    controls: [InvoiceTotal] = []
  ) throws {
    let known = TenantRegister(
      plans: plans.merging(register.map { ($0, "") }) { plan, _ in plan }, names: names)
    costs = try CostPooling.pool(
      records, policy: policy, period: Fixtures.october, rates: rates, history: history,
      controls: controls)
    input = AllocationInput(
      costs: costs, policy: policy, usage: usage, externals: externals, register: known,
      history: history)
    allocation = try Allocation.allocate(input)
    chain = try LedgerPosting.entries(
      for: allocation, context: Fixtures.context(policy), after: .empty)
    let entries = chain.map(\.entry)
    let trial = try Bridge.build(
      BridgeInput(costs: costs, allocation: allocation, entries: entries))
    statements = try StatementBuilder.build(
      StatementInput(
        allocation: allocation, entries: entries, usage: usage,
        register: known, coverage: coverage, previous: previous,
        reconciliation: trial.state))
    bridge = try Bridge.build(
      BridgeInput(
        costs: costs, allocation: allocation, entries: entries, statements: statements))
  }
}
