public import Accounting
internal import Digest

/// Something that a person did: who, when, what. Reading somebody's statement counts.
public struct AuditRecord: Sendable, Equatable {
  /// What was done; the text is what stands in the database.
  public enum Action: String, Sendable, CaseIterable {
    case tokenCreate = "token.create"
    case tokenRevoke = "token.revoke"
    case tenantsImport = "tenants.import"
    case costsImport = "costs.import"
    case quarantineRead = "costs.quarantine.read"
    case policySet = "policy.set"
    case periodClose = "period.close"
    case statementRead = "statement.read"
    case usageRead = "usage.read"
    case ledgerRead = "ledger.read"
    case backup = "store.backup"
    case restore = "store.restore"
  }

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
