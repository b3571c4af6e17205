public import Accounting
internal import Digest

/// Something that a person did: who, when, what. Reading somebody's statement counts.
public struct AuditRecord: Sendable, Equatable {
  /// What was done; the text is what stands in the database.
  public enum Action: String, Sendable, CaseIterable {
    /// A token was made.
    case tokenCreate = "token.create"
    /// A token was revoked.
    case tokenRevoke = "token.revoke"
    /// The register was changed.
    case tenantsImport = "tenants.import"
    /// A cost file was imported.
    case costsImport = "costs.import"
    /// What a source said of a period's costs or invoices was withdrawn.
    case costsWithdraw = "costs.withdraw"
    /// A cost map was stored.
    case costMapStore = "costs.map.store"
    /// A SKU map became the one that counts.
    case skuMapSet = "costs.skus.set"
    /// An external series was stored.
    case seriesStore = "series.store"
    /// Somebody read rows in quarantine.
    case quarantineRead = "costs.quarantine.read"
    /// A policy became the current one.
    case policySet = "policy.set"
    /// Rates between currencies were loaded.
    case ratesImport = "rates.import"
    /// Names and parents of tenants were set.
    case historySet = "tenants.history.set"
    /// Somebody asked why a tenant bears what it bears.
    case whyRead = "why.read"
    /// A period was closed.
    case periodClose = "period.close"
    /// Provisional statements of a period were made.
    case periodSoftClose = "period.soft-close"
    /// A closed period was restated: reversed, and posted again as a new version.
    case periodRestate = "period.restate"
    /// Somebody asked for what a second person has to approve.
    case orderAsk = "order.ask"
    /// A second person approved it.
    case orderApprove = "order.approve"
    /// It was withdrawn.
    case orderWithdraw = "order.withdraw"
    /// An adjustment was posted.
    case ledgerAdjust = "ledger.adjust"
    /// What a tenant owed was written off.
    case ledgerWriteOff = "ledger.write-off"
    /// An adjustment or write-off was reversed.
    case ledgerReverse = "ledger.reverse"
    /// A dispute was opened.
    case disputeOpen = "dispute.open"
    /// Somebody answered in a dispute.
    case disputeAnswer = "dispute.answer"
    /// Evidence was added to a dispute.
    case disputeEvidence = "dispute.evidence"
    /// A dispute was resolved.
    case disputeResolve = "dispute.resolve"
    /// Somebody read a tenant's statement.
    case statementRead = "statement.read"
    /// A rendering was kept as it was first made.
    case statementArchive = "statement.archive"
    /// Somebody took the statements of a period with them.
    case statementsExport = "statements.export"
    /// Somebody took a period's entries with them.
    case ledgerExport = "ledger.export"
    /// Somebody read usage.
    case usageRead = "usage.read"
    /// Somebody read ledger entries.
    case ledgerRead = "ledger.read"
    /// The store was copied.
    case backup = "store.backup"
    /// A backup was put to use.
    case restore = "store.restore"
  }

  /// Deeds after which the record names the ledger's length and head.
  static let anchoring: [Action] = [
    .periodClose, .periodRestate, .ledgerAdjust, .ledgerWriteOff, .ledgerReverse,
  ]

  /// When.
  public var at: UTCInstant
  /// Who: the name of the token, or of the user on the machine for offline commands.
  public var actor: String
  /// What.
  public var action: Action
  /// To which thing.
  public var subject: String
  /// Facts that belong to it, one line.
  public var detail: String

  /// A record.
  public init(
    at: UTCInstant, actor: String, action: Action, subject: String, detail: String = ""
  ) {
    self.at = at
    self.actor = actor
    self.action = action
    self.subject = subject
    self.detail = detail
  }
}

/// A record in its place in the trail.
public struct AuditEntry: Sendable, Equatable {
  /// Position from 0, without holes.
  public var sequence: Int64
  /// When, microseconds since 1970 UTC.
  public var atMicroseconds: Int64
  /// Who.
  public var actor: String
  /// What, as stored.
  public var action: String
  /// To which thing.
  public var subject: String
  /// Facts that belong to it.
  public var detail: String
}

/// What a walk over the audit trail found.
public struct AuditReport: Sendable, Equatable {
  /// How many records there are.
  public var records: Int64
  /// One line for each fault; empty for a sound trail.
  public var faults: [String]
  /// Whether each record fits the one before.
  public var isSound: Bool { faults.isEmpty }
}
