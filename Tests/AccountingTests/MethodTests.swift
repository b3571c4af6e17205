import Accounting
import Testing

/// Every method of the policy language on months that can be checked by hand.
struct MethodTests {
  private static func pool(
    _ name: String, _ method: String, extra: String = ""
  ) -> String {
    #"{"name":"\#(name)","match":{"service":"\#(name)"},"method":\#(method)\#(extra)}"#
  }

  private static func policy(_ pools: [String], extra: String = "") throws -> Policy {
    try PolicyText.decode(
      """
      {"version":1,"name":"p","currency":"USD"\(extra),"pools":[\(pools.joined(separator: ","))]}
      """)
  }

  /// acme, bolt and core were active; acme used 3 of 4 CPU microseconds, bolt 1, core none.
  private static func usage() throws -> UsageFigures {
    try Fixtures.usage(
      ["acme", "bolt", "core"].map { (tenant: $0, route: "api", quantity: "requests", value: 1) }
        + [
          (tenant: "acme", route: "api", quantity: "upstream_cpu_us", value: 3),
          (tenant: "bolt", route: "api", quantity: "upstream_cpu_us", value: 1),
        ])
  }

  private static let cpu = #"{"kind":"proportional","drivers":["upstream_cpu_us"]}"#

  private static func close(
    _ pools: [String], _ records: [CostRecord], extra: String = "",
    plans: [String: String] = [:], externals: [ExternalSeries] = [],
    history: TenantHistory = .empty
  ) throws -> Close {
    try Close(
      records, policy: try policy(pools, extra: extra), usage: try usage(), externals: externals,
      plans: plans, history: history)
  }

  private static func shares(_ close: Close, _ pool: String) -> [String] {
    (close.allocation.pools.first { $0.pool == pool }?.shares ?? []).map {
      "\($0.owner.account) \($0.amount.text)"
    }
  }

  private static func record(_ cost: String, _ service: String) -> CostRecord {
    Fixtures.record(cost, service: service)
  }

  @Test func `even splits over active tenants, or over the register`() throws {
    let close = try Self.close(
      [
        Self.pool("a", #"{"kind":"even"}"#, extra: #","exclude":["core"]"#),
        Self.pool("b", #"{"kind":"even","over":"registered"}"#),
      ], [Self.record("1", "a"), Self.record("1", "b")],
      plans: ["acme": "", "dora": "", "emil": ""])

    #expect(Self.shares(close, "a") == ["tenant:acme 0.500000", "tenant:bolt 0.500000"])
    #expect(
      Self.shares(close, "b") == [
        "tenant:acme 0.333334", "tenant:dora 0.333333", "tenant:emil 0.333333",
      ])
    #expect(close.bridge.tiesOut)
  }

  @Test func `percents are the policy's, the platform's part among them`() throws {
    let close = try Self.close(
      [Self.pool("a", #"{"kind":"fixed","percents":{"acme":"33.3","zeta":"16.7","~kept":"50"}}"#)],
      [Self.record("-200.000001", "a")])

    #expect(
      Self.shares(close, "a") == [
        "platform:kept -100.000001", "tenant:acme -66.600000", "tenant:zeta -33.400000",
      ])
    #expect(close.bridge.tiesOut)
  }

  @Test(arguments: [
    ("100", ["platform:kept 60.000000", "tenant:acme 30.000000", "tenant:bolt 10.000000"], 0),
    ("-100", ["platform:kept -60.000000", "tenant:acme -30.000000", "tenant:bolt -10.000000"], 0),
    ("40", ["tenant:acme 30.000000", "tenant:bolt 10.000000"], 0),
    ("25", ["platform:kept -15.000000", "tenant:acme 30.000000", "tenant:bolt 10.000000"], 1),
  ])
  func `stated amounts are charged and the rest is shown`(
    cost: String, shares: [String], notes: Int
  ) throws {
    let method = #"{"kind":"fixed","amounts":{"acme":"30","bolt":"10"},"rest":"keep"}"#
    let close = try Self.close([Self.pool("a", method)], [Self.record(cost, "a")])

    #expect(Self.shares(close, "a") == shares)
    #expect(close.allocation.pools[0].notes.count == notes)
    #expect(close.bridge.tiesOut)
  }

  @Test func `tiers weigh each active tenant by its plan`() throws {
    let method = #"{"kind":"tiered","plans":{"gold":"5","free":"0"},"otherwise":"1"}"#
    let close = try Self.close(
      [Self.pool("a", method)], [Self.record("12", "a")],
      plans: ["acme": "gold", "core": "free", "dora": "gold"])

    #expect(Self.shares(close, "a") == ["tenant:acme 10.000000", "tenant:bolt 2.000000"])
    #expect(close.allocation.pools[0].drivers.map(\.total) == ["6"])
    #expect(close.allocation.pools[0].shares[0].values == ["5"])
  }

  @Test(arguments: [
    // 80 by CPU alone: acme 60, bolt 20, core 0. With at least 25 each: acme 30.
    ("80", "25", ["acme 30.000000", "bolt 25.000000", "core 25.000000"]),
    ("-80", "25", ["acme -30.000000", "bolt -25.000000", "core -25.000000"]),
    // Core's minimum is taken from the others by their weights: 3 to 1 of 70.
    ("80", "10", ["acme 52.500000", "bolt 17.500000", "core 10.000000"]),
    // More than there is: even.
    ("80", "40", ["acme 26.666667", "bolt 26.666667", "core 26.666666"]),
  ])
  func `each active tenant bears at least the minimum`(
    cost: String, minimum: String, shares: [String]
  ) throws {
    let method =
      #"{"kind":"proportional","drivers":["upstream_cpu_us"],"minimum":"\#(minimum)"}"#
    let close = try Self.close([Self.pool("a", method)], [Self.record(cost, "a")])

    #expect(Self.shares(close, "a") == shares.map { "tenant:" + $0 })
    #expect(close.bridge.tiesOut)
  }

  @Test func `overhead is spread by what earlier pools gave`() throws {
    let close = try Self.close(
      [
        Self.pool("support", #"{"kind":"overhead"}"#),
        Self.pool("rent", #"{"kind":"overhead","of":["cpu"],"fallback":"even"}"#),
        Self.pool("cpu", Self.cpu), Self.pool("flat", #"{"kind":"fixed","amounts":{"core":"60"}}"#),
      ],
      [
        Self.record("9", "support"), Self.record("4", "rent"), Self.record("40", "cpu"),
        Self.record("60", "flat"),
      ], extra: #","order":["cpu","rent","flat","support"]"#)

    #expect(Self.shares(close, "rent") == ["tenant:acme 3.000000", "tenant:bolt 1.000000"])
    // cpu 30/10, rent 3/1, flat core 60: 33, 11, 60 of 104.
    #expect(
      Self.shares(close, "support") == [
        "tenant:acme 2.855769", "tenant:bolt 0.951923", "tenant:core 5.192308",
      ])
    #expect(close.allocation.pools.map(\.pool) == ["support", "rent", "cpu", "flat"])
    #expect(
      close.allocation.pools[0].drivers.map { "\($0.name) \($0.total) \($0.unit)" }
        == ["earlier_pools 104 USD"])
  }

  @Test func `a tenant with a credit from earlier pools bears no overhead`() throws {
    let close = try Self.close(
      [
        Self.pool("flat", #"{"kind":"fixed","amounts":{"acme":"10"}}"#),
        Self.pool("back", #"{"kind":"fixed","amounts":{"bolt":"5"}}"#),
        Self.pool("support", #"{"kind":"overhead"}"#),
      ], [Self.record("10", "flat"), Self.record("-5", "back"), Self.record("7", "support")])

    #expect(Self.shares(close, "support") == ["tenant:acme 7.000000"])
    #expect(close.allocation.pools[2].notes.count == 1)
    #expect(close.bridge.tiesOut)
  }

  @Test func `credits and taxes follow the rows with the same texts`() throws {
    func row(_ cost: String, _ category: String, _ account: String, _ tenant: String?) -> CostRecord
    {
      var record = Self.record(cost, category == "Usage" ? "cpu" : "credit")
      record[.chargeCategory] = category
      record[.subAccount] = account
      if let tenant { record.tags["tenant"] = tenant }
      return record
    }
    let close = try Self.close(
      [
        Self.pool("cpu", #"{"kind":"direct","tag":"tenant"}"#),
        Self.pool("shared", Self.cpu),
        Self.pool("credit", #"{"kind":"follow","by":["sub_account"]}"#),
      ],
      [
        row("30", "Usage", "1", "acme"), row("10", "Usage", "1", "bolt"),
        row("5", "Usage", "1", nil), row("99", "Usage", "2", "bolt"),
        row("-9", "Credit", "1", nil), row("-1.5", "Credit", "2", nil),
        row("-0.25", "Credit", "3", nil),
        {
          var shared = Self.record("20", "shared")
          shared[.subAccount] = "2"
          return shared
        }(),
      ])

    // Account 1: 30, 10 and 5 of 45. Account 2: bolt 99 of 119, and 20 split 3 to 1.
    #expect(
      Self.shares(close, "credit") == [
        "platform:unallocated:no-owner -1.000000", "platform:unallocated:no-target -0.250000",
        "tenant:acme -6.189076", "tenant:bolt -3.310924",
      ])
    #expect(close.allocation.pools[2].notes.count == 1)
    #expect(close.bridge.tiesOut)
  }

  @Test(arguments: [
    ("\"keep\"", ["compute~idle platform:kept 60.000000"]),
    (
      "\"usage\"",
      ["compute~idle tenant:acme 45.000000", "compute~idle tenant:bolt 15.000000"]
    ),
    (
      "\"even\"",
      [
        "compute~idle tenant:acme 20.000000", "compute~idle tenant:bolt 20.000000",
        "compute~idle tenant:core 20.000000",
      ]
    ),
    (
      #"{"drivers":[{"external":"reserved"}]}"#,
      ["compute~idle tenant:bolt 12.000000", "compute~idle tenant:core 48.000000"]
    ),
    (
      #"{"threshold":"20"}"#,
      [
        "compute~idle tenant:acme 15.000000", "compute~idle tenant:bolt 5.000000",
        "compute~idle-kept platform:kept 40.000000",
      ]
    ),
  ])
  func `what was not used is a line of its own`(treatment: String, idle: [String]) throws {
    let pool = Self.pool(
      "compute", Self.cpu,
      extra: """
        ,"idle":{"used":{"quantity":"upstream_cpu_us"},"capacity":"10","treatment":\(treatment)}
        """)
    let reserved = try ExternalSeries(
      name: "reserved", unit: "vCPU",
      values: ["bolt": Fixtures.amount("1"), "core": Fixtures.amount("4")])
    let close = try Self.close(
      [pool], [Self.record("100", "compute")], extra: #","externals":["reserved"]"#,
      externals: [reserved])

    #expect(
      Self.shares(close, "compute") == ["tenant:acme 30.000000", "tenant:bolt 10.000000"])
    let lines = close.allocation.pools.dropFirst().flatMap { pool in
      pool.shares.map { "\(pool.pool) \($0.owner.account) \($0.amount.text)" }
    }
    #expect(lines == idle)
    #expect(close.bridge.tiesOut)
  }

  @Test func `a capacity may be the sum of a series, and all of it may be used`() throws {
    let pool = Self.pool(
      "compute", Self.cpu,
      extra: #","idle":{"used":"upstream_cpu_us","capacity":{"external":"cap"}}"#)
    func idle(_ capacity: String) throws -> [String] {
      let series = try ExternalSeries(
        name: "cap", unit: "us",
        values: ["acme": Fixtures.amount(capacity), "bolt": Fixtures.amount("1")])
      let close = try Self.close(
        [pool], [Self.record("100", "compute")], extra: #","externals":["cap"]"#,
        externals: [series])
      return Self.shares(close, "compute~idle")
    }

    #expect(try idle("7") == ["platform:kept 50.000000"])
    #expect(try idle("3") == ["platform:kept 0.000000"])
  }

  @Test func `more use than capacity is refused, not credited`() throws {
    let pool = Self.pool(
      "compute", Self.cpu, extra: #","idle":{"used":"upstream_cpu_us","capacity":"3"}"#)

    #expect(throws: AccountingError.self) {
      try Self.close([pool], [Self.record("100", "compute")])
    }
  }

  @Test func `an excluded tenant shares no cost but keeps what names it`() throws {
    var own = Self.record("5", "direct")
    own.tags["tenant"] = "acme"
    let close = try Self.close(
      [
        Self.pool("cpu", Self.cpu), Self.pool("direct", #"{"kind":"direct","tag":"tenant"}"#),
        Self.pool("support", #"{"kind":"overhead"}"#),
      ], [Self.record("8", "cpu"), own, Self.record("3", "support")],
      extra: #","exclude":["acme"]"#)

    #expect(Self.shares(close, "cpu") == ["tenant:bolt 8.000000"])
    #expect(Self.shares(close, "direct") == ["tenant:acme 5.000000"])
    #expect(Self.shares(close, "support") == ["tenant:bolt 3.000000"])
  }

  @Test func `a renamed tenant's records and series count under the new name`() throws {
    let october = Fixtures.october
    let middle = UTCInstant(microseconds: october.start.microseconds + 15 * 86_400_000_000)
    let history = TenantHistory([
      TenantRelation(kind: .alias, tenant: "bolt", target: "volt", from: middle)
    ])
    var early = Self.record("5", "direct")
    early.tags["tenant"] = "bolt"
    var late = early
    late.chargePeriodStart = middle
    let series = try ExternalSeries(
      name: "gb", unit: "GB",
      values: ["bolt": Fixtures.amount("1"), "volt": Fixtures.amount("2")])
    let close = try Self.close(
      [
        Self.pool("direct", #"{"kind":"direct","tag":"tenant"}"#),
        Self.pool("disk", #"{"kind":"proportional","drivers":[{"external":"gb"}]}"#),
      ], [early, late, Self.record("6", "disk")], extra: #","externals":["gb"]"#,
      externals: [series], history: history)

    #expect(
      Self.shares(close, "direct") == ["tenant:bolt 5.000000", "tenant:volt 5.000000"])
    #expect(Self.shares(close, "disk") == ["tenant:volt 6.000000"])
  }

  @Test func `a child's cost follows its parent to the parent's new name`() throws {
    let history = TenantHistory([
      TenantRelation(
        kind: .parent, tenant: "bolt", target: "acme", from: Fixtures.period("2025-01").start),
      TenantRelation(
        kind: .alias, tenant: "acme", target: "core", from: Fixtures.period("2026-05").start),
    ])
    let close = try Self.close(
      [Self.pool("direct", #"{"kind":"direct","tag":"tenant"}"#)], try Self.tagged("bolt", "core"),
      history: history)

    #expect(Self.shares(close, "direct") == ["tenant:core 10.000000"])
    #expect(close.bridge.tiesOut)
  }

  @Test func `a child under a new name stays the child of its parent`() throws {
    let october = Fixtures.october
    let middle = UTCInstant(microseconds: october.start.microseconds + 15 * 86_400_000_000)
    let history = TenantHistory([
      TenantRelation(
        kind: .parent, tenant: "bolt", target: "acme", from: Fixtures.period("2025-01").start),
      TenantRelation(kind: .alias, tenant: "bolt", target: "volt", from: middle),
    ])
    var late = try Self.tagged("bolt")
    late[0].chargePeriodStart = middle
    let close = try Self.close(
      [Self.pool("direct", #"{"kind":"direct","tag":"tenant"}"#)], try Self.tagged("bolt") + late,
      history: history)
    let acme = try #require(close.statements.statements.first { $0.tenant == "acme" })

    #expect(Self.shares(close, "direct") == ["tenant:acme 10.000000"])
    #expect(acme.lines.map(\.notes) == [["of bolt"], ["of volt"]])
    let chain = try WhyChain(tenant: "acme", pool: "direct", close.input)
    #expect(chain.steps.reduce(Int64(0)) { $0 + ($1.micros ?? 0) } == chain.micros)
  }

  /// A record of 5 for each of some tenants.
  private static func tagged(_ tenants: String...) throws -> [CostRecord] {
    tenants.map { tenant in
      var record = record("5", "direct")
      record.tags["tenant"] = tenant
      return record
    }
  }

  @Test func `a child's cost stands on its parent's statement, once`() throws {
    let history = TenantHistory([
      TenantRelation(
        kind: .parent, tenant: "bolt", target: "acme", from: Fixtures.period("2026-01").start)
    ])
    let close = try Self.close(
      [Self.pool("cpu", Self.cpu), Self.pool("flat", #"{"kind":"even"}"#)],
      [Self.record("8", "cpu"), Self.record("3", "flat")], history: history)
    let acme = try #require(close.statements.statements.first { $0.tenant == "acme" })

    #expect(Self.shares(close, "cpu") == ["tenant:acme 8.000000"])
    #expect(Self.shares(close, "flat") == ["tenant:acme 2.000000", "tenant:core 1.000000"])
    #expect(
      acme.lines.map { "\($0.pool) \($0.amount.text) \($0.notes)" } == [
        "cpu 6.000000 []", #"cpu 2.000000 ["of bolt"]"#, "flat 1.000000 []",
        #"flat 1.000000 ["of bolt"]"#,
      ])
    let bolt = close.statements.statements.first { $0.tenant == "bolt" }
    #expect(bolt?.total.micros == 0)
    #expect(bolt?.usage.isEmpty == false)
    #expect(close.bridge.tiesOut)
  }
}
