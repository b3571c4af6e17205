internal import Accounting
internal import Digest
internal import Store

/// Orders as JSON.
enum OrderDocument {
  /// One order.
  static func json(_ order: LedgerOrder) -> JSONValue {
    let request = order.request
    return .object([
      .init("id", .integer(order.id)), .init("state", .string(order.state.rawValue)),
      .init("kind", .string(request.kind)), .init("period", .string(request.period.description)),
      .init("subject", .string(request.subject)), .init("reason", .string(request.reason)),
      .init("asked_by", .string(request.actor)),
      .init("asked_at", .string(order.askedAt.description)),
      .init("proposal_sha256", .string(order.proposal.hex)),
      .init("request", (try? JSONValue(parsing: request.body)) ?? .null),
      .init("settled_by", .text(order.settledBy)),
      .init("settled_at", .text(order.settledAt?.description)),
    ])
  }

  /// The answer to a request: its report, and the order when a second person has to approve it.
  static func outcome(_ outcome: OrderDesk.Outcome) -> JSONValue {
    guard let order = outcome.order, case .object(let members) = outcome.report else {
      return outcome.report
    }
    return .object(members + [.init("order", json(order))])
  }
}
