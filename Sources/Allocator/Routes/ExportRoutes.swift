internal import Accounting
internal import Hummingbird
internal import Store

/// What other programs take from a closed period. Taking it is an audit record.
struct ExportRoutes: Sendable {
  /// What it works on.
  let world: AllocatorWorld

  /// The endpoints.
  var endpoints: [Endpoint] {
    [
      .get("/v1/periods/{period}/statements-zip", pack),
      .get("/v1/periods/{period}/exports/{format}", export),
      .post("/v1/periods/{period}/exports/journal", roles: Endpoint.readers, journal),
    ]
  }

  @Sendable private func pack(_ call: APICall) async throws -> APIReply {
    let (period, version) = try await issued(call)
    let job = PackStatements(
      world: world, period: period, version: version,
      forms: try StatementForm.list(call.query("forms")), actor: call.caller.name, now: call.now)
    let names = job.forms.map(\.rawValue).joined(separator: ",")
    try await world.store.audit.append(
      call.record(.statementsExport, "\(period)", "version=\(version) forms=\(names)"))
    return .streamed(contentType: "application/zip") { write in try await job.run(write) }
  }

  @Sendable private func export(_ call: APICall) async throws -> APIReply {
    let name = try call.parameter("format")
    guard let format = ExportPeriod.Format(rawValue: name), format != .journal else {
      throw APIError.invalid(
        what: name == "journal"
          ? "a journal needs a mapping: POST it"
          : "format must be focus, journal, hledger, beancount or jsonl")
    }
    return try await reply(call, format, mapping: nil)
  }

  @Sendable private func journal(_ call: APICall) async throws -> APIReply {
    let mapping = try MappingDocument.mapping(try await call.body(atMost: 1 << 20))
    return try await reply(call, .journal, mapping: mapping)
  }

  private func reply(
    _ call: APICall, _ format: ExportPeriod.Format, mapping: JournalMapping?
  ) async throws -> APIReply {
    let (period, version) = try await issued(call)
    let job = ExportPeriod(
      world: world, period: period, version: version, head: try await world.store.ledger.head())
    var journal: JournalCSV?
    if let mapping { journal = try await job.journal(under: mapping) }
    let words =
      "format=\(format.rawValue) version=\(version) entries=\(job.head.count)"
      + (mapping.map { " mapping=\($0.name)" } ?? "")
    try await world.store.audit.append(call.record(.ledgerExport, "\(period)", words))
    return .streamed(contentType: format.mediaType) { [journal] write in
      try await job.write(format, journal: journal, write)
    }
  }

  /// The period and the latest version that was issued; throws `notFound` before the first close.
  private func issued(_ call: APICall) async throws -> (Period, UInt32) {
    let period = try call.period()
    let record = try await world.store.periods.record(of: period)
    guard record.version > 0 else { throw APIError.notFound(what: "close of \(period)") }
    guard call.query("version") != nil else { return (period, record.version) }
    let version = UInt32(try call.number("version", default: 1, in: 1...Int(record.version)))
    return (period, version)
  }
}
