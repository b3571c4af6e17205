public import Digest

/// What an entry is for.
public enum EntryKind: String, CaseIterable, Hashable, Sendable {
  /// The cost of one pool in one period, moved to those who bear it.
  case allocation
  /// An earlier entry, undone.
  case reversal
  /// A correction of an earlier period, or by hand, posted in an open one.
  case adjustment
  /// What a tenant owed and will not pay: the platform bears it.
  case writeOff = "write-off"
}

/// One movement between an account and the entry's others. Positive is a charge to the account.
public struct Posting: Hashable, Sendable {
  /// The account.
  public let account: Account
  /// How much.
  public let amount: Money

  /// A posting.
  public init(account: Account, amount: Money) {
    self.account = account
    self.amount = amount
  }
}

/// One entry of the ledger: postings that sum to zero, and who posted them when and why.
public struct Entry: Hashable, Sendable {
  /// The place in the ledger, from 0 without holes.
  public let sequence: UInt64
  /// What makes posting it twice visible: the same period, version, kind and subject, the same id.
  public let id: Digest256
  /// What it is for.
  public let kind: EntryKind
  /// What it is about: for an allocation, the pool.
  public let subject: String
  /// The period.
  public let period: Period
  /// The version of the period's statements, from 1.
  public let version: UInt32
  /// When it was posted.
  public let postedAt: UTCInstant
  /// Who posted it.
  public let actor: String
  /// Why.
  public let reason: String
  /// The policy it was made under.
  public let policy: Digest256?
  /// The imports it was made from, in byte order.
  public let imports: [Digest256]
  /// The entry it undoes.
  public let reverses: Digest256?
  /// The postings, ordered by account as bytes.
  public let postings: [Posting]

  /// An entry at a place of the ledger. Throws `unbalanced` unless postings sum to zero per currency.
  public init(
    sequence: UInt64, kind: EntryKind, subject: String, context: PostingContext,
    reverses: Digest256? = nil, postings: [Posting]
  ) throws(AccountingError) {
    self.sequence = sequence
    id = Self.makeId(
      period: context.period, version: context.version, kind: kind, subject: subject)
    self.kind = kind
    self.subject = subject
    period = context.period
    version = context.version
    postedAt = context.postedAt
    actor = context.actor
    reason = context.reason
    policy = context.policy
    imports = context.imports.sorted()
    self.reverses = reverses
    self.postings = postings.sorted {
      $0.account == $1.account
        ? $0.amount.currency < $1.amount.currency : $0.account < $1.account
    }
    try checkBalance()
  }

  /// An entry exactly as its bytes tell it; nothing is derived.
  init(decoded: EntryFields) {
    sequence = decoded.sequence
    id = decoded.id
    kind = decoded.kind
    subject = decoded.subject
    period = decoded.period
    version = decoded.version
    postedAt = decoded.postedAt
    actor = decoded.actor
    reason = decoded.reason
    policy = decoded.policy
    imports = decoded.imports
    reverses = decoded.reverses
    postings = decoded.postings
  }

  /// The id of an entry: SHA-256 over the text `weir-entry`, period, version, kind and subject.
  public static func makeId(
    period: Period, version: UInt32, kind: EntryKind, subject: String
  ) -> Digest256 {
    var writer = CanonicalWriter()
    writer.text("weir-entry")
    writer.text(period.description)
    writer.integer(version)
    writer.text(kind.rawValue)
    writer.text(subject)
    return SHA256.hash(writer.bytes)
  }

  /// Throws `unbalanced` unless the postings sum to zero per currency.
  func checkBalance() throws(AccountingError) {
    var sums: [Currency: Int128] = [:]
    for posting in postings {
      sums[posting.amount.currency, default: 0] += Int128(posting.amount.micros)
    }
    for (currency, sum) in sums where sum != 0 {
      throw .unbalanced(currency: currency.code, sum: DecimalText.fixed(sum, digits: 6))
    }
  }
}

/// Who posts, when, why, and from what: the same for all entries of one close.
public struct PostingContext: Hashable, Sendable {
  /// The period.
  public var period: Period
  /// The version of the period's statements, from 1.
  public var version: UInt32
  /// When.
  public var postedAt: UTCInstant
  /// Who.
  public var actor: String
  /// Why.
  public var reason: String
  /// Under which policy.
  public var policy: Digest256?
  /// From which imports.
  public var imports: [Digest256]

  /// A context.
  public init(
    period: Period, version: UInt32, postedAt: UTCInstant, actor: String, reason: String,
    policy: Digest256?, imports: [Digest256]
  ) {
    self.period = period
    self.version = version
    self.postedAt = postedAt
    self.actor = actor
    self.reason = reason
    self.policy = policy
    self.imports = imports
  }
}
