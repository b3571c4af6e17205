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

  private static func explanation(_ policy: Policy) -> JSONValue {
    .object([
      .init("sha256", .string(policy.digest.hex)), .init("name", .string(policy.name)),
      .init("currency", .string(policy.currency.code)),
      .init("explanation", .array(policy.explanation.map { .string($0) })),
    ])
  }
}
