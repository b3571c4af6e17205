internal import Accounting
internal import Hummingbird
internal import Store

/// Orders: what one person asked for and another approves.
struct OrderRoutes: Sendable {
  /// What it works on.
  let world: AllocatorWorld

  /// The endpoints.
  var endpoints: [Endpoint] {
    [
      .get("/v1/orders", list), .get("/v1/orders/{id}", show),
      .post("/v1/orders/{id}/approve", approve), .post("/v1/orders/{id}/withdraw", withdraw),
    ]
  }

  @Sendable private func list(_ call: APICall) async throws -> APIReply {
    let count = try call.number("limit", default: 50, in: 1...1_000)
    let orders = try await world.store.orders.latest(
      count, pendingOnly: call.query("state") == LedgerOrder.State.pending.rawValue)
    return .json(.object([.init("orders", .array(orders.map(OrderDocument.json)))]))
  }

  @Sendable private func show(_ call: APICall) async throws -> APIReply {
    .json(OrderDocument.json(try await world.store.orders.order(try call.number(of: "order"))))
  }

  @Sendable private func approve(_ call: APICall) async throws -> APIReply {
    let outcome = try await OrderDesk(world: world).approve(
      try call.number(of: "order"), by: call.caller.name, at: call.now)
    return .json(OrderDocument.outcome(outcome))
  }

  @Sendable private func withdraw(_ call: APICall) async throws -> APIReply {
    let order = try await world.store.orders.withdraw(
      try call.number(of: "order"), by: call.caller.name, at: call.now)
    return .json(OrderDocument.json(order))
  }
}

extension APICall {
  /// The number in the path under `id`; throws `notFound` for anything else.
  func number(of what: String) throws(APIError) -> Int64 {
    let text = try parameter("id")
    guard let id = Int64(text), id > 0 else { throw .notFound(what: "\(what) \(text)") }
    return id
  }
}
