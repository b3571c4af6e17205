internal import Accounting
internal import HTTPTypes
internal import HummingbirdCore
internal import Store

/// The register of tenants.
struct TenantRoutes: Sendable {
  /// What it works on.
  let world: AllocatorWorld

  /// The endpoints.
  var endpoints: [Endpoint] {
    [.get("/v1/tenants", list), .post("/v1/tenants", register)]
  }

  @Sendable private func list(_ call: APICall) async throws -> APIReply {
    let tenants = try await world.store.tenants.list()
    if call.request.headers[.accept]?.contains("text/csv") == true {
      let rows = tenants.map { CSVText.row([$0.id, $0.name, $0.plan]) }
      return .document(
        Array(("id,name,plan\r\n" + rows.joined()).utf8), contentType: "text/csv; charset=utf-8")
    }
    let values = tenants.map { tenant in
      JSONValue.object([
        .init("id", .string(tenant.id)), .init("name", .string(tenant.name)),
        .init("plan", .string(tenant.plan)),
        .init("registered_at", .string(tenant.registeredAt.description)),
      ])
    }
    return .json(.object([.init("tenants", .array(values))]))
  }

  @Sendable private func register(_ call: APICall) async throws -> APIReply {
    let bytes = try await call.body(atMost: world.configuration.limits.documentBytes)
    let tenants = try TenantFile.tenants(bytes, now: call.now)
    let added = try await world.store.tenants.register(
      tenants, audit: call.record(.tenantsImport, "register", "tenants=\(tenants.count)"))
    return .json(
      .object([
        .init("read", .integer(tenants.count)), .init("added", .integer(added)),
        .init("updated", .integer(tenants.count - added)),
      ]))
  }
}
