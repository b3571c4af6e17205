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
      .get("/v1/periods/{period}/statements", list),
      .get("/v1/periods/{period}/statements/{tenant}", show),
    ]
  }

  /// The forms of a statement.
  enum Form: String, CaseIterable {
    /// The document itself.
    case json
    /// One row a line.
    case csv
    /// One page.
    case html

    /// The media type.
    var mediaType: String {
      switch self {
      case .json: "application/json"
      case .csv: "text/csv"
      case .html: "text/html"
      }
    }
  }

  @Sendable private func list(_ call: APICall) async throws -> APIReply {
    let period = try call.period()
    let version = try version(call)
    let headings = try await world.store.statements.headings(of: period, version: version)
    let values = headings.map { heading in
      JSONValue.object([
        .init("tenant", .string(heading.tenant)), .init("version", .integer(heading.version)),
        .init("total", .string(heading.total.text)),
        .init("currency", .string(heading.total.currency.code)),
        .init("sha256", .string(heading.digest.hex)),
      ])
    }
    try await world.store.audit.append(
      call.record(.statementRead, "\(period)", "all tenants, totals only"))
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
    let bytes = try await world.store.statements.document(
      of: tenant, period: period, version: try version(call))
    try await world.store.audit.append(
      call.record(.statementRead, "\(tenant) \(period)", "form=\(form.rawValue)"))
    return try Self.reply(bytes, form)
  }

  private func version(_ call: APICall) throws(APIError) -> UInt32? {
    guard call.query("version") != nil else { return nil }
    return UInt32(try call.number("version", default: 1, in: 1...Int(UInt32.max)))
  }

  /// Whose statement in which form: `format` in the query decides; else an ending `.json`, `.csv`
  /// or `.html` of the name, which is then not part of the tenant's id; else the Accept field; else
  /// JSON.
  static func target(
    _ name: String, format: String?, accept: String
  ) throws(APIError) -> (tenant: String, form: Form) {
    if let format {
      guard let form = Form(rawValue: format) else {
        throw .invalid(what: "format must be json, csv or html")
      }
      return (name, form)
    }
    for form in Form.allCases where name.hasSuffix("." + form.rawValue) {
      return (String(name.dropLast(form.rawValue.count + 1)), form)
    }
    return (name, Form.allCases.first { accept.contains($0.mediaType) } ?? .json)
  }

  private static func reply(_ bytes: [UInt8], _ form: Form) throws -> APIReply {
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
    }
  }
}
