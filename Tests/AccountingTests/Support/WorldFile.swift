import Accounting

/// A wide world as one line of JSON, so that other programs can close the same month.
enum WorldFile {
  /// The inputs of a month.
  static func inputs(_ world: WideWorld) -> JSONValue {
    .object([
      .init("number", .integer(world.number)), .init("policy", .string(world.policyText)),
      .init("records", .array(world.records.map(record))),
      .init(
        "usage",
        .array(
          world.usageRows.map {
            .array([
              .string($0.tenant), .string($0.route), .string($0.quantity),
              .string(String($0.value)),
            ])
          })),
      .init(
        "externals",
        .array(
          world.externals.flatMap { series in
            series.values.sorted { $0.key < $1.key }.map {
              .array([
                .string(series.name), .string($0.key), .string($0.value.description),
              ])
            }
          })),
      .init(
        "plans",
        .object(
          world.plans.sorted { $0.key < $1.key }.map { .init($0.key, .string($0.value)) })),
      .init(
        "relations",
        .array(
          world.relations.map { relation in
            .array([
              .string(relation.kind.rawValue), .string(relation.tenant),
              .string(relation.target), .string(day(relation.from)),
              .string(relation.to.map(day) ?? ""),
            ])
          })),
      .init(
        "rates",
        .array(
          world.rates.map { rate in
            .array([
              .string(day(rate.day)), .string(rate.from.code), .string(rate.to.code),
              .string(rate.rate.description), .string(rate.invoice ?? ""),
            ])
          })),
    ])
  }

  /// What a close comes to: every share of every pool, and every printed account.
  static func outcome(_ close: Close) -> JSONValue {
    .object([
      .init("exact_total", .string(close.allocation.exactTotal.description)),
      .init(
        "pools",
        .array(
          close.allocation.pools.map { pool in
            .object([
              .init("pool", .string(pool.pool)), .init("exact", .string(pool.exact.description)),
              .init("posted", .string(pool.posted.text)),
              .init(
                "shares",
                .object(
                  pool.shares.map { .init($0.owner.account.text, .string($0.amount.text)) })),
            ])
          })),
      .init(
        "printed",
        .object(
          close.statements.summary.rows.map { .init($0.account.text, .string($0.printedText)) })),
    ])
  }

  private static func day(_ instant: UTCInstant) -> String {
    String(instant.description.prefix(10))
  }

  private static let fields: [CostField] = [
    .service, .invoice, .subAccount, .exchangeRate, .exchangeCurrency,
  ]

  private static func record(_ record: CostRecord) -> JSONValue {
    var members: [JSONValue.Member] = [
      .init("line", .integer(record.line)),
      .init("effective", .string(record.effectiveCost.description)),
      .init("currency", .string(record.currency.code)),
      .init("charge", .string(day(record.chargePeriodStart))),
      .init("tenant", .text(record.tags["tenant"])),
    ]
    for field in fields { members.append(.init(field.name, .text(record[field]))) }
    return .object(members)
  }

  /// The month of a line.
  static func world(_ value: JSONValue) throws -> WideWorld {
    func rows(_ key: String) -> [[String]] {
      (value[key]?.asArray ?? []).map { ($0.asArray ?? []).compactMap(\.asString) }
    }
    let usage = rows("usage").map { row in
      (tenant: row[0], route: row[1], quantity: row[2], value: UInt128(row[3]) ?? 0)
    }
    var series: [String: Amount] = [:]
    for row in rows("externals") { series[row[1]] = try Amount(parsing: row[2]) }
    var plans: [String: String] = [:]
    if case .object(let members) = value["plans"] {
      for member in members { plans[member.key] = member.value.asString }
    }
    return try WideWorld(
      number: Int(value["number"]?.asInteger ?? 0), tenants: [],
      policyText: value["policy"]?.asString ?? "",
      records: try (value["records"]?.asArray ?? []).map(costRecord), usageRows: usage,
      externals: [try ExternalSeries(name: "gb", unit: "GB-month", values: series)],
      plans: plans,
      relations: try rows("relations").map { row in
        TenantRelation(
          kind: row[0] == "alias" ? .alias : .parent, tenant: row[1], target: row[2],
          from: try UTCInstant(parsing: row[3]),
          to: row[4].isEmpty ? nil : try UTCInstant(parsing: row[4]))
      },
      rates: try rows("rates").map { row in
        try RateEntry(
          day: try UTCInstant(parsing: row[0]), from: Fixtures.currency(row[1]),
          to: Fixtures.currency(row[2]), rate: Fixtures.amount(row[3]), source: "bank",
          invoice: row[4].isEmpty ? nil : row[4])
      })
  }

  private static func costRecord(_ value: JSONValue) throws -> CostRecord {
    var record = Fixtures.record(
      value["effective"]?.asString ?? "", line: Int(value["line"]?.asInteger ?? 0),
      currency: value["currency"]?.asString ?? "")
    record.chargePeriodStart = try UTCInstant(parsing: value["charge"]?.asString ?? "")
    record.tags["tenant"] = value["tenant"]?.asString
    for field in fields { record[field] = value[field.name]?.asString }
    return record
  }
}
