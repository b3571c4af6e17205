internal import Accounting
internal import Digest
internal import Hummingbird
internal import Store

/// Periods: what they hold, and closing them.
struct PeriodRoutes: Sendable {
  /// What it works on.
  let world: AllocatorWorld

  /// The endpoints.
  var endpoints: [Endpoint] {
    [
      .get("/v1/periods", list), .get("/v1/periods/{period}", show),
      .post("/v1/periods/{period}/close", close),
      .post("/v1/periods/{period}/soft-close", softClose),
      .post("/v1/periods/{period}/restate", restate),
      .get("/v1/periods/{period}/reconciliation", reconciliation),
      .get("/v1/periods/{period}/seal", seal),
    ]
  }

  @Sendable private func list(_ call: APICall) async throws -> APIReply {
    let periods = try await world.store.periods.list()
    return .json(
      .object([.init("periods", .array(periods.map { .object(Self.members($0)) }))]))
  }

  @Sendable private func show(_ call: APICall) async throws -> APIReply {
    let period = try call.period()
    let record = try await world.store.periods.record(of: period)
    let snapshots = try await world.store.costs.current(of: period)
    let late = LoadPeriod.totals(try await world.store.usage.lateFigures(of: period))
    let lateCosts = try await lateCosts(of: period)
    let coverage = try await LoadPeriod(world: world).coverage(period, call.now)
    var members = Self.members(record)
    members += [
      .init("costs", .array(snapshots.map(CostRoutes.snapshot))),
      .init("late_costs", .array(lateCosts.map(CostRoutes.snapshot))),
      .init("late_usage", Self.quantities(late)), .init("coverage", Self.coverage(coverage)),
    ]
    return .json(.object(members))
  }

  /// Snapshots that count now and are not those that the close counted: other records, or the same
  /// ones under another source, which count twice.
  func lateCosts(of period: Period) async throws -> [CostSnapshot] {
    guard let close = try await world.store.periods.record(of: period).close else { return [] }
    let counted = Set(close.imports.map { [$0.source, $0.digest.hex] })
    return try await world.store.costs.current(of: period).filter {
      !counted.contains([$0.source, $0.digest.hex])
    }
  }

  /// What was posted outside of the period's closes, by kind of account.
  private func corrections(of record: PeriodRecord) async throws -> JSONValue {
    let ledger = world.store.ledger
    var late: [Entry] = []
    for version in 0..<record.version {
      late += try await ledger.lateAdjustments(of: record.period, version: version + 1)
    }
    return .object([
      .init(
        "posted_here",
        CorrectionDocument.sums(try await ledger.corrections(in: record.period))),
      .init("because_of_it", CorrectionDocument.sums(late)),
    ])
  }

  @Sendable private func close(_ call: APICall) async throws -> APIReply {
    try await submit(.close, call)
  }

  @Sendable private func restate(_ call: APICall) async throws -> APIReply {
    try await submit(.restate, call)
  }

  /// 200 when it was posted or only tried, 202 when another person has to approve it.
  private func submit(_ kind: PostingRequest.Kind, _ call: APICall) async throws -> APIReply {
    let request = try PostingRequest(
      kind, period: try call.period(), body: try await call.jsonObject())
    let outcome = try await OrderDesk(world: world).submit(
      request, by: call.caller.name, at: call.now)
    let isPosted = outcome.isDone || request.isDryRun
    return .json(OrderDocument.outcome(outcome), status: isPosted ? .ok : .accepted)
  }

  @Sendable private func softClose(_ call: APICall) async throws -> APIReply {
    var reader = MemberReader(try await call.jsonObject())
    let reason = try reader.needed("reason")
    try reader.checkAllRead()
    guard reason.utf8.count <= PostingRequest.reasonBytesMax else {
      throw APIError.invalid(what: "reason has at most \(PostingRequest.reasonBytesMax) bytes")
    }
    let period = try call.period()
    let result = try await SoftClosePeriod(world: world).run(
      period, reason: reason, by: call.caller.name, at: call.now)
    return .json(CloseReport.json(result, period: period, world: world))
  }

  @Sendable private func seal(_ call: APICall) async throws -> APIReply {
    let period = try call.period()
    var version: UInt32?
    if call.query("version") != nil {
      version = UInt32(try call.number("version", default: 1, in: 1...Int(UInt32.max)))
    }
    let seal = try await world.store.periods.seal(of: period, version: version)
    return .document(seal.bytes, contentType: "application/json")
  }

  /// The stored reconciliation of a closed period; for an open one, what it would be now.
  @Sendable private func reconciliation(_ call: APICall) async throws -> APIReply {
    let period = try call.period()
    let record = try await world.store.periods.record(of: period)
    if record.close != nil {
      let stored = try await world.store.statements.overview(of: period, version: record.version)
      return .json(
        .object([
          .init("period", .string(period.description)), .init("state", .string("closed")),
          .init("version", .integer(record.version)),
          .init("reconciliation", try JSONValue(parsing: stored.reconciliation)),
          .init("summary", try JSONValue(parsing: stored.summary)),
          .init("corrections", try await corrections(of: record)),
        ]))
    }
    let order = ClosePeriod.Order(
      period: period, isDryRun: true, reason: "", actor: call.caller.name, waived: [])
    let result = try await ClosePeriod(world: world).run(order, at: call.now)
    return .json(CloseReport.json(result, period: period, world: world))
  }

  private static func members(_ record: PeriodRecord) -> [JSONValue.Member] {
    var members: [JSONValue.Member] = [
      .init("period", .string(record.period.description)),
      .init("state", .string(record.state.rawValue)), .init("version", .integer(record.version)),
    ]
    if record.state == .softClosed, let soft = record.softClose {
      members.append(
        .init(
          "soft_close",
          .object([
            .init("at", .string(soft.at.description)), .init("by", .string(soft.actor)),
            .init("reason", .string(soft.reason)),
          ])))
    }
    guard let close = record.close else { return members }
    members.append(
      .init(
        "close",
        .object([
          .init("at", .string(close.at.description)), .init("by", .string(close.actor)),
          .init("approved_by", .text(close.approver)),
          .init("reason", .string(close.reason)), .init("policy", .string(close.policy.hex)),
          .init("usage_sha256", .string(close.usage.hex)),
          .init("register_sha256", .string(close.register.hex)),
          .init("rates_sha256", .text(close.others.rates?.hex)),
          .init("sku_map_sha256", .text(close.others.skuMap?.hex)),
          .init("series_sha256", .text(close.others.series?.hex)),
          .init("invoices_sha256", .text(close.others.invoices?.hex)),
          .init("ledger_count", .integer(close.ledger.count)),
          .init("ledger_hash", .string(close.ledger.hash.hex)),
          .init("imports", .array(close.imports.map(CostRoutes.snapshot))),
        ])))
    return members
  }

  /// Sums of quantities as JSON.
  static func quantities(_ totals: [String: UInt128]) -> JSONValue {
    .object(
      totals.sorted { $0.key < $1.key }.map { .init($0.key, .string(String($0.value))) })
  }

  /// Coverage as JSON.
  static func coverage(_ coverage: Coverage) -> JSONValue {
    let proxies = coverage.proxies.map { proxy in
      JSONValue.object([
        .init("instance", .string(proxy.instance)), .init("batches", .integer(proxy.batches)),
        .init("from", .text(proxy.from?.description)), .init("to", .text(proxy.to?.description)),
        .init(
          "holes",
          .array(
            proxy.holes.map { hole in
              .object([
                .init("from", .string(hole.from.description)),
                .init("to", .string(hole.to.description)), .init("reason", .string(hole.reason)),
              ])
            })),
      ])
    }
    return .object([
      .init("complete", .bool(coverage.isComplete)), .init("proxies", .array(proxies)),
    ])
  }
}
