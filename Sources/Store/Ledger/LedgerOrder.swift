public import Accounting
public import Digest

/// What somebody asked to have posted, and where that stands.
public struct LedgerOrder: Sendable, Equatable {
  /// Where an order stands.
  public enum State: String, Sendable, CaseIterable {
    /// It waits for a second person.
    case pending
    /// It was posted.
    case done
    /// It was withdrawn, or asked for again.
    case withdrawn
  }

  /// Its number.
  public var id: Int64
  /// What was asked.
  public var request: LedgerRequest
  /// Over everything that would be posted: an approval is for exactly this.
  public var proposal: Digest256
  /// When it was asked.
  public var askedAt: UTCInstant
  /// Where it stands.
  public var state: State
  /// When it was settled.
  public var settledAt: UTCInstant?
  /// Who settled it.
  public var settledBy: String?
}

/// What somebody asks for.
public struct LedgerRequest: Sendable, Equatable {
  /// The period that is posted to.
  public var period: Period
  /// `close`, `restate`, `adjust`, `write-off`, `late` or `reverse`.
  public var kind: String
  /// What of the period, such as a reference; empty when the period is all.
  public var subject: String
  /// The request as canonical JSON.
  public var body: [UInt8]
  /// Why.
  public var reason: String
  /// Who asks.
  public var actor: String

  /// A request.
  public init(
    period: Period, kind: String, subject: String, body: [UInt8], reason: String, actor: String
  ) {
    self.period = period
    self.kind = kind
    self.subject = subject
    self.body = body
    self.reason = reason
    self.actor = actor
  }
}
