internal import Accounting
internal import HTTPTypes
internal import HummingbirdCore
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
      noteSpool(call, of: answer.name)
      return try reply(answer)
    }
  }

  /// Remembers what the proxy says of its spool. Only after its batch was understood: the name is then true.
  private func noteSpool(_ call: APICall, of name: String) {
    guard let field = call.request.headers[.weirSpool], let depth = SpoolDepths.Depth(field: field),
      let instance = name.split(separator: "/").first
    else { return }
    world.spoolDepths.note(depth, of: String(instance))
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

extension HTTPField.Name {
  /// `<batches> <bytes>` that wait in the proxy's spool.
  fileprivate static let weirSpool = HTTPField.Name("Weir-Spool")!
}
