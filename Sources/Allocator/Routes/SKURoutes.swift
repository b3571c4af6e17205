internal import Accounting
internal import Digest
internal import Hummingbird
internal import Store

/// The SKU map, and how much of the money it names.
struct SKURoutes: Sendable {
  /// What it works on.
  let world: AllocatorWorld

  /// The endpoints.
  var endpoints: [Endpoint] {
    [.get("/v1/skus", show), .post("/v1/skus", set), .get("/v1/skus/coverage", coverage)]
  }

  @Sendable private func show(_ call: APICall) async throws -> APIReply {
    guard let stored = try await world.store.costs.skuMap() else {
      throw APIError.notFound(what: "SKU map; set one with `weir skus set FILE`")
    }
    return .document(stored.source, contentType: "text/csv; charset=utf-8")
  }

  @Sendable private func set(_ call: APICall) async throws -> APIReply {
    let source = try await call.body(atMost: world.configuration.limits.documentBytes)
    let map = try SKUMap.decode(source)
    let digest = try await world.store.costs.setSKUMap(
      source, entries: map.entries.count,
      audit: call.record(.skuMapSet, "skus", "entries=\(map.entries.count)"))
    return .json(
      .object([
        .init("sha256", .string(digest.hex)), .init("entries", .integer(map.entries.count)),
      ]))
  }

  @Sendable private func coverage(_ call: APICall) async throws -> APIReply {
    let period = try call.queryPeriod()
    let limit = try call.number("limit", default: 100, in: 1...50_000)
    guard let map = try await PoolCosts(world: world).skuMap() else {
      throw APIError.notFound(what: "SKU map; set one with `weir skus set FILE`")
    }
    let found = try await world.store.costs.scan(period, into: SKUCoverage(map: map)) {
      coverage, record in try coverage.add(record)
    }
    return .json(
      .object([
        .init("period", .string(period.description)),
        .init("records_known", .integer(found.known)),
        .init("records_unknown", .integer(found.unknown)),
        .init(
          "coverage",
          .array(
            found.currencies.map { currency in
              .object([
                .init("currency", .string(currency.code)),
                .init("percent", .string(Self.percent(found.basisPoints(currency)))),
              ])
            })),
        .init("unknown", .array(found.unknownSKUs.prefix(limit).map(Self.unknown))),
      ]))
  }

  private static func percent(_ basisPoints: Int) -> String {
    DecimalText.fixed(Int128(basisPoints), digits: 2)
  }

  private static func unknown(_ sku: SKUCoverage.Unknown) -> JSONValue {
    .object([
      .init("provider", .string(sku.provider)), .init("service", .string(sku.service)),
      .init("sku", .string(sku.sku)), .init("currency", .string(sku.currency.code)),
      .init("records", .integer(sku.records)),
      .init("effective", .string(sku.effective.description)),
    ])
  }
}
