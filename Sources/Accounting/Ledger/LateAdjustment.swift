import Digest

/// What would be posted now for a closed period, minus what was: pure, and nothing when nothing came
/// late. So the same late usage or cost is never posted twice.
public enum LateAdjustment {
  /// The change of one pool.
  public struct Change: Hashable, Sendable {
    /// The pool.
    public let pool: String
    /// What has to be posted; sums to zero per currency.
    public let postings: [Posting]
  }

  /// The changes by pool, in byte order of the pools; pools without one are left out.
  ///
  /// `posted`: the allocation entries of the version, its adjustments so far, and their reversals.
  /// `wanted`: the allocation entries as they would be now. Throws `unusableCosts` for an entry that
  /// belongs to no pool, and `overflow`.
  public static func changes(
    posted: [Entry], wanted: [Entry]
  ) throws(AccountingError) -> [Change] {
    var sums: [String: [Key: Int128]] = [:]
    var pools: [Digest256: String] = [:]
    for entry in wanted { add(entry, to: &sums[entry.subject, default: [:]], sign: 1) }
    for entry in posted {
      guard let pool = pool(of: entry, among: pools) else {
        throw .unusableCosts(reason: "ledger entry \(entry.sequence) belongs to no pool")
      }
      pools[entry.id] = pool
      add(entry, to: &sums[pool, default: [:]], sign: -1)
    }
    var changes: [Change] = []
    for (pool, accounts) in sums.sorted(by: { KeyOrder.precedes($0.key, $1.key) }) {
      let postings = try postings(accounts)
      if !postings.isEmpty { changes.append(Change(pool: pool, postings: postings)) }
    }
    return changes
  }

  private struct Key: Hashable {
    let account: Account
    let currency: Currency
  }

  /// A reversal stands behind what it reverses, so its pool is known by then.
  private static func pool(of entry: Entry, among known: [Digest256: String]) -> String? {
    switch entry.kind {
    case .allocation: entry.subject
    case .adjustment: LateSubject(text: entry.subject)?.pool
    case .reversal: entry.reverses.flatMap { known[$0] }
    case .writeOff: nil
    }
  }

  private static func add(_ entry: Entry, to sums: inout [Key: Int128], sign: Int128) {
    for posting in entry.postings {
      let key = Key(account: posting.account, currency: posting.amount.currency)
      sums[key, default: 0] += sign * Int128(posting.amount.micros)
    }
  }

  private static func postings(_ sums: [Key: Int128]) throws(AccountingError) -> [Posting] {
    var postings: [Posting] = []
    for (key, sum) in sums where sum != 0 {
      guard let micros = Int64(exactly: sum) else {
        throw .overflow(operation: "adjusting \(key.account)")
      }
      postings.append(
        Posting(account: key.account, amount: Money(micros: micros, currency: key.currency)))
    }
    return postings.sorted { $0.account < $1.account }
  }
}
