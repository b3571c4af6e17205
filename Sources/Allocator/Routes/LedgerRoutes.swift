internal import Accounting
internal import Digest
internal import Store

/// The ledger.
struct LedgerRoutes: Sendable {
  /// What it works on.
  let world: AllocatorWorld

  /// The endpoints.
  var endpoints: [Endpoint] {
    [.get("/v1/ledger/entries", entries), .get("/v1/ledger/verify", verify)]
  }

  @Sendable private func entries(_ call: APICall) async throws -> APIReply {
    let from = try call.number("from", default: 0, in: 0...Int.max)
    let limit = try call.number("limit", default: 100, in: 1...1_000)
    var period: Period?
    if let text = call.query("period") {
      guard let parsed = try? Period(parsing: text) else {
        throw APIError.invalid(what: "period must be YYYY-MM")
      }
      period = parsed
    }
    let entries = try await world.store.ledger.entries(
      from: UInt64(from), period: period, max: limit)
    try await world.store.audit.append(
      call.record(.ledgerRead, "entries", "from=\(from) count=\(entries.count)"))
    return .json(
      .object([
        .init(
          "entries", .array(entries.map { $0.entry.json(previous: $0.previous, hash: $0.hash) }))
      ]))
  }

  @Sendable private func verify(_ call: APICall) async throws -> APIReply {
    let ledger = try await world.store.ledger.verify()
    let audit = try await world.store.audit.verify()
    return .json(LedgerDocument.json(ledger, audit))
  }
}
