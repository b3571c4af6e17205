import Accounting
import Testing

/// References between pools, and the rules of the methods that need no driver.
struct PolicyOrderTests {
  private static func faults(_ pools: String, extra: String = "") throws -> [String] {
    try PolicyText.faults(
      #"{"version":1,"name":"p","currency":"USD"\#(extra),"pools":[\#(pools)]}"#)
  }

  private static let cpu = #"{"kind":"proportional","drivers":["requests"]}"#

  @Test func `a reference to a later pool says what to do`() throws {
    let pools = #"""
      {"name":"support","method":{"kind":"overhead","of":["cpu"]}},{"name":"cpu","method":\#(Self.cpu)}
      """#

    #expect(
      try Self.faults(pools) == [
        #"pools[0].method.of[0]: "cpu" is allocated later; move it up, or give the order of allocation under order"#
      ])
    #expect(try Self.faults(pools, extra: #","order":["cpu","support"]"#).isEmpty)
    #expect(
      try Self.faults(pools, extra: #","order":["support","cpu"]"#) == [
        #"pools[0].method.of[0]: "cpu" is allocated later; put it before "support" in order"#
      ])
  }

  @Test func `a circle is named as one`() throws {
    let pools = """
      {"name":"a","method":{"kind":"overhead","of":["b"]}},
      {"name":"b","method":{"kind":"overhead","of":["c"]}},
      {"name":"c","method":{"kind":"overhead","of":["a"]}},
      {"name":"d","method":{"kind":"overhead","of":["d"]}}
      """

    #expect(
      try Self.faults(pools) == [
        "pools[0].method.of[0]: no order can serve this circle: a needs b needs c needs a",
        "pools[1].method.of[0]: no order can serve this circle: a needs b needs c needs a",
        "pools[2].method.of[0]: no order can serve this circle: a needs b needs c needs a",
        "pools[3].method.of[0]: a pool cannot be spread by itself",
      ])
  }

  @Test func `an order names every pool once`() throws {
    let pools = #"{"name":"a","method":{"kind":"keep"}},{"name":"b","method":{"kind":"keep"}}"#

    #expect(
      try Self.faults(pools, extra: #","order":["a","a","c"]"#) == [
        #"order[1]: "a" stands twice"#, #"order[2]: there is no pool "c""#,
        #"order: the pool "b" is missing"#,
      ])
  }

  @Test(arguments: [
    (#"{"kind":"overhead"}"#, "pools[0].method: no pool is allocated before it"),
    (#"{"kind":"follow"}"#, "pools[0].method.by: is missing"),
    (
      #"{"kind":"fixed","percents":{"acme":"60","bolt":"39.9"}}"#,
      "pools[0].method.percents: the percents sum to 99.9, they must sum to 100"
    ),
    (#"{"kind":"fixed"}"#, "pools[0].method: a fixed method needs either percents or amounts"),
    (
      #"{"kind":"fixed","amounts":{"acme":"0.0000001"}}"#,
      "pools[0].method.amounts.acme: must have at most 6 fraction digits and be below 9 * 10^12"
    ),
    (
      #"{"kind":"fixed","amounts":{"acme":"-1"}}"#,
      "pools[0].method.amounts.acme: must be greater than 0"
    ),
    (
      #"{"kind":"even","over":"all"}"#,
      #"pools[0].method.over: must be active or registered, not "all""#
    ),
    (
      #"{"kind":"tiered","plans":{"gold":"-1"}}"#,
      "pools[0].method.plans.gold: must not be negative"
    ),
    (
      #"{"kind":"keep","minimum":"1"}"#,
      "pools[0].method.minimum: unknown key (known: kind)"
    ),
  ])
  func `each rule of a method is told by its place`(method: String, fault: String) throws {
    #expect(try Self.faults(#"{"name":"a","method":\#(method)}"#) == [fault])
  }

  @Test(arguments: [
    (
      #"{"used":"requests","capacity":"0"}"#, "pools[0].idle.capacity: must be greater than 0"
    ),
    (#"{"used":"requests"}"#, "pools[0].idle.capacity: is missing"),
    (
      #"{"used":"requests","capacity":"1","treatment":"hide"}"#,
      #"pools[0].idle.treatment: must be keep, usage, even, drivers or threshold, not "hide""#
    ),
    (
      #"{"used":"requests","capacity":"1","treatment":{"threshold":"101"}}"#,
      "pools[0].idle.treatment.threshold: must be at most 100"
    ),
  ])
  func `each rule of idle cost is told by its place`(idle: String, fault: String) throws {
    #expect(
      try Self.faults(#"{"name":"a","method":\#(Self.cpu),"idle":\#(idle)}"#) == [fault])
  }

  @Test func `a pool without shares has no idle part`() throws {
    let idle = #""idle":{"used":"requests","capacity":"5"}"#

    #expect(
      try Self.faults(#"{"name":"a","method":{"kind":"keep"},\#(idle)}"#)
        == ["pools[0].idle: a pool with the method keep has no idle part"])
  }

  @Test func `a tenant with a stated part cannot be excluded`() throws {
    let pool = #"{"name":"a","method":{"kind":"fixed","percents":{"acme":"100"}}}"#

    #expect(
      try Self.faults(pool, extra: #","exclude":["acme"]"#)
        == ["pools[0].method: acme has a part here and is excluded"])
  }

  @Test func `the explanation says every rule in words`() throws {
    let policy = try PolicyText.decode(
      """
      {"version":1,"name":"p","currency":"JPY","externals":["cap"],"exclude":["lab"],
       "conversion":{"order":["table"],"day":"month_average"},
       "order":["cpu","flat","plans","tax","rest"],"pools":[
       {"name":"rest","match":{"service":"r"},"method":{"kind":"overhead","minimum":"2"}},
       {"name":"tax","match":{"service":"t"},"method":{"kind":"follow","by":["invoice"]}},
       {"name":"cpu","match":{"service":"c"},"method":\(Self.cpu),
        "idle":{"used":"requests","capacity":{"external":"cap"}}},
       {"name":"flat","match":{"service":"f"},
        "method":{"kind":"fixed","percents":{"acme":"60","~kept":"40"}}},
       {"name":"plans","match":{"service":"p"},"method":{"kind":"tiered","plans":{"gold":"2"}}}]}
      """)
    let text = policy.explanation.joined(separator: "\\n")

    for part in [
      "spread by what all earlier pools gave each tenant; when that is nothing: unallocated. "
        + "Each active tenant bears at least 2.",
      "follows the rows of all earlier pools with the same invoice.",
      "What 1 requests leaves of the sum of series cap is idle, a line of its own: the platform "
        + "keeps it.",
      "stated parts: acme 60 %, ~kept 40 %.", "active tenants by plan: gold 2, any other 0.",
      "The pools are allocated in the order cpu, flat, plans, tax, rest.",
      "lab take no part in shared costs.",
      "Costs in other currencies are converted by the mean of the table's rates of the period.",
    ] { #expect(text.contains(part), "\(part)") }
    #expect(policy.externalsInUse == ["cap"])
  }
}
