internal import Accounting
internal import Digest
internal import Store

/// A request to post, decoded from JSON: of the API, or of an order that is approved later.
struct PostingRequest: Sendable {
  /// Kinds of requests.
  enum Kind: String, Sendable, CaseIterable {
    /// Close a period.
    case close
    /// Restate a closed one.
    case restate
    /// Move money by hand.
    case adjust
    /// Write off what a tenant owes.
    case writeOff = "write-off"
    /// Post what came late for a closed period.
    case late
    /// Undo an adjustment or write-off.
    case reverse

    /// Kinds that are posted to `…/adjustments`.
    static let corrections: [Kind] = [.adjust, .writeOff, .late, .reverse]
  }

  /// What is asked for.
  enum Content: Sendable {
    /// A close or a restatement.
    case close(waived: Set<String>, isRestatement: Bool, usesCurrentPolicy: Bool)
    /// A correction.
    case correct(PostCorrection.Deed)
  }

  /// The period that is posted to.
  let period: Period
  /// The kind.
  let kind: Kind
  /// What is asked for.
  let content: Content
  /// Why.
  let reason: String
  /// Only say what would happen.
  let isDryRun: Bool
  /// The request again, as canonical JSON.
  let body: [UInt8]

  /// The longest reason, in bytes.
  static let reasonBytesMax = 1_000

  /// What of the period it concerns: two requests of one kind and subject are for the same thing.
  var subject: String {
    guard case .correct(let deed) = content else { return "" }
    return switch deed {
    case .transfer(let transfer, _): transfer.reference
    case .late(let origin): origin.description
    case .reversal(let id): id.hex
    }
  }

  /// Reads a stored request again.
  init(_ request: LedgerRequest) throws {
    guard let kind = Kind(rawValue: request.kind) else {
      throw APIError.invalid(what: "unknown kind of order \"\(request.kind)\"")
    }
    try self.init(kind, period: request.period, body: JSONValue(parsing: request.body))
  }

  /// Reads a request. Throws `invalid` with the member that is wrong.
  init(_ kind: Kind, period: Period, body: JSONValue) throws {
    var reader = MemberReader(body)
    isDryRun = try reader.flag("dry_run")
    reason = try reader.text("reason") ?? ""
    guard isDryRun || !reason.isEmpty, reason.utf8.count <= Self.reasonBytesMax else {
      throw APIError.invalid(
        what: "a \(kind.rawValue) needs a reason of at most \(Self.reasonBytesMax) bytes")
    }
    self.kind = kind
    self.period = period
    content = try Self.content(kind, &reader)
    try reader.checkAllRead()
    self.body = body.canonicalBytes
  }

  private static func content(_ kind: Kind, _ reader: inout MemberReader) throws -> Content {
    switch kind {
    case .close:
      return .close(waived: try waived(&reader), isRestatement: false, usesCurrentPolicy: false)
    case .restate:
      let policy = try reader.text("policy") ?? "frozen"
      guard ["frozen", "current"].contains(policy) else {
        throw APIError.invalid(what: "policy must be frozen or current")
      }
      return .close(
        waived: try waived(&reader), isRestatement: true, usesCurrentPolicy: policy == "current")
    case .adjust:
      let transfer = try LedgerTransfer(
        from: try account("from", &reader), to: try account("to", &reader),
        amount: try reader.money(), reference: try reader.needed("reference"))
      return .correct(.transfer(transfer, .adjustment))
    case .writeOff:
      let tenant = try reader.needed("tenant")
      guard TenantNaming.isValid(tenant) else {
        throw APIError.invalid(what: "tenant: \"\(tenant.prefix(160))\" is not a tenant id")
      }
      let transfer = try LedgerTransfer.writeOff(
        of: tenant, try reader.money(), reference: try reader.needed("reference"))
      return .correct(.transfer(transfer, .writeOff))
    case .late: return .correct(.late(origin: try reader.period("origin")))
    case .reverse: return .correct(.reversal(of: try reader.digest("entry")))
    }
  }

  /// Reasons for which cost has no owner: those that closes know, and what was written off.
  private static let reasons = UnallocatedReason.allCases.map(\.rawValue) + ["write-off"]

  /// An account that a person may name. Whether people may post to it, `LedgerTransfer` says.
  private static func account(
    _ key: String, _ reader: inout MemberReader
  ) throws(APIError) -> Account {
    let text = try reader.needed(key)
    guard let account = try? Account(text: text) else {
      throw .invalid(what: "\(key): \"\(text.prefix(160))\" is not an account")
    }
    switch account {
    case .tenant(let id) where !TenantNaming.isValid(id):
      throw .invalid(what: "\(key): \"\(id.prefix(160))\" is not a tenant id")
    case .unallocated(let reason) where !reasons.contains(reason):
      throw .invalid(
        what: "\(key): \"\(reason.prefix(160))\" is not a reason; it must be one of "
          + reasons.joined(separator: ", "))
    case .tenant, .unallocated, .kept, .cost, .rounding, .fx: return account
    }
  }

  /// Throws `invalid` for a tenant that the store has never heard of: neither registered, nor with
  /// usage, nor in the ledger. Money that a typing error moved would be found by nobody.
  func checkTenants(_ store: EmbeddedStore) async throws {
    guard case .correct(.transfer(let transfer, _)) = content else { return }
    let members = kind == .writeOff ? ["tenant", ""] : ["from", "to"]
    for (member, account) in zip(members, [transfer.from, transfer.to]) {
      guard case .tenant(let id) = account else { continue }
      guard try await store.tenants.isKnown(id) else {
        throw APIError.invalid(
          what: "\(member): no tenant \"\(id)\" is registered, and none has usage or postings")
      }
    }
  }

  private static func waived(_ reader: inout MemberReader) throws -> Set<String> {
    var waived: Set<String> = []
    for name in try reader.texts("waive") {
      guard ClosePeriod.waivable.contains(name) else {
        let known = ClosePeriod.waivable.sorted().joined(separator: ", ")
        throw APIError.invalid(what: "only these can be waived: \(known)")
      }
      waived.insert(name)
    }
    return waived
  }

  /// The refusal when something is in the way.
  func refusal(_ blockers: [ClosePeriod.Blocker]) -> APIError {
    let lines = blockers.map { "\($0.code): \($0.message)" }
    return switch kind {
    case .close, .restate: .closeBlocked(blockers: lines)
    case .adjust, .writeOff, .late, .reverse: .postingBlocked(blockers: lines)
    }
  }
}
