internal import Accounting
internal import Digest
internal import Hummingbird
internal import Store

/// The allocation policy.
struct PolicyRoutes: Sendable {
  /// What it works on.
  let world: AllocatorWorld

  /// The endpoints.
  var endpoints: [Endpoint] {
    [
      .get("/v1/policy", show),
      Endpoint(method: .put, path: "/v1/policy", roles: Endpoint.operators, handle: activate),
      .post("/v1/policy/check", roles: Endpoint.readers, check),
      .post("/v1/policy/diff", roles: Endpoint.readers, compare),
    ]
  }

  @Sendable private func show(_ call: APICall) async throws -> APIReply {
    guard let stored = try await world.store.policies.current() else {
      throw APIError.policyMissing
    }
    return .json(
      .object([
        .init("sha256", .string(stored.digest.hex)), .init("name", .string(stored.name)),
        .init("activated_at", .string(stored.activatedAt.description)),
        .init("by", .string(stored.actor)),
        .init("document", .string(String(decoding: stored.source, as: UTF8.self))),
      ]))
  }

  @Sendable private func activate(_ call: APICall) async throws -> APIReply {
    let bytes = try await call.body(atMost: world.configuration.limits.documentBytes)
    let policy = try PolicyDocument.policy(bytes)
    _ = try await world.store.policies.activate(
      source: bytes, name: policy.name,
      audit: call.record(.policySet, policy.digest.hex, "name=\(policy.name)"))
    return .json(Self.explanation(policy))
  }

  @Sendable private func check(_ call: APICall) async throws -> APIReply {
    let bytes = try await call.body(atMost: world.configuration.limits.documentBytes)
    return .json(Self.explanation(try PolicyDocument.policy(bytes)))
  }

  /// `{"period": "2026-10", "old": TEXT or null, "new": TEXT or null}`; null is the current policy.
  @Sendable private func compare(_ call: APICall) async throws -> APIReply {
    // A document inside of JSON is at most six times as long.
    let body = try await call.jsonObject(atMost: world.configuration.limits.documentBytes * 12)
    guard case .object(let members) = body else { throw APIError.invalid(what: "an object") }
    for member in members where !["period", "old", "new"].contains(member.key) {
      throw APIError.invalid(what: "unknown key \"\(member.key)\"")
    }
    guard let text = body["period"]?.asString, let period = try? Period(parsing: text) else {
      throw APIError.invalid(what: "period must be YYYY-MM")
    }
    let job = ComparePolicies(world: world)
    let old = try await job.policy(body["old"]?.asString, named: "old")
    let new = try await job.policy(body["new"]?.asString, named: "new")
    let difference = try await job.run(period, old: old, new: new, at: call.now)
    try await world.store.audit.append(
      call.record(.whyRead, period.description, "policies=\(old.digest.hex),\(new.digest.hex)"))
    return .json(PolicyDifferenceDocument.json(difference, old: old, new: new))
  }

  private static func explanation(_ policy: Policy) -> JSONValue {
    .object([
      .init("sha256", .string(policy.digest.hex)), .init("name", .string(policy.name)),
      .init("currency", .string(policy.currency.code)),
      .init("explanation", .array(policy.explanation.map { .string($0) })),
    ])
  }
}
