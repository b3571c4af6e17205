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
    let links = try await world.store.ledger.links(of: entries.map(\.entry))
    try await world.store.audit.append(
      call.record(.ledgerRead, "entries", "from=\(from) count=\(entries.count)"))
    return .json(
      .object([.init("entries", .array(entries.map { Self.entry($0, links: links) }))]))
  }

  @Sendable private func verify(_ call: APICall) async throws -> APIReply {
    let ledger = try await world.store.ledger.verify()
    let audit = try await world.store.audit.verify()
    return .json(LedgerDocument.json(ledger, audit))
  }

  private static func entry(_ chained: ChainedEntry, links: [LedgerLink]) -> JSONValue {
    let entry = chained.entry
    let postings = entry.postings.map(CorrectionDocument.posting)
    return .object([
      .init("sequence", .integer(entry.sequence)), .init("id", .string(entry.id.hex)),
      .init("kind", .string(entry.kind.rawValue)), .init("subject", .string(entry.subject)),
      .init("period", .string(entry.period.description)),
      .init("version", .integer(entry.version)),
      .init("posted_at", .string(entry.postedAt.description)),
      .init("by", .string(entry.actor)), .init("reason", .string(entry.reason)),
      .init("policy", .text(entry.policy?.hex)),
      .init("imports", .array(entry.imports.map { .string($0.hex) })),
      .init("reverses", .text(entry.reverses?.hex)), .init("postings", .array(postings)),
      .init("previous", .string(chained.previous.hex)), .init("hash", .string(chained.hash.hex)),
      .init("links", .array(CorrectionDocument.links(entry.id, links))),
    ])
  }
}
