internal import Accounting
internal import Digest
internal import Hummingbird
internal import Store

/// Disputes: opened, answered, given evidence, resolved. None of it edits the ledger.
struct DisputeRoutes: Sendable {
  /// What it works on.
  let world: AllocatorWorld

  /// The longest text of an event, in bytes.
  private static let textBytesMax = 10_000
  /// The longest name of a file, in bytes.
  private static let nameBytesMax = 255

  /// The endpoints.
  var endpoints: [Endpoint] {
    [
      .get("/v1/disputes", list), .post("/v1/disputes", open), .get("/v1/disputes/{id}", show),
      .post("/v1/disputes/{id}/answer") { try await add(.answer, $0) },
      .post("/v1/disputes/{id}/evidence") { try await add(.evidence, $0) },
      .post("/v1/disputes/{id}/resolve") { try await add(.resolve, $0) },
    ]
  }

  @Sendable private func list(_ call: APICall) async throws -> APIReply {
    var period: Period?
    if let text = call.query("period") {
      guard let parsed = try? Period(parsing: text) else {
        throw APIError.invalid(what: "period must be YYYY-MM")
      }
      period = parsed
    }
    let disputes = try await world.store.disputes.list(
      period: period, tenant: call.query("tenant"),
      unresolvedOnly: call.query("state") == "unresolved",
      max: try call.number("limit", default: 100, in: 1...1_000))
    return .json(
      .object([
        .init("disputes", .array(disputes.map { DisputeDocument.json($0, at: call.now) }))
      ]))
  }

  @Sendable private func show(_ call: APICall) async throws -> APIReply {
    let dispute = try await world.store.disputes.dispute(try call.number(of: "dispute"))
    return .json(DisputeDocument.json(dispute, at: call.now))
  }

  @Sendable private func open(_ call: APICall) async throws -> APIReply {
    var reader = MemberReader(try await call.jsonObject())
    let period = try reader.period("period")
    let record = try await world.store.periods.record(of: period)
    let version = try reader.number("version", in: 0...Int64(UInt32.max))
    let hasAmount = try reader.text("amount") != nil
    let claim = DisputeClaim(
      period: period, version: version.map { UInt32($0) } ?? record.version,
      tenant: try reader.needed("tenant"), pool: try reader.text("pool"),
      amount: hasAmount ? try reader.money() : nil)
    let event = try event(.open, call, &reader)
    let dispute = try await world.store.disputes.open(claim, event: event)
    return .json(DisputeDocument.json(dispute, at: call.now), status: .created)
  }

  private func add(_ kind: DisputeEvent.Kind, _ call: APICall) async throws -> APIReply {
    let id = try call.number(of: "dispute")
    var reader = MemberReader(try await call.jsonObject())
    let event = try event(kind, call, &reader)
    let dispute = try await world.store.disputes.add(event, to: id)
    return .json(DisputeDocument.json(dispute, at: call.now))
  }

  private func event(
    _ kind: DisputeEvent.Kind, _ call: APICall, _ reader: inout MemberReader
  ) throws -> DisputeEvent {
    let text = try reader.needed("text")
    guard text.utf8.count <= Self.textBytesMax else {
      throw APIError.invalid(what: "text has at most \(Self.textBytesMax) bytes")
    }
    var event = DisputeEvent(kind: kind, at: call.now, actor: call.caller.name, text: text)
    if let name = try reader.text("evidence_name") {
      guard (1...Self.nameBytesMax).contains(name.utf8.count) else {
        throw APIError.invalid(what: "evidence_name has 1 to \(Self.nameBytesMax) bytes")
      }
      event.evidence = .init(name: name, digest: try reader.digest("evidence_sha256"))
    }
    if kind == .resolve {
      guard let outcome = DisputeEvent.Outcome(rawValue: try reader.needed("outcome")) else {
        let known = DisputeEvent.Outcome.allCases.map(\.rawValue).joined(separator: ", ")
        throw APIError.invalid(what: "outcome must be one of \(known)")
      }
      event.outcome = outcome
      if try reader.text("entry") != nil { event.entry = try reader.digest("entry") }
    }
    try reader.checkAllRead()
    return event
  }
}
