internal import Accounting
internal import Digest
internal import HTTPTypes
internal import HummingbirdCore
internal import Store

/// Names and parents of tenants over time.
struct HistoryRoutes: Sendable {
  /// What it works on.
  let world: AllocatorWorld

  /// The endpoints.
  var endpoints: [Endpoint] {
    [
      .get("/v1/tenants/history", show),
      Endpoint(
        method: .put, path: "/v1/tenants/history", roles: Endpoint.operators, handle: replace),
    ]
  }

  @Sendable private func show(_ call: APICall) async throws -> APIReply {
    let history = try await world.store.history.current()
    let rows = HistoryDocument.rows(history)
    if call.request.headers[.accept]?.contains("text/csv") == true {
      let text = ([HistoryDocument.columns] + rows).map(CSVText.row).joined()
      return .document(Array(text.utf8), contentType: "text/csv; charset=utf-8")
    }
    let values = rows.map { row in
      JSONValue.object(
        zip(HistoryDocument.columns, row).map { name, text in
          .init(name, text.isEmpty ? .null : .string(text))
        })
    }
    return .json(.object([.init("relations", .array(values))]))
  }

  @Sendable private func replace(_ call: APICall) async throws -> APIReply {
    let bytes = try await call.body(atMost: world.configuration.limits.documentBytes)
    let history = try HistoryDocument.history(bytes)
    let digest = SHA256.hash(bytes)
    try await world.store.history.set(
      history, digest: digest,
      audit: call.record(
        .historySet, digest.hex, "relations=\(history.relations.count)"))
    return .json(
      .object([
        .init("sha256", .string(digest.hex)),
        .init("relations", .integer(history.relations.count)),
      ]))
  }
}
