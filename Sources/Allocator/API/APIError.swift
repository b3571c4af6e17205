public import Accounting
internal import Hummingbird
public import Store
internal import Usage

/// What the API refuses. The one table from a fault to its status, code, message and hint.
///
/// Codes are stable: clients act on them, messages are for people.
public enum APIError: Error, Sendable, Equatable {
  /// No token, or one that is not known or was revoked.
  case unauthorized
  /// The token's role may not do this.
  case forbidden(role: Role, needed: [Role])
  /// No such path, or nothing of that name.
  case notFound(what: String)
  /// The path is there, with other methods.
  case methodNotAllowed
  /// The body is larger than the limit.
  case bodyTooLarge(limit: Int)
  /// A parameter or a JSON body breaks a rule.
  case invalid(what: String)
  /// Bytes that are not a batch.
  case batchMalformed(reason: String)
  /// A batch of a name that was stored with other bytes.
  case batchConflict(name: String)
  /// A cost file that cannot be read at all.
  case costsMalformed(reason: String)
  /// A policy document with faults.
  case policyInvalid(faults: [String])
  /// A cost map, SKU map, series or tenant map with faults.
  case documentInvalid(faults: [String])
  /// A series that could not be fetched.
  case seriesUnavailable(reason: String)
  /// A register with faults.
  case tenantsInvalid(faults: [String])
  /// A file of rates with faults.
  case ratesInvalid(faults: [String])
  /// Names and parents of tenants with faults.
  case historyInvalid(faults: [String])
  /// A mapping to the general ledger with faults.
  case mappingInvalid(faults: [String])
  /// No policy was ever set.
  case policyMissing
  /// A period that cannot be closed yet.
  case closeBlocked(blockers: [String])
  /// An adjustment, write-off or reversal that cannot be posted.
  case postingBlocked(blockers: [String])
  /// Who asked for something cannot approve it, nor can a token that goes back to the same person.
  case samePerson(name: String, asker: String)
  /// An order that was approved or withdrawn before.
  case orderSettled(reason: String)
  /// What an order asked for would not be posted like this any more.
  case orderStale(id: Int64)
  /// The period changed while it was being closed.
  case closeRaced(period: String)
  /// Too many of these at once.
  case busy(what: String)
  /// The store refused or failed.
  case store(StoreError)
  /// A computation was refused.
  case accounting(AccountingError)
  /// Anything that has no case above: a bug.
  case unexpected(String)

  /// The API's error for whatever a handler threw.
  init(wrapping error: any Error) {
    switch error {
    case let error as APIError: self = error
    case let error as StoreError: self = .init(error)
    case let error as AccountingError: self = .accounting(error)
    case let error as BatchError: self = .batchMalformed(reason: error.description)
    case let error as DocumentFaults: self = .documentInvalid(faults: error.faults)
    case let error as PolicyFaults: self = .policyInvalid(faults: error.faults.map(\.description))
    case let error as HTTPError: self = .init(error)
    case let error as PDFFailure: self = .unexpected(error.description)
    default: self = .unexpected("\(error)")
    }
  }

  private init(_ error: StoreError) {
    switch error {
    case .notFound(let what): self = .notFound(what: what)
    case .changedMeanwhile(let period): self = .closeRaced(period: period)
    case .orderSettled: self = .orderSettled(reason: error.description)
    case .periodClosed(let period):
      self = .closeBlocked(blockers: ["already_closed: period \(period) is closed"])
    default: self = .store(error)
    }
  }

  private init(_ error: HTTPError) {
    switch error.status {
    case .notFound: self = .notFound(what: "such path")
    case .methodNotAllowed: self = .methodNotAllowed
    case .contentTooLarge: self = .bodyTooLarge(limit: 0)
    default: self = .invalid(what: error.body ?? error.status.reasonPhrase)
    }
  }
}

extension APIError {
  /// One row of the table.
  struct Answer {
    /// The HTTP status.
    let status: HTTPResponse.Status
    /// The stable code.
    let code: String
    /// What happened, for a person.
    let message: String
    /// What to do next; may be empty.
    let hint: String
  }

  /// The table.
  var answer: Answer {
    switch self {
    case .unauthorized:
      Answer(
        status: .unauthorized, code: "unauthorized", message: "no valid bearer token",
        hint: "send Authorization: Bearer with a token from `weir token create`")
    case .forbidden(let role, let needed):
      Answer(
        status: .forbidden, code: "forbidden", message: "a token of role \(role.rawValue) may not",
        hint: "needs role \(needed.map(\.rawValue).joined(separator: " or "))")
    case .notFound(let what):
      Answer(status: .notFound, code: "not_found", message: "no \(what)", hint: "")
    case .methodNotAllowed:
      Answer(
        status: .methodNotAllowed, code: "method_not_allowed", message: "not with this method",
        hint: "see docs/reference/api.md")
    case .bodyTooLarge(let limit):
      Answer(
        status: .contentTooLarge, code: "body_too_large",
        message: limit > 0 ? "the body is larger than \(limit) bytes" : "the body is too large",
        hint: "the limits are in the allocator's configuration under limits")
    case .invalid(let what):
      Answer(status: .badRequest, code: "invalid", message: what, hint: "")
    case .busy(let what):
      Answer(
        status: .serviceUnavailable, code: "busy", message: "too many \(what) at once",
        hint: "try again in a few seconds")
    case .unexpected:
      Answer(
        status: .internalServerError, code: "unexpected", message: "the allocator has a fault",
        hint: "its log has the reason under this request")
    case .batchMalformed, .batchConflict, .costsMalformed, .policyInvalid, .documentInvalid,
      .seriesUnavailable, .tenantsInvalid, .ratesInvalid, .historyInvalid, .mappingInvalid,
      .policyMissing, .closeBlocked, .closeRaced:
      documentAnswer
    case .postingBlocked, .samePerson, .orderSettled, .orderStale: orderAnswer
    case .store(let error): Self.answer(to: error)
    case .accounting(let error):
      Answer(
        status: .unprocessableContent, code: "accounting", message: error.description,
        hint: "nothing was stored")
    }
  }

  private var documentAnswer: Answer {
    switch self {
    case .batchMalformed(let reason):
      Answer(
        status: .badRequest, code: "batch_malformed", message: reason,
        hint: "see docs/reference/batch-format.md")
    case .batchConflict(let name):
      Answer(
        status: .conflict, code: "batch_conflict",
        message: "batch \(name) was stored with other bytes",
        hint: "the copy was kept aside; two proxies share one state directory, or it was edited")
    case .costsMalformed(let reason):
      Answer(
        status: .badRequest, code: "costs_malformed", message: reason,
        hint: "nothing was imported; docs/reference/cost-imports.md has the forms that are read")
    case .policyInvalid(let faults):
      Answer(
        status: .unprocessableContent, code: "policy_invalid",
        message: faults.joined(separator: "\n"), hint: "the current policy stays as it is")
    case .seriesUnavailable(let reason):
      Answer(
        status: .badGateway, code: "series_unavailable", message: reason,
        hint: "nothing was stored; look at the file of series.sources")
    case .documentInvalid(let faults):
      Answer(
        status: .unprocessableContent, code: "document_invalid",
        message: faults.joined(separator: "\n"), hint: "nothing was stored")
    case .tenantsInvalid(let faults):
      Answer(
        status: .unprocessableContent, code: "tenants_invalid",
        message: faults.joined(separator: "\n"), hint: "nothing was registered")
    case .ratesInvalid(let faults):
      Answer(
        status: .unprocessableContent, code: "rates_invalid",
        message: faults.joined(separator: "\n"), hint: "no rate of the file was stored")
    case .historyInvalid(let faults):
      Answer(
        status: .unprocessableContent, code: "history_invalid",
        message: faults.joined(separator: "\n"), hint: "names and parents stay as they are")
    case .mappingInvalid(let faults):
      Answer(
        status: .unprocessableContent, code: "mapping_invalid",
        message: faults.joined(separator: "\n"), hint: "see docs/reference/exports.md")
    case .policyMissing:
      Answer(
        status: .conflict, code: "policy_missing", message: "no policy was set",
        hint: "set one with `weir policy set FILE`")
    case .closeBlocked(let blockers):
      Answer(
        status: .conflict, code: "close_blocked", message: blockers.joined(separator: "\n"),
        hint: "`weir close PERIOD --dry-run` shows the same list without closing")
    case .closeRaced(let period):
      Answer(
        status: .conflict, code: "close_raced",
        message: "period \(period) changed while it was being closed",
        hint: "nothing was stored; close it again")
    default: preconditionFailure("not a fault of a document: \(self)")
    }
  }

  private var orderAnswer: Answer {
    switch self {
    case .postingBlocked(let blockers):
      Answer(
        status: .conflict, code: "posting_blocked", message: blockers.joined(separator: "\n"),
        hint: "nothing was posted")
    case .samePerson(let name, let asker):
      Answer(
        status: .conflict, code: "same_person",
        message: name == asker
          ? "\(name) asked for this and cannot approve it"
          : "\(asker) asked for this, and \(name) goes back to the same person",
        hint:
          "another person approves it, with a token of their own name that was made at the store")
    case .orderSettled(let reason):
      Answer(
        status: .conflict, code: "order_settled", message: reason,
        hint: "`weir orders --all` shows who settled it")
    case .orderStale(let id):
      Answer(
        status: .conflict, code: "order_stale",
        message: "what order \(id) asked for has changed since",
        hint: "nothing was posted; look at it again and ask again")
    default: preconditionFailure("not a fault of an order: \(self)")
    }
  }

  private static func answer(to error: StoreError) -> Answer {
    switch error {
    case .counterOverflow:
      Answer(
        status: .badRequest, code: "counter_overflow", message: error.description,
        hint: "nothing was stored")
    case .exists:
      Answer(status: .conflict, code: "exists", message: error.description, hint: "")
    case .engine, .notAStore, .newerFormat, .missing, .destinationExists, .malformed, .behindSeal,
      .changedMeanwhile, .periodClosed, .orderSettled, .notFound:
      Answer(
        status: .serviceUnavailable, code: "store_failed", message: error.description,
        hint: "nothing was stored; look at the disk of the allocator")
    }
  }
}
