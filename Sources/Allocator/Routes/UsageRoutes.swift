internal import Accounting
internal import Store
internal import Usage

/// Who used what in a window.
struct UsageRoutes: Sendable {
  /// What it works on.
  let world: AllocatorWorld

  /// The endpoints.
  var endpoints: [Endpoint] { [.get("/v1/usage", roles: Endpoint.tenants, summary)] }

  private static let hour: Int64 = 3_600_000_000

  @Sendable private func summary(_ call: APICall) async throws -> APIReply {
    let from = try instant(call, "from")
    let to = try instant(call, "to")
    guard from < to else { throw APIError.invalid(what: "from must be before to") }
    let grouping = try grouping(call)
    let tenant = call.query("tenant") ?? call.caller.tenant
    guard call.caller.role != .tenant || tenant == call.caller.tenant else {
      throw APIError.notFound(what: "usage of \(tenant ?? "anybody") for this token")
    }
    // Whole hours are what is stored: the window grows to them.
    let query = UsageQuery(
      fromHour: Self.floor(from), toHour: Self.floor(to + Self.hour - 1),
      tenant: tenant, route: call.query("route"), grouping: grouping,
      rowsMax: try call.number("limit", default: 1_000, in: 1...100_000))
    let rows = try await world.store.usage.summary(query)
    try await world.store.audit.append(
      call.record(.usageRead, tenant ?? "all tenants", "from=\(from) to=\(to)"))
    return .json(
      .object([
        .init("from", .string(Self.text(query.fromHour))),
        .init("to", .string(Self.text(query.toHour))),
        .init("rows", .array(rows.map(Self.row))),
      ]))
  }

  private func instant(_ call: APICall, _ name: String) throws(APIError) -> Int64 {
    guard let text = call.query(name) else { throw .invalid(what: "\(name) is missing") }
    do {
      return try UTCInstant(parsing: text).microseconds
    } catch {
      throw .invalid(what: "\(name): \(error.description)")
    }
  }

  private func grouping(_ call: APICall) throws(APIError) -> UsageQuery.Grouping {
    guard let text = call.query("group") else { return .tenant }
    guard let grouping = UsageQuery.Grouping(rawValue: text) else {
      let known = UsageQuery.Grouping.allCases.map(\.rawValue).joined(separator: " or ")
      throw .invalid(what: "group must be \(known)")
    }
    return grouping
  }

  private static func floor(_ microseconds: Int64) -> Int64 {
    let (quotient, remainder) = microseconds.quotientAndRemainder(dividingBy: hour)
    return remainder < 0 ? quotient - 1 : quotient
  }

  private static func text(_ hours: Int64) -> String {
    UTCInstant(microseconds: hours * hour).description
  }

  private static func row(_ row: UsageSummaryRow) -> JSONValue {
    var members: [JSONValue.Member] = []
    if let tenant = row.tenant { members.append(.init("tenant", .string(tenant))) }
    if let route = row.route { members.append(.init("route", .string(route))) }
    if let hour = row.hour { members.append(.init("hour", .string(text(hour)))) }
    for quantity in Usage.Quantity.allCases {
      members.append(
        .init(quantity.name, .integer(row.quantities[Int(quantity.rawValue)])))
    }
    if let latency = row.latency {
      members += zip(["p50_us", "p95_us", "p99_us"], latency).map { .init($0, .integer($1)) }
    }
    return .object(members)
  }
}
