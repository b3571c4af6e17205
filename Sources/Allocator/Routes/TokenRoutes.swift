internal import Accounting
internal import Hummingbird
internal import Store

/// Bearer tokens.
struct TokenRoutes: Sendable {
  /// What it works on.
  let world: AllocatorWorld

  /// The endpoints.
  var endpoints: [Endpoint] {
    [
      .get("/v1/tokens", roles: Endpoint.operators, list), .post("/v1/tokens", create),
      Endpoint(
        method: .delete, path: "/v1/tokens/{id}", roles: Endpoint.operators, handle: revoke),
    ]
  }

  @Sendable private func list(_ call: APICall) async throws -> APIReply {
    let tokens = try await world.store.tokens.list()
    return .json(.object([.init("tokens", .array(tokens.map(TokenDocument.json)))]))
  }

  @Sendable private func create(_ call: APICall) async throws -> APIReply {
    let body = try await call.jsonObject()
    guard let role = body["role"]?.asString.flatMap(Role.init(rawValue:)) else {
      let known = Role.allCases.map(\.rawValue).joined(separator: ", ")
      throw APIError.invalid(what: "role must be one of \(known)")
    }
    let name = body["name"]?.asString ?? role.rawValue
    guard TokenDocument.isName(name) else {
      throw APIError.invalid(
        what: "name must be 1 to 64 printable ASCII characters, no blank at its ends")
    }
    let tenant = body["tenant"]?.asString
    guard (role == .tenant) == (tenant != nil) else {
      throw APIError.invalid(what: "role tenant needs a tenant, and no other role has one")
    }
    if let tenant, !TenantNaming.isValid(tenant) {
      throw APIError.invalid(what: "tenant is not a tenant id")
    }
    let made = try await world.store.tokens.create(
      name: name, role: role, tenant: tenant, maker: call.caller.name, by: call.caller.name,
      at: call.now)
    return .json(TokenDocument.json(made), status: .created)
  }

  @Sendable private func revoke(_ call: APICall) async throws -> APIReply {
    let id = try call.parameter("id")
    try await world.store.tokens.revoke(id: id, by: call.caller.name, at: call.now)
    return .json(.object([.init("revoked", .string(id))]))
  }
}
