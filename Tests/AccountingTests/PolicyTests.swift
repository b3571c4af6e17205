import Accounting
import Digest
import Testing

struct PolicyTests {
  private static func policy(_ pools: String, extra: String = "") -> String {
    #"{"version":1,"name":"p","currency":"USD"\#(extra),"pools":[\#(pools)]}"#
  }

  @Test func `a policy is read whole and hashed over its bytes`() throws {
    let text = Self.policy(
      """
      {"name":"db","match":{"service_category":"Databases","region":["eu","us"],
        "sku":{"prefix":"db-"},"tags":{"team":"data"}},
       "method":{"kind":"proportional","drivers":[
         {"quantity":"upstream_cpu_us","weight":"0.7","routes":["api"]},
         {"external":"gb_months","weight":0.3}],"fallback":{"quantity":"requests"}}},
      {"name":"rest","method":{"kind":"keep"}}
      """, extra: #","externals":["gb_months"],"reserved_tenants":{"invalid":"exclude"}"#)
    let policy = try PolicyText.decode(text)

    #expect(policy.digest == SHA256.hash(text))
    #expect(policy.pools.map(\.name) == ["db", "rest"])
    #expect(policy.reserved["~invalid"] == .exclude)
    #expect(policy.reserved["~overflow"] == .unallocated)
    #expect(policy.externalsInUse == ["gb_months"])
    guard case .proportional(let rule) = policy.pools[0].method else {
      Issue.record("not proportional")
      return
    }
    #expect(rule.drivers.map(\.weight.description) == ["0.7", "0.3"])
    #expect(rule.drivers[0].routes == ["api"])
  }

  @Test(arguments: [
    (
      #"{"name":"a","method":{"kind":"proportional","drivers":["cpu"]}}"#,
      #"pools[0].method.drivers[0]: unknown quantity "cpu""#
    ),
    (
      #"{"name":"a","method":{"kind":"proportional","drivers":[{"quantity":"cpu"}]}}"#,
      #"pools[0].method.drivers[0].quantity: unknown quantity "cpu""#
    ),
    (
      """
      {"name":"a","method":{"kind":"proportional","drivers":[
        {"quantity":"requests","weight":0.5},{"quantity":"attempts","weight":0.4}]}}
      """,
      "pools[0].method.drivers: the weights sum to 0.9, they must sum to 1"
    ),
    (#"{"name":"a"}"#, "pools[0].method: is missing"),
    (#"{"name":"a","method":{}}"#, "pools[0].method.kind: is missing"),
    (
      #"{"name":"a","method":{"kind":"fair"}}"#,
      #"pools[0].method.kind: unknown method "fair" (known: direct, proportional, even, fixed, tiered, overhead, follow, keep)"#
    ),
    (
      #"{"name":"~a","method":{"kind":"keep"}}"#,
      #"pools[0].name: "~a" is not 1 to 64 of A-Z a-z 0-9 . _ - beginning with a letter or digit"#
    ),
    (
      #"{"name":"a","method":{"kind":"keep","tag":"x"}}"#,
      "pools[0].method.tag: unknown key (known: kind)"
    ),
    (
      #"{"name":"a","method":{"kind":"direct"}}"#,
      "pools[0].method: a direct method needs either tag or field"
    ),
    (
      #"{"name":"a","method":{"kind":"direct","field":"account"}}"#,
      #"pools[0].method.field: unknown field "account""#
    ),
    (
      #"{"name":"a","method":{"kind":"direct","tag":"t","map":{"x":"~y"}}}"#,
      #"pools[0].method.map.x: "~y" is not a tenant id"#
    ),
    (
      #"{"name":"a","match":{"any":[]},"method":{"kind":"keep"}}"#,
      "pools[0].match.any: must not be empty"
    ),
    (
      #"{"name":"a","match":{"sku":{"prefix":"a","in":["b"]}},"method":{"kind":"keep"}}"#,
      "pools[0].match.sku: must have exactly one of equals, in, prefix, present"
    ),
    (
      #"{"name":"a","method":{"kind":"proportional","drivers":[{"external":"gb"}]}}"#,
      #"pools[0].method.drivers[0].external: "gb" is not declared under externals"#
    ),
    (
      """
      {"name":"a","method":{"kind":"proportional","drivers":["requests"],"fallback":"previous"}}
      """,
      #"pools[0].method.fallback: must be unallocated, even or a driver, not "previous""#
    ),
    (
      """
      {"name":"a","method":{"kind":"proportional","drivers":[
        {"quantity":"requests","route_weights":{"api":"-1"}}]}}
      """,
      "pools[0].method.drivers[0].route_weights.api: must not be negative"
    ),
    (
      #"{"name":"a","method":{"kind":"keep"}},{"name":"a","method":{"kind":"keep"}}"#,
      #"pools[1].name: "a" is already the name of a pool"#
    ),
    ("", "pools: must not be empty"),
  ])
  func `each fault is named with its path`(pools: String, fault: String) throws {
    #expect(try PolicyText.faults(Self.policy(pools)) == [fault])
  }

  @Test func `an unknown field names the known ones`() throws {
    let faults = try PolicyText.faults(
      Self.policy(#"{"name":"a","match":{"servce":"x"},"method":{"kind":"keep"}}"#))

    #expect(faults.count == 1)
    #expect(faults[0].hasPrefix("pools[0].match.servce: unknown field (known: tags, all,"))
  }

  @Test func `all faults come at once`() throws {
    let faults = try PolicyText.faults(
      #"{"version":2,"currency":"XXX","colour":"red","pools":[{"name":"a","method":7}]}"#)

    #expect(
      faults == [
        "colour: unknown key (known: version, name, currency, units, externals, "
          + "reserved_tenants, exclude, conversion, order, pools)",
        #"version: this Weir reads policy version 1, the document has "2""#, "name: is missing",
        #"currency: "XXX" is not an ISO 4217 currency"#,
        "pools[0].method: must be a mapping, not a single value",
      ])
  }

  @Test func `a fault names the line of the document`() throws {
    let node = PolicyNode(.map([.init("versoin", PolicyNode(.scalar("1"), line: 3))]), line: 1)
    let faults = #expect(throws: PolicyFaults.self) { try Policy.decode(node, source: []) }

    #expect(faults?.faults.first?.line == 3)
    #expect(faults?.faults.first?.description.hasSuffix("(line 3)") == true)
  }

  @Test func `a key that stands twice is a fault`() throws {
    let twice = PolicyNode(
      .map([
        .init("name", PolicyNode(.scalar("a"))), .init("name", PolicyNode(.scalar("b"))),
      ]))
    let faults = #expect(throws: PolicyFaults.self) { try Policy.decode(twice, source: []) }

    #expect(faults?.faults.contains { $0.reason == "the key stands twice" } == true)
  }

  @Test(arguments: [
    (#"{"service":"compute"}"#, true), (#"{"service":"storage"}"#, false),
    (#"{"service":["x","compute"]}"#, true), (#"{"service":{"prefix":"comp"}}"#, true),
    (#"{"service":{"prefix":"omp"}}"#, false), (#"{"region":"eu"}"#, false),
    (#"{"region":{"present":false}}"#, true), (#"{"service":{"present":true}}"#, true),
    (#"{"tags":{"team":"a"}}"#, true), (#"{"tags":{"team":{"in":["b","c"]}}}"#, false),
    (#"{"tags":{"none":{"present":false},"team":{"present":true}}}"#, true),
    (#"{"not":{"service":"compute"}}"#, false), ("{}", true),
    (#"{"any":[{"service":"x"},{"tags":{"team":"a"}}]}"#, true),
    (#"{"service":"compute","charge_category":"Tax"}"#, false),
    (#"{"all":[{"service":"compute"},{"not":{"charge_category":"Tax"}}]}"#, true),
  ])
  func `filters take what they say`(match: String, isTaken: Bool) throws {
    let policy = try PolicyText.decode(
      Self.policy(#"{"name":"a","match":\#(match),"method":{"kind":"keep"}}"#))
    var record = Fixtures.record("1")
    record.tags = ["team": "a"]

    #expect(policy.pools[0].filter.takes(record) == isTaken)
  }

  @Test func `the explanation has a sentence for every pool`() throws {
    let policy = try PolicyText.decode(
      Self.policy(
        """
        {"name":"tagged","match":{"tags":{"tenant":{"present":true}}},
         "method":{"kind":"direct","tag":"tenant"}},
        {"name":"cpu","method":{"kind":"proportional","drivers":["upstream_cpu_us"]}}
        """))

    #expect(
      policy.explanation[1]
        == "1. tagged: takes records where tag tenant is there; the tenant stands in tag tenant.")
    #expect(
      policy.explanation[2]
        == "2. cpu: takes records where anything; split by 1 upstream_cpu_us; "
        + "when all are zero: unallocated.")
  }
}
