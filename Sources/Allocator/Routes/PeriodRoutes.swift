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
      .get("/v1/periods/{period}/reconciliation", reconciliation),
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
    let counted = Set(record.close?.imports.map(\.digest) ?? [])
    let lateCosts = record.close == nil ? [] : snapshots.filter { !counted.contains($0.digest) }
    let coverage = try await LoadPeriod(world: world).coverage(period, call.now)
    var members = Self.members(record)
    members += [
      .init("costs", .array(snapshots.map(CostRoutes.snapshot))),
      .init("late_costs", .array(lateCosts.map(CostRoutes.snapshot))),
      .init("late_usage", Self.quantities(late)), .init("coverage", Self.coverage(coverage)),
    ]
    return .json(.object(members))
  }

  @Sendable private func close(_ call: APICall) async throws -> APIReply {
    let body = try await call.jsonObject()
    let order = try order(body, period: try call.period(), actor: call.caller.name)
    let result = try await ClosePeriod(world: world).run(order, at: call.now)
    guard order.isDryRun || result.isClosed else {
      throw APIError.closeBlocked(blockers: result.blockers.map { "\($0.code): \($0.message)" })
    }
    return .json(CloseReport.json(result, period: order.period))
  }

  private func order(
    _ body: JSONValue, period: Period, actor: String
  ) throws(APIError) -> ClosePeriod.Order {
    guard case .object(let members) = body else { throw .invalid(what: "an object is expected") }
    for member in members where !["dry_run", "reason", "waive"].contains(member.key) {
      throw .invalid(what: "unknown key \"\(member.key)\"")
    }
    var isDryRun = false
    switch body["dry_run"] {
    case .none, .bool(false): break
    case .bool(true): isDryRun = true
    default: throw .invalid(what: "dry_run must be true or false")
    }
    let reason = body["reason"]?.asString ?? ""
    guard isDryRun || !reason.isEmpty, reason.utf8.count <= 1_000 else {
      throw .invalid(what: "a close needs a reason of at most 1000 bytes")
    }
    var waived: Set<String> = []
    for code in body["waive"]?.asArray ?? [] {
      guard let name = code.asString, ClosePeriod.waivable.contains(name) else {
        let known = ClosePeriod.waivable.sorted().joined(separator: ", ")
        throw .invalid(what: "only these can be waived: \(known)")
      }
      waived.insert(name)
    }
    return ClosePeriod.Order(
      period: period, isDryRun: isDryRun, reason: reason, actor: actor, waived: waived)
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
        ]))
    }
    let order = ClosePeriod.Order(
      period: period, isDryRun: true, reason: "", actor: call.caller.name, waived: [])
    let result = try await ClosePeriod(world: world).run(order, at: call.now)
    return .json(CloseReport.json(result, period: period))
  }

  private static func members(_ record: PeriodRecord) -> [JSONValue.Member] {
    var members: [JSONValue.Member] = [
      .init("period", .string(record.period.description)),
      .init("state", .string(record.state.rawValue)), .init("version", .integer(record.version)),
    ]
    guard let close = record.close else { return members }
    members.append(
      .init(
        "close",
        .object([
          .init("at", .string(close.at.description)), .init("by", .string(close.actor)),
          .init("reason", .string(close.reason)), .init("policy", .string(close.policy.hex)),
          .init("usage_sha256", .string(close.usage.hex)),
          .init("register_sha256", .string(close.register.hex)),
          .init("ledger_count", .integer(close.ledger.count)),
          .init("ledger_hash", .string(close.ledger.hash.hex)),
          .init("imports", .array(close.imports.map(CostRoutes.snapshot))),
        ])))
    return members
  }

  private static func quantities(_ totals: [String: UInt128]) -> JSONValue {
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
