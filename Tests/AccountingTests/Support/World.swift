import Accounting

/// A random month: records of both signs, a policy over all methods, usage with holes in it.
struct World {
  /// The policy document, as JSON.
  let policyText: String
  let policy: Policy
  let records: [CostRecord]
  let usage: UsageFigures
  /// What `usage` was made of, in the order in which it was added.
  let usageRows: [(tenant: String, route: String, quantity: String, value: UInt128)]

  static let quantities = ["requests", "upstream_cpu_us", "response_bytes", "stream_ms"]
  static let routes = ["api", "files", "search"]

  init(_ random: inout SplitMix64) throws {
    let pools = (0..<Int.random(in: 1...5, using: &random)).map { Self.pool($0, &random) }
    policyText = """
      {"version":1,"name":"world","currency":"USD",\(Self.reserved(&random))
      "pools":[\(pools.joined(separator: ","))]}
      """
    policy = try PolicyText.decode(policyText)
    records = (0..<Int.random(in: 1...12, using: &random)).map { _ in Self.record(&random) }
    usageRows = Self.usage(&random)
    usage = try Fixtures.usage(usageRows)
  }

  private static func reserved(_ random: inout SplitMix64) -> String {
    random.chance(30) ? #""reserved_tenants":{"unattributed":"exclude"},"# : ""
  }

  private static func pool(_ index: Int, _ random: inout SplitMix64) -> String {
    #"{"name":"pool-\#(index)","match":{"service":"s\#(index)"},"method":\#(method(&random))}"#
  }

  private static func method(_ random: inout SplitMix64) -> String {
    switch Int.random(in: 0..<6, using: &random) {
    case 0: return #"{"kind":"keep"}"#
    case 1: return #"{"kind":"direct","tag":"tenant"}"#
    default:
      let count = Int.random(in: 1...3, using: &random)
      let names = quantities.shuffled(using: &random).prefix(count)
      let weights = [
        ["1"], ["0.7", "0.3"], ["0.123456789012345678", "0.5", "0.376543210987654322"],
      ]
      let drivers = zip(names, weights[count - 1]).map { driver($0, weight: $1, &random) }
      let fallback =
        ["\"unallocated\"", "\"even\"", #"{"quantity":"requests"}"#]
        .randomElement(using: &random) ?? ""
      return """
        {"kind":"proportional","drivers":[\(drivers.joined(separator: ","))],"fallback":\(fallback)}
        """
    }
  }

  private static func driver(
    _ name: String, weight: String, _ random: inout SplitMix64
  ) -> String {
    let routes = random.chance(20) ? #","routes":["api","search"]"# : ""
    let factors = random.chance(20) ? #","route_weights":{"api":"2.5","files":"0"}"# : ""
    return #"{"quantity":"\#(name)","weight":"\#(weight)"\#(routes)\#(factors)}"#
  }

  private static func record(_ random: inout SplitMix64) -> CostRecord {
    let digits = Int.random(in: 0...18, using: &random)
    let whole = Int64.random(in: 0...1_000_000, using: &random)
    let fraction = UInt64.random(in: 0...999_999_999_999_999_999, using: &random)
    let padded = String(String(fraction + 1_000_000_000_000_000_000).dropFirst().prefix(digits))
    let sign = random.chance(30) ? "-" : ""
    let cost = digits == 0 ? "\(sign)\(whole)" : "\(sign)\(whole).\(padded)"
    let service = "s\(Int.random(in: 0..<6, using: &random))"
    let billed = random.chance(50) ? nil : "\(Int.random(in: -999...999, using: &random)).123"
    var record = Fixtures.record(cost, billed: billed, service: service)
    if random.chance(70) { record.tags["tenant"] = tenant(&random) }
    return record
  }

  private static func tenant(_ random: inout SplitMix64) -> String {
    "t\(Int.random(in: 0..<8, using: &random))"
  }

  private static func usage(
    _ random: inout SplitMix64
  ) -> [(tenant: String, route: String, quantity: String, value: UInt128)] {
    // A quantity that nobody used is common, so that drivers become zero.
    let alive = quantities.filter { _ in random.chance(70) }
    var rows: [(tenant: String, route: String, quantity: String, value: UInt128)] = []
    guard !alive.isEmpty else { return rows }
    for _ in 0..<Int.random(in: 0...30, using: &random) {
      let reserved = random.chance(10) ? TenantNaming.reserved.randomElement(using: &random) : nil
      let bits = UInt128.random(in: 0..<44, using: &random)
      rows.append(
        (
          tenant: reserved ?? tenant(&random),
          route: routes.randomElement(using: &random) ?? "",
          quantity: alive.randomElement(using: &random) ?? "",
          value: UInt128.random(in: 0...UInt128(1) << bits, using: &random)
        ))
    }
    return rows
  }
}
