import Accounting
import Foundation
import Store
import Usage

/// The small world of the worked example: three tenants, USD 100 of compute, and what else a month
/// has.
enum World {
  static let policy = """
    version: 1
    name: worked-example
    currency: USD
    pools:
      - name: compute
        match: {service: Compute}
        method:
          kind: proportional
          drivers:
            - {quantity: upstream_cpu_us, weight: 1}
      - name: support
        match: {service: Support}
        method: {kind: keep}
    """

  static let header = [
    "ProviderName", "PublisherName", "InvoiceIssuerName", "BillingAccountId", "BillingAccountName",
    "BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd",
    "ChargeCategory", "ChargeClass", "ChargeDescription", "BilledCost", "EffectiveCost",
    "ListCost", "ContractedCost", "BillingCurrency", "PricingQuantity", "PricingUnit",
    "ServiceCategory", "ServiceName",
  ]

  static func row(
    service: String, cost: String, effective: String? = nil, currency: String = "USD",
    description: String = "a charge"
  ) -> String {
    [
      "Cloud", "Cloud", "Cloud", "1", "", "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z",
      "2026-10-01T00:00:00Z", "2026-10-02T00:00:00Z", "Usage", "", description, cost,
      effective ?? cost, cost, cost, currency, "1", "h", "Compute", service,
    ].joined(separator: ",")
  }

  static func file(_ rows: [String]) -> [UInt8] {
    Array(([header.joined(separator: ",")] + rows).joined(separator: "\n").utf8) + [0x0A]
  }

  static let costs = file([
    row(service: "Compute", cost: "60.00"), row(service: "Compute", cost: "40.000000000000000000"),
    row(service: "Support", cost: "9.99", effective: "9.5"),
    row(service: "Mystery", cost: "1.0000004"),
  ])

  static let tenants = ["acme", "bolt", "core"]

  /// One batch of October, ten seconds after the one before.
  static func batch(
    _ sequence: UInt64, tenants: [String] = tenants, boot: UInt64 = 1,
    start: Int64? = nil, routes: [String] = ["api"]
  ) throws -> Batch {
    guard
      let name = BatchName(
        instance: "edge-1", boot: BootID(high: boot, low: 0), worker: 0, sequence: sequence)
    else { throw CocoaError(.coderInvalidValue) }
    let begin =
      start ?? RunningAllocator.october.start.microseconds + Int64(sequence) * 10_000_000
    var total = ListenerTotals(listener: "public")
    var rows: [UsageRow] = []
    let keys = tenants.sorted().flatMap { tenant in routes.sorted().map { (tenant, $0) } }
    for (tenant, route) in keys {
      guard let id = TenantID(stored: tenant), let route = RouteName(route) else {
        throw CocoaError(.coderInvalidValue)
      }
      var row = UsageRow(tenant: id, route: route)
      row[.requests] = 2
      row[.endedCompleted] = 2
      row[.responses2xx] = 2
      row[.responseBytes] = 1_000
      row[.upstreamCPUMicroseconds] = 500
      row[.cpuHintedRequests] = 2
      row.histogram = SparseHistogram(bins: [.init(bucket: 50, count: 2)])
      for quantity in Usage.Quantity.allCases {
        total.quantities[Int(quantity.rawValue)] += row[quantity]
      }
      total.observations += 2
      rows.append(row)
    }
    return Batch(
      name: name,
      interval: BatchInterval(
        startMicroseconds: begin, endMicroseconds: begin + 10_000_000,
        lengthNanoseconds: 10_000_000_000), listeners: [total], rows: rows)
  }
}

extension RunningAllocator {
  /// Delivers a batch as a proxy does.
  func deliver(_ batch: Batch) async throws -> Answer {
    try await call("POST", "/v1/batches", as: .ingest, body: try BatchCodec.encode(batch))
  }

  /// Sets the policy, imports the costs, delivers the usage.
  func furnish(costs: [UInt8] = World.costs, sequences: ClosedRange<UInt64> = 0...2) async throws {
    _ = try await call("PUT", "/v1/policy", text: World.policy)
    _ = try await call("POST", "/v1/costs?source=cloud", body: costs)
    for sequence in sequences { _ = try await deliver(try World.batch(sequence)) }
  }

  /// Closes October whatever its coverage.
  func close(dryRun: Bool = false, waive: [String] = ["coverage-hole"]) async throws -> Answer {
    let body = JSONValue.object([
      .init("dry_run", .bool(dryRun)), .init("reason", .string("month end")),
      .init("waive", .array(waive.map { .string($0) })),
    ])
    return try await call("POST", "/v1/periods/2026-10/close", body: body.canonicalBytes)
  }
}
