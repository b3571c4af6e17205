public import Accounting
public import Digest

/// A tenant's objection to a statement, and what came of it. It never touches the ledger: a
/// correction is an adjustment or a restatement, which a resolution may name.
public struct Dispute: Sendable, Equatable {
  /// Where a dispute stands; follows from its events.
  public enum State: String, Sendable, CaseIterable {
    /// Nobody has answered.
    case open
    /// There is an answer.
    case answered
    /// It is over.
    case resolved
  }

  /// Its number.
  public var id: Int64
  /// What it is about.
  public var claim: DisputeClaim
  /// When it was opened.
  public var openedAt: UTCInstant
  /// What happened, in order; the first opens it.
  public var events: [DisputeEvent]

  /// Where it stands.
  public var state: State {
    if events.contains(where: { $0.kind == .resolve }) { return .resolved }
    return events.contains { $0.kind == .answer } ? .answered : .open
  }

  /// When it was resolved.
  public var resolvedAt: UTCInstant? { events.last { $0.kind == .resolve }?.at }

  /// Seconds from its opening to its resolution, or to `now` while it is not resolved.
  public func ageSeconds(at now: UTCInstant) -> Int64 {
    let end = resolvedAt ?? now
    return max(0, (end.microseconds - openedAt.microseconds) / 1_000_000)
  }
}

/// What a dispute is about.
public struct DisputeClaim: Sendable, Equatable {
  /// The period.
  public var period: Period
  /// The version of its statements; 0 for provisional ones.
  public var version: UInt32
  /// Whose statement.
  public var tenant: String
  /// Which pool of it, or nil for all.
  public var pool: String?
  /// How much is in dispute, when that is known.
  public var amount: Money?

  /// A claim.
  public init(period: Period, version: UInt32, tenant: String, pool: String?, amount: Money?) {
    self.period = period
    self.version = version
    self.tenant = tenant
    self.pool = pool
    self.amount = amount
  }
}

/// One thing that happened in a dispute.
public struct DisputeEvent: Sendable, Equatable {
  /// What.
  public enum Kind: String, Sendable, CaseIterable {
    /// It was opened.
    case open
    /// The operator answered.
    case answer
    /// Evidence was added.
    case evidence
    /// It was resolved.
    case resolve
  }

  /// How a dispute ended.
  public enum Outcome: String, Sendable, CaseIterable {
    /// The tenant was right; `entry` names the correction, when one was posted.
    case upheld
    /// The statement stands.
    case rejected
    /// The tenant took it back.
    case withdrawn
  }

  /// What.
  public var kind: Kind
  /// When.
  public var at: UTCInstant
  /// Who.
  public var actor: String
  /// In their words.
  public var text: String
  /// A file that is kept elsewhere: its name, and the digest of its bytes.
  public var evidence: Evidence?
  /// How it ended.
  public var outcome: Outcome?
  /// The ledger entry that corrects what was disputed.
  public var entry: Digest256?

  /// A file that is kept elsewhere.
  public struct Evidence: Sendable, Equatable {
    /// Its name.
    public var name: String
    /// SHA-256 of its bytes.
    public var digest: Digest256

    /// A file.
    public init(name: String, digest: Digest256) {
      self.name = name
      self.digest = digest
    }
  }

  /// An event.
  public init(
    kind: Kind, at: UTCInstant, actor: String, text: String, evidence: Evidence? = nil,
    outcome: Outcome? = nil, entry: Digest256? = nil
  ) {
    self.kind = kind
    self.at = at
    self.actor = actor
    self.text = text
    self.evidence = evidence
    self.outcome = outcome
    self.entry = entry
  }
}
