internal import Accounting
internal import Digest
internal import Hummingbird
internal import Store

/// Adjustments, write-offs and reversals, and what came late for a closed period.
struct CorrectionRoutes: Sendable {
  /// What it works on.
  let world: AllocatorWorld

  /// The endpoints.
  var endpoints: [Endpoint] {
    [
      .get("/v1/periods/{period}/adjustments", list),
      .post("/v1/periods/{period}/adjustments", post),
      .get("/v1/periods/{period}/late", late),
    ]
  }

  /// What was posted in a period outside of its close, and in later ones because of it.
  @Sendable private func list(_ call: APICall) async throws -> APIReply {
    let period = try call.period()
    let store = world.store
    let posted = try await store.ledger.corrections(in: period)
    let record = try await store.periods.record(of: period)
    var because: [Entry] = []
    for version in 0..<record.version {
      because += try await store.ledger.lateAdjustments(of: period, version: version + 1)
    }
    let links = try await store.ledger.links(of: posted + because)
    try await store.audit.append(call.record(.ledgerRead, "adjustments \(period)"))
    return .json(
      .object([
        .init("period", .string(period.description)),
        .init(
          "posted_here", .array(posted.map { CorrectionDocument.entry($0, links: links) })),
        .init(
          "because_of_it", .array(because.map { CorrectionDocument.entry($0, links: links) })),
        .init("tenants", Self.tenants(posted)),
      ]))
  }

  /// What the corrections of a period come to for each tenant, beside its statement.
  private static func tenants(_ entries: [Entry]) -> JSONValue {
    var sums: [String: [String: Int128]] = [:]
    for posting in entries.flatMap(\.postings) {
      guard case .tenant(let tenant) = posting.account else { continue }
      sums[tenant, default: [:]][posting.amount.currency.code, default: 0] += Int128(
        posting.amount.micros)
    }
    let rows = sums.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
      .flatMap { tenant, currencies in
        currencies.sorted { $0.key < $1.key }.map { code, micros in
          JSONValue.object([
            .init("tenant", .string(tenant)),
            .init("amount", .string(DecimalText.fixed(micros, digits: 6))),
            .init("currency", .string(code)),
          ])
        }
      }
    return .array(rows)
  }

  @Sendable private func post(_ call: APICall) async throws -> APIReply {
    guard case .object(let members) = try await call.jsonObject() else {
      throw APIError.invalid(what: "an object is expected")
    }
    let name = members.first { $0.key == "kind" }?.value.asString ?? ""
    guard let kind = PostingRequest.Kind(rawValue: name),
      PostingRequest.Kind.corrections.contains(kind)
    else {
      let known = PostingRequest.Kind.corrections.map(\.rawValue).joined(separator: ", ")
      throw APIError.invalid(what: "kind must be one of \(known)")
    }
    let request = try PostingRequest(
      kind, period: try call.period(), body: .object(members.filter { $0.key != "kind" }))
    let outcome = try await OrderDesk(world: world).submit(
      request, by: call.caller.name, at: call.now)
    let isPosted = outcome.isDone || request.isDryRun
    return .json(OrderDocument.outcome(outcome), status: isPosted ? .ok : .accepted)
  }

  /// What came after the close of a period, and what an adjustment would post for it now.
  @Sendable private func late(_ call: APICall) async throws -> APIReply {
    let period = try call.period()
    let found = try await LateChanges(world: world).find(period, at: call.now)
    guard let found else { throw APIError.notFound(what: "close of \(period)") }
    let usage = LoadPeriod.totals(try await world.store.usage.lateFigures(of: period))
    let costs = try await PeriodRoutes(world: world).lateCosts(of: period)
    let links = try await world.store.ledger.links(of: found.adjustments)
    let changes = found.changes.map { change in
      JSONValue.object([
        .init("pool", .string(change.pool)),
        .init("postings", .array(change.postings.map(CorrectionDocument.posting))),
      ])
    }
    return .json(
      .object([
        .init("period", .string(period.description)), .init("version", .integer(found.version)),
        .init("late_usage", PeriodRoutes.quantities(usage)),
        .init("late_costs", .array(costs.map(CostRoutes.snapshot))),
        .init("not_taken_in", .array(changes)),
        .init(
          "adjustments",
          .array(found.adjustments.map { CorrectionDocument.entry($0, links: links) })),
        .init("variance", found.variance?.json ?? .null),
      ]))
  }
}
