internal import Accounting
internal import Hummingbird
internal import Store

/// Why a tenant bears what it bears.
struct WhyRoutes: Sendable {
  /// What it works on.
  let world: AllocatorWorld

  /// The endpoints.
  var endpoints: [Endpoint] { [.get("/v1/periods/{period}/why", explain)] }

  @Sendable private func explain(_ call: APICall) async throws -> APIReply {
    guard let tenant = call.query("tenant"), TenantNaming.isValid(tenant) else {
      throw APIError.invalid(what: "tenant must be a tenant id")
    }
    guard let pool = call.query("pool"), !pool.isEmpty else {
      throw APIError.invalid(what: "pool must name a pool of the policy")
    }
    let question = ExplainAmount.Question(
      period: try call.period(), tenant: tenant, pool: pool,
      recordsMax: try call.number("records", default: 100, in: 0...10_000))
    let answer = try await ExplainAmount(world: world).run(question, at: call.now)
    try await world.store.audit.append(
      call.record(.whyRead, question.period.description, "tenant=\(tenant) pool=\(pool)"))
    return .json(WhyDocument.json(answer))
  }
}
