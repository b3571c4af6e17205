internal import Accounting
internal import Digest
internal import HTTPTypes
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
      .get("/v1/costs/imports/{id}/differences", differences), .get("/v1/costs/late", late),
      .get("/v1/costs/invoices", invoices), .post("/v1/costs/maps", keepMap),
      .post("/v1/costs/withdraw", withdraw),
    ]
  }

  @Sendable private func importFile(_ call: APICall) async throws -> APIReply {
    guard let source = call.query("source"), SourceName.isValid(source) else {
      throw APIError.invalid(
        what: "source must be 1 to 64 letters, digits, dots, dashes or underscores")
    }
    var job = ImportCosts(world: world, source: source, actor: call.caller.name)
    job.isFramed = call.request.headers[.contentType] == CostFileSet.mediaType
    job.map = try mapDigest(call)
    job.choice = try await choice(call, map: job.map)
    let ready = job
    return try await world.importGate.pass {
      try await report(try await ready.run(call.request.body, at: call.now))
    }
  }

  /// What the caller says of the form of the file.
  private func choice(_ call: APICall, map: Digest256?) async throws -> CostFileChoice {
    var format: CostFormat?
    if let name = call.query("format") {
      format = CostFormat(rawValue: name)
      if format == nil || format == .mapped {
        let names = CostFormat.allCases.filter { $0 != .mapped }.map(\.rawValue)
        throw APIError.invalid(what: "format must be one of \(names.joined(separator: ", "))")
      }
    }
    var currency: Currency?
    if let code = call.query("currency") { currency = try Currency.named(code) }
    guard let map else { return CostFileChoice(format: format, currency: currency) }
    guard format == nil else { throw APIError.invalid(what: "give a format or a map, not both") }
    let stored = try await world.store.costs.map(map)
    return CostFileChoice(map: try CostMapDocument.map(stored.source), currency: currency)
  }

  private func mapDigest(_ call: APICall) throws(APIError) -> Digest256? {
    guard let text = call.query("map") else { return nil }
    guard let digest = Digest256(hex: text) else {
      throw .invalid(what: "map must be the SHA-256 of a map that was stored")
    }
    return digest
  }

  @Sendable private func keepMap(_ call: APICall) async throws -> APIReply {
    let source = try await call.body(atMost: world.configuration.limits.documentBytes)
    let map = try CostMapDocument.map(source)
    let digest = try await world.store.costs.keepMap(
      source, name: map.name, audit: call.record(.costMapStore, map.name))
    return .json(
      .object([.init("name", .string(map.name)), .init("sha256", .string(digest.hex))]))
  }

  @Sendable private func list(_ call: APICall) async throws -> APIReply {
    let count = try call.number("limit", default: 50, in: 1...1_000)
    let imports = try await world.store.costs.latest(count)
    return .json(
      .object([.init("imports", .array(imports.map { .object(CostDocument.members($0)) }))]))
  }

  @Sendable private func show(_ call: APICall) async throws -> APIReply {
    try await report(try await world.store.costs.costImport(try id(call)))
  }

  private func report(_ done: CostImport) async throws -> APIReply {
    let costs = world.store.costs
    let faults = try await costs.quarantine(of: done.id, max: Self.faultsShown)
    let changes = try await costs.differences(of: done.id)
    return .json(
      .object(
        CostDocument.members(done) + [
          .init("differences", .array(changes.map(CostDocument.difference))),
          .init("faults", .array(faults.map(CostDocument.fault))),
        ]))
  }

  @Sendable private func differences(_ call: APICall) async throws -> APIReply {
    let changes = try await world.store.costs.differences(of: try id(call))
    return .json(
      .object([.init("differences", .array(changes.map(CostDocument.difference)))]))
  }

  @Sendable private func late(_ call: APICall) async throws -> APIReply {
    let period = try call.queryPeriod()
    let late = try await PoolCosts(world: world).late(period)
    return .json(CostDocument.late(late, period))
  }

  @Sendable private func invoices(_ call: APICall) async throws -> APIReply {
    let period = try call.queryPeriod()
    let controls = try await world.store.costs.invoiceControls(of: period)
    let states = try await world.store.costs.billingPeriods(of: period)
    return .json(CostDocument.controls(controls, states, period))
  }

  @Sendable private func withdraw(_ call: APICall) async throws -> APIReply {
    var reader = MemberReader(try await call.jsonObject())
    let source = try reader.needed("source")
    let period = try reader.period("period")
    let reason = try reader.needed("reason")
    guard let what = CostWithdrawal(rawValue: try reader.text("what") ?? "costs") else {
      throw APIError.invalid(what: "what must be costs or invoices")
    }
    try reader.checkAllRead()
    guard reason.utf8.count <= PostingRequest.reasonBytesMax else {
      throw APIError.invalid(what: "reason has at most \(PostingRequest.reasonBytesMax) bytes")
    }
    try await world.store.costs.withdraw(
      what, source: source, period: period,
      audit: call.record(
        .costsWithdraw, source, "what=\(what.rawValue) period=\(period) reason=\(reason)"))
    return .json(
      .object([
        .init("source", .string(source)), .init("period", .string(period.description)),
        .init("withdrawn", .string(what.rawValue)),
      ]))
  }

  @Sendable private func quarantine(_ call: APICall) async throws -> APIReply {
    let id = try id(call)
    _ = try await world.store.costs.costImport(id)
    try await world.store.audit.append(call.record(.quarantineRead, "import \(id)"))
    let costs = world.store.costs
    let body = ResponseBody { writer in
      try await writer.write(ByteBuffer(string: "line,column,reason,value,file\r\n"))
      var position = 0
      while true {
        let page = try await costs.quarantine(of: id, from: position, max: Self.pageRows)
        if page.isEmpty { break }
        position += page.count
        let text = page.map { row in
          CSVText.row(
            [String(row.line), row.column ?? "", row.reason, row.value ?? "", row.file ?? ""])
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

  /// A snapshot as JSON.
  static func snapshot(_ snapshot: CostSnapshot) -> JSONValue { CostDocument.snapshot(snapshot) }
}

/// Names of sources and series.
enum SourceName {
  /// Whether a name is 1 to 64 letters, digits, dots, dashes or underscores.
  static func isValid(_ name: String) -> Bool {
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
}
