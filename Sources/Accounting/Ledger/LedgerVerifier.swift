public import Digest

/// An entry as a store holds it.
public struct StoredEntry: Hashable, Sendable {
  /// The canonical bytes.
  public var canonical: [UInt8]
  /// The hash before it, as stored.
  public var previous: Digest256
  /// Its own hash, as stored.
  public var hash: Digest256
  /// The entry rebuilt from the store's columns, to be compared with the bytes; `nil` when the store
  /// keeps bytes only.
  public var columns: Entry?

  /// A stored entry.
  public init(
    canonical: [UInt8], previous: Digest256, hash: Digest256, columns: Entry? = nil
  ) {
    self.canonical = canonical
    self.previous = previous
    self.hash = hash
    self.columns = columns
  }

  /// The stored form of a chained entry.
  public init(_ chained: ChainedEntry) {
    self.init(
      canonical: chained.entry.canonicalBytes, previous: chained.previous, hash: chained.hash,
      columns: chained.entry)
  }
}

/// The sum of an account's postings in one currency.
public struct AccountBalance: Hashable, Sendable {
  /// The account.
  public let account: Account
  /// The sum.
  public let amount: Money

  /// A balance.
  public init(account: Account, amount: Money) {
    self.account = account
    self.amount = amount
  }
}

/// Something that is wrong with a ledger.
public struct LedgerFault: Hashable, Sendable, CustomStringConvertible {
  /// The place of the entry; `nil` for the ledger as a whole.
  public let sequence: UInt64?
  /// What is wrong.
  public let reason: String

  /// One line for an operator.
  public var description: String { sequence.map { "entry \($0): \(reason)" } ?? reason }
}

/// What a walk over the ledger found.
public struct LedgerReport: Hashable, Sendable {
  /// The head as computed.
  public let head: LedgerHead
  /// The balances as added up, by account and currency, those of zero included.
  public let balances: [AccountBalance]
  /// Everything that is wrong; empty for a sound ledger.
  public let faults: [LedgerFault]

  /// Whether nothing is wrong.
  public var isSound: Bool { faults.isEmpty }
}

/// Walks a ledger from its first entry: recomputes every hash, compares bytes with columns, re-adds
/// balances, and compares the heads that were anchored elsewhere.
public struct LedgerVerifier: Sendable {
  private struct BalanceKey: Hashable {
    let account: Account
    let currency: Currency
  }

  private var head = LedgerHead.empty
  private var sums: [BalanceKey: Int128] = [:]
  private var ids: Set<Digest256> = []
  private var faults: [LedgerFault] = []
  private let anchors: [LedgerHead]

  /// A verifier. `anchors` are heads that were written down at a close, in any order.
  public init(anchors: [LedgerHead] = []) {
    self.anchors = anchors
  }

  /// Checks the next entry; they come in the order of the store.
  public mutating func check(_ stored: StoredEntry) {
    let sequence = head.count
    if stored.previous != head.hash { fail(sequence, "it does not follow the entry before it") }
    let computed = Entry.hash(of: stored.canonical, after: head.hash)
    if stored.hash != computed { fail(sequence, "its hash does not match its bytes") }
    // The walk goes on from what was computed, so one changed entry breaks all that follow it.
    head = LedgerHead(count: sequence + 1, hash: computed)
    do throws(AccountingError) {
      let entry = try Entry(canonicalBytes: stored.canonical)
      check(entry, stored, at: sequence)
    } catch {
      fail(sequence, "its bytes are not an entry: \(error)")
    }
    for anchor in anchors where anchor.count == head.count && anchor.hash != head.hash {
      fail(sequence, "the ledger was anchored here with hash \(anchor.hash)")
    }
  }

  private mutating func check(_ entry: Entry, _ stored: StoredEntry, at sequence: UInt64) {
    if entry.canonicalBytes != stored.canonical { fail(sequence, "its bytes are not canonical") }
    if entry.sequence != sequence { fail(sequence, "it says it is entry \(entry.sequence)") }
    if let columns = stored.columns, columns != entry {
      fail(sequence, "its columns differ from its bytes")
    }
    let id = Entry.makeId(
      period: entry.period, version: entry.version, kind: entry.kind, subject: entry.subject)
    if entry.id != id { fail(sequence, "its id is not the id of what it says") }
    if !ids.insert(entry.id).inserted { fail(sequence, "its id stands twice in the ledger") }
    do throws(AccountingError) {
      try entry.checkBalance()
    } catch {
      fail(sequence, "\(error)")
    }
    for posting in entry.postings {
      let key = BalanceKey(account: posting.account, currency: posting.amount.currency)
      sums[key, default: 0] += Int128(posting.amount.micros)
    }
  }

  private mutating func fail(_ sequence: UInt64?, _ reason: String) {
    faults.append(LedgerFault(sequence: sequence, reason: reason))
  }

  /// Ends the walk. `balances`, when the store keeps them, are compared with what was added up.
  public consuming func finish(balances stored: [AccountBalance]? = nil) -> LedgerReport {
    for anchor in anchors where anchor.count > head.count {
      fail(nil, "the ledger has \(head.count) entries, it was anchored with \(anchor.count)")
    }
    let balances = added()
    if let stored {
      let left = Set(stored.filter { $0.amount.micros != 0 })
      let right = Set(balances.filter { $0.amount.micros != 0 })
      let differing = Set(left.symmetricDifference(right).map(\.account)).sorted()
      for account in differing {
        fail(nil, "the stored balance of \(account) is not the sum of its postings")
      }
    }
    return LedgerReport(head: head, balances: balances, faults: faults)
  }

  private mutating func added() -> [AccountBalance] {
    var balances: [AccountBalance] = []
    let sorted = sums.sorted {
      $0.key.account == $1.key.account
        ? $0.key.currency < $1.key.currency : $0.key.account < $1.key.account
    }
    for (key, sum) in sorted {
      guard let micros = Int64(exactly: sum) else {
        fail(nil, "the balance of \(key.account) does not fit 64 bits")
        continue
      }
      balances.append(
        AccountBalance(
          account: key.account, amount: Money(micros: micros, currency: key.currency)))
    }
    return balances
  }
}
