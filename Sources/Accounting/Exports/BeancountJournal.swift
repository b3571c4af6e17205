internal import Digest

/// Entries as a file of Beancount 2 (https://beancount.github.io/docs/beancount_language_syntax.html), one
/// transaction each, with accounts opened before their first use.
///
/// Memory grows with the number of accounts of the period.
public struct BeancountJournal: Sendable {
  private var opened: Set<Account> = []

  /// A file without entries.
  public init() {}

  /// What stands at the beginning.
  public func header(_ period: Period) -> [UInt8] {
    Array("; Weir: ledger entries of \(period)\noption \"title\" \"Weir \(period)\"\n".utf8)
  }

  /// One entry as a transaction, after the accounts that it is the first to use.
  public mutating func bytes(of entry: Entry) -> [UInt8] {
    var text = "\n"
    for posting in entry.postings where opened.insert(posting.account).inserted {
      text += "\(LedgerNames.firstDay(of: entry.period)) open "
      text += "\(LedgerNames.beancount(posting.account))\n"
    }
    let day = LedgerNames.day(of: entry.period)
    text += "\(day) * \"\(LedgerNames.plain("\(entry.kind.rawValue) \(entry.subject)"))\" "
    text += "\"\(LedgerNames.plain(entry.reason))\"\n"
    text += "  id: \"\(entry.id.hex)\"\n  sequence: \(entry.sequence)\n"
    text += "  version: \(entry.version)\n  posted: \"\(entry.postedAt)\"\n"
    if let policy = entry.policy { text += "  policy: \"\(policy.hex)\"\n" }
    if let reversed = entry.reverses { text += "  reverses: \"\(reversed.hex)\"\n" }
    for posting in entry.postings {
      text += "  \(LedgerNames.beancount(posting.account))  \(posting.amount)\n"
    }
    return Array(text.utf8)
  }
}
