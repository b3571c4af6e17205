internal import Accounting
internal import Digest
internal import Hummingbird
internal import Store

/// Imported cost files.
struct CostRoutes: Sendable {
  /// What it works on.
  let world: AllocatorWorld

  /// Faults shown in the answer to an import; the rest is in the quarantine report.
  private static let faultsShown = 100
  /// Rows of the quarantine read at once.
  private static let pageRows = 2_000

  /// The endpoints.
  var endpoints: [Endpoint] {
    [
      .post("/v1/costs", importFile), .get("/v1/costs/imports", list),
      .get("/v1/costs/imports/{id}", show), .get("/v1/costs/imports/{id}/quarantine", quarantine),
    ]
  }

  @Sendable private func importFile(_ call: APICall) async throws -> APIReply {
    guard let source = call.query("source"), Self.isSourceName(source) else {
      throw APIError.invalid(
        what: "source must be 1 to 64 letters, digits, dots, dashes or underscores")
    }
    return try await world.importGate.pass {
      let job = ImportCosts(world: world, source: source, actor: call.caller.name)
      let done = try await job.run(call.request.body, at: call.now)
      return try await report(done)
    }
  }

  @Sendable private func list(_ call: APICall) async throws -> APIReply {
    let count = try call.number("limit", default: 50, in: 1...1_000)
    let imports = try await world.store.costs.latest(count)
    return .json(.object([.init("imports", .array(imports.map { .object(Self.members($0)) }))]))
  }

  @Sendable private func show(_ call: APICall) async throws -> APIReply {
    try await report(try await world.store.costs.costImport(try id(call)))
  }

  private func report(_ done: CostImport) async throws -> APIReply {
    let faults = try await world.store.costs.quarantine(of: done.id, max: Self.faultsShown)
    return .json(
      .object(Self.members(done) + [.init("faults", .array(faults.map(Self.fault)))]))
  }

  @Sendable private func quarantine(_ call: APICall) async throws -> APIReply {
    let id = try id(call)
    _ = try await world.store.costs.costImport(id)
    try await world.store.audit.append(call.record(.quarantineRead, "import \(id)"))
    let costs = world.store.costs
    let body = ResponseBody { writer in
      try await writer.write(ByteBuffer(string: "line,column,reason,value\r\n"))
      var position = 0
      while true {
        let page = try await costs.quarantine(of: id, from: position, max: Self.pageRows)
        if page.isEmpty { break }
        position += page.count
        let text = page.map { row in
          CSVText.row([String(row.line), row.column ?? "", row.reason, row.value ?? ""])
        }.joined()
        try await writer.write(ByteBuffer(string: text))
      }
      try await writer.finish(nil)
    }
    return APIReply(status: .ok, contentType: "text/csv; charset=utf-8", body: body)
  }

  private func id(_ call: APICall) throws(APIError) -> Int64 {
    let text = try call.parameter("id")
    guard let id = Int64(text), id > 0 else { throw .notFound(what: "cost import \(text)") }
    return id
  }

  private static func isSourceName(_ name: String) -> Bool {
    (1...64).contains(name.utf8.count)
      && name.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "."), UInt8(ascii: "-"),
          UInt8(ascii: "_"):
          true
        default: false
        }
      }
  }

  private static func members(_ done: CostImport) -> [JSONValue.Member] {
    [
      .init("id", .integer(done.id)), .init("source", .string(done.source)),
      .init("status", .string(done.isUnchanged ? "unchanged" : "stored")),
      .init("sha256", .string(done.digest.hex)), .init("focus_version", .string(done.version)),
      .init("bytes", .integer(done.bytes)), .init("rows_good", .integer(done.records)),
      .init("rows_quarantined", .integer(done.faultyRows)),
      .init("values_rounded", .integer(done.roundedValues)),
      .init("received_at", .string(done.receivedAt.description)),
      .init("by", .string(done.actor)),
      .init("snapshots", .array(done.snapshots.map(snapshot))),
      .init("totals", .array(done.totals.map(total))),
    ]
  }

  /// A snapshot as JSON.
  static func snapshot(_ snapshot: CostSnapshot) -> JSONValue {
    .object([
      .init("import", .integer(snapshot.importID)), .init("source", .string(snapshot.source)),
      .init("period", .string(snapshot.period.description)),
      .init("sha256", .string(snapshot.digest.hex)), .init("records", .integer(snapshot.records)),
      .init("state", .string(snapshot.state.rawValue)),
    ])
  }

  private static func total(_ total: CostTotal) -> JSONValue {
    .object([
      .init("period", .string(total.period.description)),
      .init("currency", .string(total.currency.code)), .init("records", .integer(total.records)),
      .init("billed", .string(total.billed.description)),
      .init("effective", .string(total.effective.description)),
    ])
  }

  private static func fault(_ row: QuarantinedRow) -> JSONValue {
    .object([
      .init("line", .integer(row.line)), .init("column", .text(row.column)),
      .init("reason", .string(row.reason)), .init("value", .text(row.value)),
    ])
  }
}
