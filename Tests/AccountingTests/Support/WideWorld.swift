import Accounting

/// A random month with everything that a policy can say: all methods, idle cost, minima, exclusions,
/// an order of its own, five currencies with rates of the table, of invoices and of rows, renamed
/// tenants and children.
struct WideWorld {
  let number: Int
  let tenants: [String]
  let policyText: String
  let policy: Policy
  let records: [CostRecord]
  let usageRows: [(tenant: String, route: String, quantity: String, value: UInt128)]
  let externals: [ExternalSeries]
  let plans: [String: String]
  let relations: [TenantRelation]
  let rates: [RateEntry]

  static let currencies = ["USD", "EUR", "JPY", "KWD", "GBP"]
  private static let quantities = ["requests", "upstream_cpu_us", "response_bytes", "stream_ms"]
  private static let plansNamed = ["gold", "silver", "free"]

  init(_ number: Int, _ random: inout SplitMix64, sign: Int? = nil) throws {
    self.number = number
    tenants = (0..<Int.random(in: 2...12, using: &random)).map { "t\($0)" }
    let names = tenants
    usageRows = Self.usage(names, &random)
    let requests = usageRows.filter { $0.quantity == "requests" }
      .reduce(UInt128(0)) { $0 + $1.value }
    let ledger = Self.currencies.randomElement(using: &random) ?? "USD"
    let pools = Int.random(in: 2...9, using: &random)
    var writer = WidePolicy(
      tenants: names, pools: pools, currency: ledger, requests: requests, random: random)
    policyText = writer.text()
    policy = try PolicyText.decode(policyText)
    random = writer.random
    records = (0..<Int.random(in: 1...24, using: &random)).map { line in
      Self.record(line + 2, names, pools: pools, ledger: ledger, sign: sign, &random)
    }
    var values: [String: Amount] = [:]
    for name in names where random.chance(60) {
      values[name] = Amount(units: Int128.random(in: 0...1 << 70, using: &random))
    }
    externals = [try ExternalSeries(name: "gb", unit: "GB-month", values: values)]
    plans = Dictionary(
      uniqueKeysWithValues: names.filter { _ in random.chance(80) }
        .map { ($0, plansNamed(&random)) })
    relations = Self.relations(names, &random)
    rates = try Self.rates(ledger, &random)

    func plansNamed(_ random: inout SplitMix64) -> String {
      Self.plansNamed.randomElement(using: &random) ?? ""
    }
  }

  /// A month that was written down.
  init(
    number: Int, tenants: [String], policyText: String, records: [CostRecord],
    usageRows: [(tenant: String, route: String, quantity: String, value: UInt128)],
    externals: [ExternalSeries], plans: [String: String], relations: [TenantRelation],
    rates: [RateEntry]
  ) throws {
    self.number = number
    self.tenants = tenants
    self.policyText = policyText
    policy = try PolicyText.decode(policyText)
    self.records = records
    self.usageRows = usageRows
    self.externals = externals
    self.plans = plans
    self.relations = relations
    self.rates = rates
  }

  /// Closes the month with some of its inputs in another order or of another sign.
  func close(
    records: [CostRecord]? = nil,
    usage: [(tenant: String, route: String, quantity: String, value: UInt128)]? = nil,
    relations: [TenantRelation]? = nil, rates: [RateEntry]? = nil
  ) throws -> Close {
    try Close(
      records ?? self.records, policy: policy, usage: try Fixtures.usage(usage ?? usageRows),
      externals: externals, plans: plans, history: TenantHistory(relations ?? self.relations),
      rates: RateBook(rates ?? self.rates))
  }

  /// The same month after more came in: usage, and records that are new, changed or gone.
  func later(
    _ random: inout SplitMix64
  ) -> (
    records: [CostRecord],
    usage: [(tenant: String, route: String, quantity: String, value: UInt128)]
  ) {
    var usage = usageRows
    for row in usageRows where random.chance(15) {
      usage.append(row)
      usage[usage.count - 1].value = UInt128.random(in: 1...1 << 30, using: &random)
    }
    var records = records
    for _ in 0..<Int.random(in: 0...3, using: &random) {
      let index = Int.random(in: 0..<records.count, using: &random)
      let new = Self.record(
        1_000 + records.count, tenants, pools: policy.pools.count, ledger: policy.currency.code,
        sign: nil, &random)
      switch Int.random(in: 0..<3, using: &random) {
      case 0: records.append(new)
      case 1: records[index] = new
      default: if records.count > 1 { records.remove(at: index) }
      }
    }
    return (records, usage)
  }

  /// The rate of a record in the ledger's currency, found again without the product's code: what is
  /// allocated, and what the invoice is paid at.
  func rates(of record: CostRecord) -> (allocated: Amount, paid: Amount)? {
    if record.currency == policy.currency {
      let one = Amount(units: Amount.unitsPerOne)
      return (one, one)
    }
    let own = rates.filter { $0.from == record.currency }
    let invoice = own.first { $0.invoice == record[.invoice] }?.rate
    let table = own.first { $0.invoice == nil }?.rate
    var row: Amount?
    if let text = record[.exchangeRate], record[.exchangeCurrency] == policy.currency.code {
      row = try? Amount(parsing: text)
    }
    guard let allocated = row ?? invoice ?? table else { return nil }
    return (allocated, invoice ?? allocated)
  }

  private static func record(
    _ line: Int, _ tenants: [String], pools: Int, ledger: String, sign: Int?,
    _ random: inout SplitMix64
  ) -> CostRecord {
    let digits = Int.random(in: 0...18, using: &random)
    let whole = Int64.random(
      in: 0...Int64(1) << Int64.random(in: 0...30, using: &random), using: &random)
    let fraction = String(
      UInt64.random(in: 1_000_000_000_000_000_000...1_999_999_999_999_999_999, using: &random)
    ).dropFirst().prefix(digits)
    let isNegative = sign.map { $0 < 0 } ?? random.chance(30)
    let cost = "\(isNegative ? "-" : "")\(whole)" + (digits == 0 ? "" : ".\(fraction)")
    let billed = random.chance(50) ? nil : "\(Int.random(in: -999...999, using: &random)).123"
    let currency = random.chance(50) ? ledger : currencies.randomElement(using: &random) ?? ledger
    var record = Fixtures.record(
      cost, billed: billed, service: "s\(Int.random(in: 0...pools, using: &random))", line: line,
      currency: currency)
    record[.invoice] = "INV-\(Int.random(in: 1...3, using: &random))"
    record[.subAccount] = random.chance(80) ? "a\(Int.random(in: 0..<3, using: &random))" : nil
    let day = Int64.random(in: 0..<31, using: &random) * 86_400_000_000
    record.chargePeriodStart = UTCInstant(
      microseconds: Fixtures.october.start.microseconds + day)
    if random.chance(70) {
      record.tags["tenant"] = random.chance(5) ? "no id!" : tenants.randomElement(using: &random)
    }
    if currency != ledger, random.chance(20) {
      record[.exchangeRate] = "\(Int.random(in: 1...200, using: &random)).0625"
      record[.exchangeCurrency] = random.chance(80) ? ledger : "CHF"
    }
    return record
  }

  private static func usage(
    _ tenants: [String], _ random: inout SplitMix64
  ) -> [(tenant: String, route: String, quantity: String, value: UInt128)] {
    let alive = quantities.filter { _ in random.chance(75) }
    var rows: [(tenant: String, route: String, quantity: String, value: UInt128)] = []
    guard !alive.isEmpty else { return rows }
    for _ in 0..<Int.random(in: 0...40, using: &random) {
      let reserved = random.chance(10) ? TenantNaming.reserved.randomElement(using: &random) : nil
      let bits = UInt128.random(in: 0..<44, using: &random)
      rows.append(
        (
          tenant: reserved ?? tenants.randomElement(using: &random) ?? "",
          route: World.routes.randomElement(using: &random) ?? "",
          quantity: alive.randomElement(using: &random) ?? "",
          value: UInt128.random(in: 0...UInt128(1) << bits, using: &random)
        ))
    }
    return rows
  }

  /// One relation a tenant leads upward in the list, so that no circle can come about; where a second
  /// one of the other kind brings no fault, some have both.
  private static func relations(
    _ tenants: [String], _ random: inout SplitMix64
  ) -> [TenantRelation] {
    guard random.chance(40) else { return [] }
    func relation(_ kind: TenantRelation.Kind, _ index: Int) -> TenantRelation {
      let day = Int64.random(in: -40..<45, using: &random) * 86_400_000_000
      let from = UTCInstant(microseconds: Fixtures.october.start.microseconds + day)
      let end = UTCInstant(microseconds: from.microseconds + 20 * 86_400_000_000)
      return TenantRelation(
        kind: kind, tenant: tenants[index],
        target: tenants[Int.random(in: 0..<index, using: &random)],
        from: from, to: random.chance(50) ? end : nil)
    }
    var relations: [TenantRelation] = []
    for index in tenants.indices.dropFirst() where random.chance(30) {
      let kind: TenantRelation.Kind = random.chance(50) ? .alias : .parent
      relations.append(relation(kind, index))
    }
    for first in relations where random.chance(40) {
      let index = tenants.firstIndex(of: first.tenant) ?? 0
      let second = relation(first.kind == .alias ? .parent : .alias, index)
      if TenantHistory.faults(relations + [second]).isEmpty { relations.append(second) }
    }
    return relations
  }

  private static func rates(
    _ ledger: String, _ random: inout SplitMix64
  ) throws -> [RateEntry] {
    var rates: [RateEntry] = []
    let to = Fixtures.currency(ledger)
    for code in currencies where code != ledger {
      let from = Fixtures.currency(code)
      for invoice in [nil, "INV-1", "INV-2"] where invoice == nil || random.chance(30) {
        let rate = Amount(units: Int128.random(in: 1...300 * Amount.unitsPerOne, using: &random))
        // One day before the month, and old enough for the whole of it under the worlds' policy.
        rates.append(
          try RateEntry(
            day: UTCInstant(
              microseconds: Fixtures.october.start.microseconds - 86_400_000_000), from: from,
            to: to, rate: rate, source: "bank", invoice: invoice))
      }
    }
    return rates
  }
}

/// Writes a random policy: a pool for each service but one, in an order of allocation that lets
/// references look back.
struct WidePolicy {
  let tenants: [String]
  let pools: Int
  let currency: String
  let requests: UInt128
  var random: SplitMix64

  mutating func text() -> String {
    let order = Array(0..<pools).shuffled(using: &random)
    var methods: [Int: String] = [:]
    var kinds: [Int: String] = [:]
    for (place, pool) in order.enumerated() {
      let earlier = order[..<place].filter { kinds[$0] != "follow" }
      let (kind, method, idle) = method(earlier: Array(earlier))
      kinds[pool] = kind
      let excluded = random.chance(10) && kind != "fixed" ? #","exclude":["t1"]"# : ""
      methods[pool] = #""method":\#(method)\#(idle)\#(excluded)"#
    }
    let bodies = (0..<pools).map { pool in
      #"{"name":"p\#(pool)","match":{"service":"s\#(pool)"},\#(methods[pool] ?? "")}"#
    }
    let reserved =
      random.chance(25) ? #""reserved_tenants":{"unattributed":"exclude"},"# : ""
    return """
      {"version":1,"name":"wide","currency":"\(currency)","externals":["gb"],\(reserved)
      "conversion":{"age_days_max":60},
      "order":[\(order.map { "\"p\($0)\"" }.joined(separator: ","))],
      "pools":[\(bodies.joined(separator: ","))]}
      """
  }

  private mutating func method(
    earlier: [Int]
  ) -> (kind: String, method: String, idle: String) {
    switch Int.random(in: 0..<(earlier.isEmpty ? 8 : 12), using: &random) {
    case 0: return ("keep", #"{"kind":"keep"}"#, "")
    case 1: return ("direct", #"{"kind":"direct","tag":"tenant"}"#, "")
    case 2:
      let over = random.chance(50) ? "active" : "registered"
      return ("even", #"{"kind":"even","over":"\#(over)"}"#, idle())
    case 3: return ("fixed", fixed(), "")
    case 4:
      let method =
        #"{"kind":"tiered","plans":{"gold":"5.5","free":"0"},"otherwise":"1"\#(minimum())}"#
      return ("tiered", method, idle())
    case 8, 9:
      let of = random.chance(50) ? #","of":[\#(some(of: earlier))]"# : ""
      return (
        "overhead", #"{"kind":"overhead"\#(of),"fallback":"even"\#(minimum())}"#, idle()
      )
    case 10, 11:
      let of = random.chance(50) ? #","of":[\#(some(of: earlier))]"# : ""
      let by = random.chance(50) ? #"["sub_account"]"# : #"["sub_account","invoice"]"#
      return ("follow", #"{"kind":"follow","by":\#(by)\#(of)}"#, "")
    default: return ("proportional", proportional(), idle())
    }
  }

  private mutating func some(of earlier: [Int]) -> String {
    let count = Int.random(in: 1...earlier.count, using: &random)
    return earlier.shuffled(using: &random).prefix(count).map { "\"p\($0)\"" }
      .joined(separator: ",")
  }

  private mutating func minimum() -> String {
    guard random.chance(30) else { return "" }
    let micros = Int64.random(
      in: 1...Int64(1) << Int64.random(in: 1...36, using: &random), using: &random)
    return #","minimum":"\#(Amount(micros: micros))""#
  }

  private mutating func fixed() -> String {
    guard random.chance(50) else {
      let percent = Int.random(in: 1...98, using: &random)
      let kept = Amount(units: Int128(9_975 - percent * 100) * (Amount.unitsPerOne / 100))
      let parts = #""t0":"\#(percent)","t1":"0.25","~kept":"\#(kept)""#
      return #"{"kind":"fixed","percents":{\#(parts)}}"#
    }
    let parts = tenants.prefix(3).map {
      #""\#($0)":"\#(Amount(micros: Int64.random(in: 1...1 << 40, using: &random)))""#
    }
    let rest = random.chance(50) ? "keep" : "unallocated"
    return #"{"kind":"fixed","amounts":{\#(parts.joined(separator: ","))},"rest":"\#(rest)"}"#
  }

  private mutating func proportional() -> String {
    let count = Int.random(in: 1...3, using: &random)
    let names = ["requests", "upstream_cpu_us", "response_bytes", "stream_ms", "gb"]
      .shuffled(using: &random).prefix(count)
    let weights = [
      ["1"], ["0.7", "0.3"], ["0.123456789012345678", "0.5", "0.376543210987654322"],
    ]
    let drivers = zip(names, weights[count - 1]).map { driver($0, weight: $1) }
    let fallback =
      ["\"unallocated\"", "\"even\"", #"{"quantity":"requests"}"#].randomElement(using: &random)
      ?? ""
    return """
      {"kind":"proportional","drivers":[\(drivers.joined(separator: ","))],"fallback":\(fallback)\
      \(minimum())}
      """
  }

  private mutating func driver(_ name: String, weight: String) -> String {
    if name == "gb" { return #"{"external":"gb","weight":"\#(weight)"}"# }
    let routes = random.chance(15) ? #","routes":["api","search"]"# : ""
    let factors = random.chance(15) ? #","route_weights":{"api":"2.5","files":"0"}"# : ""
    return #"{"quantity":"\#(name)","weight":"\#(weight)"\#(routes)\#(factors)}"#
  }

  private mutating func idle() -> String {
    guard random.chance(25) else { return "" }
    let capacity = requests + 1 + UInt128.random(in: 0...requests, using: &random)
    let treatments = [
      "\"keep\"", "\"usage\"", "\"even\"", #"{"drivers":[{"external":"gb"}]}"#,
      #"{"threshold":"12.5"}"#,
    ]
    let treatment = treatments.randomElement(using: &random) ?? "\"keep\""
    return #","idle":{"used":"requests","capacity":"\#(capacity)","treatment":\#(treatment)}"#
  }
}
