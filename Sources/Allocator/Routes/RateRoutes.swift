internal import Accounting
internal import Digest
internal import Hummingbird
internal import Store

/// Rates between currencies.
struct RateRoutes: Sendable {
  /// What it works on.
  let world: AllocatorWorld

  /// The endpoints.
  var endpoints: [Endpoint] {
    [.get("/v1/rates", list), .post("/v1/rates", add)]
  }

  @Sendable private func list(_ call: APICall) async throws -> APIReply {
    let count = try call.number("limit", default: 100, in: 1...10_000)
    let rates = try await world.store.rates.latest(count)
    return .json(.object([.init("rates", .array(rates.map(RateDocument.json)))]))
  }

  @Sendable private func add(_ call: APICall) async throws -> APIReply {
    guard let source = call.query("source"), (1...64).contains(source.utf8.count) else {
      throw APIError.invalid(what: "source must be 1 to 64 bytes: who published the rates")
    }
    let bytes = try await call.body(atMost: world.configuration.limits.documentBytes)
    let file = try RateDocument.file(bytes, source: source)
    let isNew = try await world.store.rates.append(
      file, audit: call.record(.ratesImport, source, "sha256=\(file.digest.hex)"))
    return .json(
      .object([
        .init("status", .string(isNew ? "stored" : "unchanged")),
        .init("sha256", .string(file.digest.hex)), .init("rates", .integer(file.rates.count)),
      ]))
  }
}
