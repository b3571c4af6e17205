import Accounting
import Digest

/// A seeded month of many tenants: most are small and use one route, a few use all ten.
struct BenchMonth {
  let policy: Policy
  let costs: PooledCosts
  let usage: UsageFigures
  let register: TenantRegister
  let coverage: Coverage
  let previous: [String: PreviousStatement]
  let context: PostingContext

  static let document = """
    {"version":1,"name":"bench","currency":"USD","pools":[
      {"name":"tagged","match":{"service":"db"},"method":{"kind":"direct","tag":"tenant"}},
      {"name":"compute","match":{"service":"compute"},"method":{"kind":"proportional","drivers":[
        {"quantity":"upstream_cpu_us","weight":"0.7"},{"quantity":"response_bytes","weight":"0.3"}]}},
      {"name":"network","match":{"service":"network"},"method":{"kind":"proportional",
        "drivers":["response_bytes"]}},
      {"name":"gateway","match":{"service":"gateway"},"method":{"kind":"proportional",
        "drivers":["requests"]}},
      {"name":"platform","method":{"kind":"keep"}}]}
    """

  init(tenants count: Int) throws {
    let period = try Period(parsing: "2026-10")
    let source = Array(Self.document.utf8)
    let policy = try Policy.decode(Self.node(JSONValue(parsing: source)), source: source)
    self.policy = policy
    var random = Generator(state: 20_261_001)
    var usage = UsageFigures()
    var previous: [String: PreviousStatement] = [:]
    let tenants = (0..<count).map { "tenant-\($0)" }
    let routes = (0..<10).map { "route-\($0)" }
    for tenant in tenants {
      // Half use one route, a quarter two, and so on.
      let wanted = min(10, 1 + random.next().trailingZeroBitCount)
      let first = Int(random.next() % 10)
      // Activity spans six orders of magnitude.
      let scale = UInt64(1) << (random.next() % 20)
      for index in 0..<wanted {
        let route = routes[(first + index) % 10]
        let requests = UInt128(1 + random.next() % 100) * UInt128(scale)
        for (quantity, factor) in [
          ("requests", 1), ("cpu_hinted_requests", 1), ("upstream_cpu_us", 730),
          ("response_bytes", 5_113), ("request_bytes", 811), ("duration_us", 41_000),
        ] as [(String, UInt128)] {
          try usage.add(
            tenant: tenant, route: route, quantity: quantity, requests * factor)
        }
      }
      previous[tenant] = PreviousStatement(
        version: 1, total: Money(micros: Int64(scale), currency: policy.currency),
        lines: [.init(pool: "compute", route: routes[first], micros: Int64(scale))])
    }
    self.usage = usage
    self.previous = previous
    costs = try CostPooling.pool(
      Self.records(tenants, period, policy.currency), policy: policy, period: period)
    register = TenantRegister(
      tenants, names: Dictionary(uniqueKeysWithValues: tenants.map { ($0, "\($0) Ltd.") }))
    coverage = Coverage(
      (0..<4).map {
        ProxyCoverage(
          instance: "edge-\($0)", batches: 267_840, from: period.start, to: period.end, holes: [])
      })
    context = PostingContext(
      period: period, version: 1, postedAt: period.end, actor: "bench", reason: "bench",
      policy: policy.digest, imports: [])
  }

  /// A record for every tenth tenant, and one for each other pool.
  private static func records(
    _ tenants: [String], _ period: Period, _ currency: Currency
  ) throws -> [CostRecord] {
    func record(_ service: String, _ cost: String) throws -> CostRecord {
      let amount = try Amount(parsing: cost)
      var record = CostRecord(
        line: 2, billedCost: amount, effectiveCost: amount, currency: currency,
        billingPeriod: period.start..<period.end, chargePeriod: period.start..<period.end)
      record[.service] = service
      return record
    }
    var records = try [
      record("compute", "1234567.89"), record("network", "456789.012345"),
      record("gateway", "98765.4321"), record("other", "55555.55"),
    ]
    for (index, tenant) in tenants.enumerated() where index.isMultiple(of: 10) {
      var own = try record("db", "12.345678901")
      own.tags = ["tenant": tenant]
      records.append(own)
    }
    return records
  }

  private static func node(_ value: JSONValue) -> PolicyNode {
    switch value {
    case .null: PolicyNode(.null)
    case .bool(let flag): PolicyNode(.scalar(flag ? "true" : "false"))
    case .number(let text), .string(let text): PolicyNode(.scalar(text))
    case .array(let elements): PolicyNode(.list(elements.map(node)))
    case .object(let members):
      PolicyNode(.map(members.map { .init($0.key, node($0.value)) }))
    }
  }
}

/// SplitMix64.
private struct Generator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}
