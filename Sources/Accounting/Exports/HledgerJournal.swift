internal import Digest

/// Entries as a journal of hledger (https://hledger.org/hledger.html#journal), one transaction each.
public struct HledgerJournal: Sendable {
  private var currencies: Set<Currency> = []

  /// A journal without entries.
  public init() {}

  /// What stands at the beginning.
  public func header(_ period: Period) -> [UInt8] {
    Array("; Weir: ledger entries of \(period)\ndecimal-mark .\n".utf8)
  }

  /// One entry as a transaction, after the currencies that it is the first to use.
  public mutating func bytes(of entry: Entry) -> [UInt8] {
    var text = ""
    for currency in Set(entry.postings.map(\.amount.currency)).sorted()
    where currencies.insert(currency).inserted {
      text += "commodity 1000.000000 \(currency.code)\n"
    }
    let words = LedgerNames.plain("\(entry.kind.rawValue) \(entry.subject)")
    text += "\n\(LedgerNames.day(of: entry.period)) (\(entry.sequence)) \(words)\n"
    text += "    ; id: \(entry.id.hex)\n    ; version: \(entry.version)\n"
    text += "    ; posted: \(entry.postedAt)\n"
    if let policy = entry.policy { text += "    ; policy: \(policy.hex)\n" }
    if let reversed = entry.reverses { text += "    ; reverses: \(reversed.hex)\n" }
    for posting in entry.postings {
      text += "    \(LedgerNames.hledger(posting.account))  \(posting.amount)\n"
    }
    return Array(text.utf8)
  }
}
