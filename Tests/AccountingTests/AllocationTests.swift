import Accounting
import Testing

struct AllocationTests {
  private static func policy(_ method: String, extra: String = "") throws -> Policy {
    try PolicyText.decode(
      """
      {"version":1,"name":"p","currency":"USD"\(extra),"pools":[
        {"name":"compute","match":{"service":"compute"},"method":\(method)}]}
      """)
  }

  private static let cpu = #"{"kind":"proportional","drivers":["upstream_cpu_us"]}"#

  private static func equalUsage() throws -> UsageFigures {
    try Fixtures.usage(
      ["core", "acme", "bolt"].map {
        (tenant: $0, route: "api", quantity: "upstream_cpu_us", value: 1)
      })
  }

  @Test(arguments: [1, -1] as [Int64])
  func `the worked example comes out to the unit, and its credit mirrored`(sign: Int64) throws {
    let cost = sign < 0 ? "-100.00" : "100.00"
    let close = try Close(
      [Fixtures.record(cost)], policy: try Self.policy(Self.cpu), usage: try Self.equalUsage())

    let statements = close.statements.statements
    #expect(statements.map(\.tenant) == ["acme", "bolt", "core"])
    #expect(
      statements.map(\.total.micros)
        == [33_333_334, 33_333_333, 33_333_333].map { sign * $0 })
    #expect(statements.map(\.printedTotal) == [3334, 3333, 3333].map { sign * $0 })
    #expect(
      statements.map(\.printedTotalText)
        == (sign < 0 ? ["-33.34", "-33.33", "-33.33"] : ["33.34", "33.33", "33.33"]))
    #expect(close.statements.summary.printedTotal == sign * 10_000)
    #expect(close.bridge.tiesOut)
  }

  @Test func `a blend weighs each driver as a share of its own total`() throws {
    let method = """
      {"kind":"proportional","drivers":[
        {"quantity":"upstream_cpu_us","weight":"0.7"},{"quantity":"response_bytes","weight":"0.3"}]}
      """
    // acme has all the CPU and a quarter of the bytes: 0.7 + 0.3 / 4 = 0.775.
    let usage = try Fixtures.usage([
      (tenant: "acme", route: "api", quantity: "upstream_cpu_us", value: 9),
      (tenant: "acme", route: "files", quantity: "response_bytes", value: 1_000),
      (tenant: "bolt", route: "files", quantity: "response_bytes", value: 3_000),
    ])
    let close = try Close([Fixtures.record("1000")], policy: Self.policy(method), usage: usage)
    let pool = close.allocation.pools[0]

    #expect(pool.shares.map(\.amount.text) == ["775.000000", "225.000000"])
    #expect(pool.shares.map(\.share) == ["0.775000000000", "0.225000000000"])
    #expect(pool.shares[0].routes.map(\.route) == ["api", "files"])
    #expect(pool.shares[0].routes.map(\.micros) == [700_000_000, 75_000_000])
    #expect(pool.shares[0].values == ["9", "1000"])
    #expect(pool.drivers.map(\.total) == ["9", "4000"])
    #expect(
      pool.drivers.map(\.unitCost) == ["77.777777777777777778", "0.075000000000000000"])
  }

  @Test func `a driver that is zero for everyone gives its weight to the others`() throws {
    let method = """
      {"kind":"proportional","drivers":[
        {"quantity":"stream_ms","weight":"0.5"},{"quantity":"upstream_cpu_us","weight":"0.25"},
        {"quantity":"requests","weight":"0.25"}]}
      """
    let usage = try Fixtures.usage([
      (tenant: "acme", route: "api", quantity: "upstream_cpu_us", value: 1),
      (tenant: "bolt", route: "api", quantity: "requests", value: 1),
    ])
    let close = try Close([Fixtures.record("10")], policy: Self.policy(method), usage: usage)
    let pool = close.allocation.pools[0]

    #expect(pool.shares.map(\.amount.text) == ["5.000000", "5.000000"])
    #expect(
      pool.drivers.map(\.effectiveWeight)
        == ["0.000000000000", "0.500000000000", "0.500000000000"])
    #expect(pool.notes == ["driver stream_ms was zero: its weight 0.5 went to the others"])
  }

  @Test(arguments: [
    (
      #""unallocated""#, ["platform:unallocated:no-driver"],
      "all drivers were zero (upstream_cpu_us): unallocated"
    ),
    (
      #""even""#, ["tenant:acme", "tenant:bolt"],
      "all drivers were zero (upstream_cpu_us): split evenly over active tenants"
    ),
    (
      #"{"quantity":"response_bytes"}"#, ["tenant:bolt"],
      "all drivers were zero (upstream_cpu_us): split by fallback response_bytes"
    ),
    (
      #"{"quantity":"stream_ms"}"#, ["platform:unallocated:no-driver"],
      "all drivers were zero (upstream_cpu_us), fallback stream_ms too: unallocated"
    ),
  ])
  func `a pool whose drivers are all zero follows its fallback`(
    fallback: String, accounts: [String], note: String
  ) throws {
    let method = """
      {"kind":"proportional","drivers":["upstream_cpu_us"],"fallback":\(fallback)}
      """
    let usage = try Fixtures.usage([
      (tenant: "acme", route: "api", quantity: "requests", value: 5),
      (tenant: "bolt", route: "api", quantity: "requests", value: 1),
      (tenant: "bolt", route: "api", quantity: "response_bytes", value: 1),
      (tenant: "~unattributed", route: "api", quantity: "requests", value: 9),
    ])
    let close = try Close([Fixtures.record("10")], policy: Self.policy(method), usage: usage)
    let pool = close.allocation.pools[0]

    #expect(pool.shares.map(\.owner.account.text) == accounts)
    #expect(pool.notes == [note])
    #expect(pool.shares.reduce(0) { $0 + $1.amount.micros } == 10_000_000)
  }

  @Test func `an even fallback without any tenant stays unallocated`() throws {
    let method = #"{"kind":"proportional","drivers":["requests"],"fallback":"even"}"#
    let close = try Close(
      [Fixtures.record("10")], policy: Self.policy(method), usage: UsageFigures())

    #expect(close.bridge.amount(of: "unallocated:no-driver") == Fixtures.amount("10"))
  }

  @Test(arguments: [("", "25", "unallocated:unattributed"), ("exclude", "0", "")])
  func `reserved tenants take part as the policy says`(
    treatment: String, unallocated: String, cause: String
  ) throws {
    let extra =
      treatment.isEmpty ? "" : #","reserved_tenants":{"unattributed":"\#(treatment)"}"#
    let usage = try Fixtures.usage([
      (tenant: "acme", route: "api", quantity: "upstream_cpu_us", value: 3),
      (tenant: "~unattributed", route: "api", quantity: "upstream_cpu_us", value: 1),
    ])
    let close = try Close(
      [Fixtures.record("100")], policy: Self.policy(Self.cpu, extra: extra), usage: usage)

    #expect(
      Amount(micros: close.statements.summary.unallocated.micros) == Fixtures.amount(unallocated))
    #expect((close.bridge.amount(of: cause) == nil) == cause.isEmpty)
    #expect(close.statements.summary.reservedUsage.keys.sorted() == ["~unattributed"])
  }

  @Test func `a direct pool follows tags, maps, and says why the rest has no owner`() throws {
    let map = """
      {"kind":"direct","tag":"team","map":{"data":"acme","web":"bolt"}}
      """
    func record(_ cost: String, _ team: String?) -> CostRecord {
      var record = Fixtures.record(cost)
      if let team { record.tags["team"] = team }
      return record
    }
    let records = [
      record("1.0000005", "data"), record("2", "web"), record("-0.5", "web"), record("4", "ops"),
      record("8", nil),
    ]
    let close = try Close(records, policy: Self.policy(map), usage: UsageFigures())
    let pool = close.allocation.pools[0]

    #expect(
      pool.shares.map { "\($0.owner.account) \($0.amount.text)" } == [
        "platform:unallocated:no-owner 8.000000", "platform:unallocated:unmapped 4.000000",
        "tenant:acme 1.000000", "tenant:bolt 1.500000",
      ])
    #expect(close.allocation.rest == Fixtures.amount("0.0000005"))
  }

  @Test func `a direct pool without a map refuses names that are no tenant ids`() throws {
    var record = Fixtures.record("5")
    record[.subAccount] = "no spaces allowed"
    let close = try Close(
      [record], policy: Self.policy(#"{"kind":"direct","field":"sub_account"}"#),
      usage: UsageFigures())

    #expect(close.bridge.amount(of: "unallocated:invalid-tenant") == Fixtures.amount("5"))
  }

  @Test func `what no pool takes is shown as unmatched`() throws {
    let close = try Close(
      [Fixtures.record("5", service: "mystery"), Fixtures.record("1")],
      policy: Self.policy(#"{"kind":"keep"}"#), usage: UsageFigures())

    #expect(close.allocation.pools.map(\.pool) == ["compute", "~unmatched"])
    #expect(close.bridge.amount(of: "unallocated:unmatched") == Fixtures.amount("5"))
    #expect(close.bridge.amount(of: "kept") == Fixtures.amount("1"))
  }

  @Test func `an external series splits with its own fractions and has no route`() throws {
    let method = #"{"kind":"proportional","drivers":[{"external":"gb_months"}]}"#
    let policy = try Self.policy(method, extra: #","externals":["gb_months"]"#)
    let series = try ExternalSeries(
      name: "gb_months", unit: "GB-month",
      values: ["acme": Fixtures.amount("0.75"), "bolt": Fixtures.amount("0.25")])
    let close = try Close(
      [Fixtures.record("8")], policy: policy, usage: UsageFigures(), externals: [series])
    let share = close.allocation.pools[0].shares[0]

    #expect(share.amount.text == "6.000000")
    #expect(share.values == ["0.75"])
    #expect(share.routes.map(\.route) == [nil])
    #expect(throws: AccountingError.self) {
      try Close([Fixtures.record("8")], policy: policy, usage: UsageFigures())
    }
  }

  @Test func `a bill in another currency is refused by name`() throws {
    #expect {
      try Close(
        [Fixtures.record("1"), Fixtures.record("1", currency: "EUR")],
        policy: Self.policy(Self.cpu), usage: Self.equalUsage())
    } throws: { error in
      "\(error)".contains("1 records are in EUR, the policy allocates USD")
    }
  }

  @Test func `a record belongs to the month whose bill carries it`() throws {
    var late = Fixtures.record("1")
    late.chargePeriodStart = Fixtures.period("2026-08").start
    late.chargePeriodEnd = Fixtures.period("2026-08").end
    let other = Fixtures.record("5", period: Fixtures.period("2026-09"))
    let close = try Close(
      [late, other], policy: Self.policy(Self.cpu), usage: Self.equalUsage())

    #expect(close.costs.inScope.effective == Fixtures.amount("1"))
    #expect(close.costs.outsidePeriod == 1)
  }

  @Test func `the period is rounded once and spread over pools by largest remainder`() throws {
    let policy = try PolicyText.decode(
      """
      {"version":1,"name":"p","currency":"USD","pools":[
        {"name":"a","match":{"service":"a"},"method":{"kind":"keep"}},
        {"name":"b","match":{"service":"b"},"method":{"kind":"keep"}},
        {"name":"c","match":{"service":"c"},"method":{"kind":"keep"}}]}
      """)
    // Each pool alone rounds to 0; together they are 1.2 micro-units.
    let records = ["a", "b", "c"].map { Fixtures.record("0.0000004", service: $0) }
    let close = try Close(records, policy: policy, usage: UsageFigures())

    #expect(close.allocation.pools.map(\.posted.micros) == [1, 0, 0])
    #expect(close.allocation.rest == Fixtures.amount("0.0000002"))
  }
}
