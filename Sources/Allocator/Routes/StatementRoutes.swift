internal import Accounting
internal import Digest
internal import HTTPTypes
internal import Hummingbird
internal import Store

/// Statements, in every form from the one model. Reading one is an audit record.
struct StatementRoutes: Sendable {
  /// What it works on.
  let world: AllocatorWorld

  /// The endpoints.
  var endpoints: [Endpoint] {
    [
      .get("/v1/periods/{period}/statements", roles: Endpoint.tenants, list),
      .get("/v1/periods/{period}/statements/{tenant}", roles: Endpoint.tenants, show),
    ]
  }

  @Sendable private func list(_ call: APICall) async throws -> APIReply {
    let period = try call.period()
    let version = try version(call)
    let headings = try await world.store.statements.headings(of: period, version: version)
    let seen = headings.filter { call.caller.maySee(tenant: $0.tenant) }
    let values = seen.map { heading in
      JSONValue.object([
        .init("tenant", .string(heading.tenant)), .init("version", .integer(heading.version)),
        .init("total", .string(heading.total.text)),
        .init("currency", .string(heading.total.currency.code)),
        .init("sha256", .string(heading.digest.hex)),
      ])
    }
    try await world.store.audit.append(
      call.record(
        .statementRead, "\(period)", "\(call.caller.tenant ?? "all tenants"), totals only"))
    return .json(
      .object([
        .init("period", .string(period.description)), .init("statements", .array(values)),
      ]))
  }

  @Sendable private func show(_ call: APICall) async throws -> APIReply {
    let period = try call.period()
    let (tenant, form) = try Self.target(
      try call.parameter("tenant"), format: call.query("format"),
      accept: call.request.headers[.accept] ?? "")
    guard call.caller.maySee(tenant: tenant) else {
      throw APIError.notFound(what: "statement of \(tenant) for \(period)")
    }
    let bytes = try await world.store.statements.document(
      of: tenant, period: period, version: try version(call))
    try await world.store.audit.append(
      call.record(.statementRead, "\(tenant) \(period)", "form=\(form.rawValue)"))
    return try await reply(bytes, form, call)
  }

  private func version(_ call: APICall) throws(APIError) -> UInt32? {
    guard call.query("version") != nil else { return nil }
    return UInt32(try call.number("version", default: 1, in: 1...Int(UInt32.max)))
  }

  /// Whose statement in which form: `format` in the query decides; else an ending `.json`, `.csv`,
  /// `.html` or `.pdf` of the name, which is then not part of the tenant's id; else the Accept field; else
  /// JSON.
  static func target(
    _ name: String, format: String?, accept: String
  ) throws(APIError) -> (tenant: String, form: StatementForm) {
    if let format {
      guard let form = StatementForm(rawValue: format) else {
        throw .invalid(what: "format must be json, csv, html or pdf")
      }
      return (name, form)
    }
    for form in StatementForm.allCases where name.hasSuffix("." + form.rawValue) {
      return (String(name.dropLast(form.rawValue.count + 1)), form)
    }
    return (name, StatementForm.allCases.first { accept.contains($0.mediaType) } ?? .json)
  }

  private func reply(
    _ bytes: [UInt8], _ form: StatementForm, _ call: APICall
  ) async throws -> APIReply {
    switch form {
    case .json: return .document(bytes, contentType: form.mediaType)
    case .csv:
      let statement = try Statement(canonicalJSON: bytes)
      return .document(statement.csv(), contentType: "text/csv; charset=utf-8")
    case .html:
      let page = StatementPage(statement: try Statement(canonicalJSON: bytes))
      var reply = APIReply.document(
        Array(page.html.utf8), contentType: "text/html; charset=utf-8")
      reply.fields.append(
        (.contentSecurityPolicy, "default-src 'none'; style-src 'unsafe-inline'"))
      return reply
    case .pdf:
      let archive = ArchiveStatement(world: world)
      let pdf = try await archive.pdf(of: bytes, by: call.caller.name, at: call.now)
      var reply = APIReply.document(pdf.bytes, contentType: form.mediaType)
      reply.fields.append((.eTag, "\"\(pdf.digest.hex)\""))
      return reply
    }
  }
}
