internal import Accounting
internal import Store

/// Delivery of batches by proxies.
struct BatchRoutes: Sendable {
  /// What it works on.
  let world: AllocatorWorld

  /// The endpoints.
  var endpoints: [Endpoint] {
    [.post("/v1/batches", roles: Endpoint.proxies, deliver)]
  }

  @Sendable private func deliver(_ call: APICall) async throws -> APIReply {
    try await world.batchGate.pass {
      let bytes = try await call.body(atMost: world.configuration.limits.batchBytes)
      let answer = try await IngestBatch(world: world).run(bytes, at: call.now)
      return try reply(answer)
    }
  }

  private func reply(_ answer: IngestBatch.Answer) throws -> APIReply {
    let status: String
    switch answer.outcome.disposition {
    case .stored, .late: status = "stored"
    case .duplicate: status = "duplicate"
    case .quarantined: status = "quarantined"
    case .conflict: throw APIError.batchConflict(name: answer.name)
    }
    return .json(
      .object([
        .init("status", .string(status)), .init("name", .string(answer.name)),
        .init("epoch", .string(world.store.epoch)),
        .init("instance_position", .integer(answer.outcome.instancePosition)),
        .init("missing", .array(answer.outcome.missing.map { .string($0) })),
      ]))
  }
}
