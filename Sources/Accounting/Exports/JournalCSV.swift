internal import Digest

/// Entries as lines of a journal for an accounting system: general ledger accounts, debit and credit
/// in minor units, and the exact amount beside them.
///
/// Each entry is rounded on its own, so that it balances in minor units too; the exact amounts are the ledger's.
public struct JournalCSV: Sendable {
  /// The columns.
  public static let columns = [
    "date", "period", "version", "sequence", "entry", "kind", "subject", "account", "gl_account",
    "dimension", "debit", "credit", "currency", "exact", "reason",
  ]

  private let mapping: JournalMapping
  /// Accounts without a rule, the first hundred; when there are any, the journal is of no use.
  public private(set) var unmapped: Set<String> = []

  /// A journal under a mapping.
  public init(mapping: JournalMapping) {
    self.mapping = mapping
  }

  /// The header row.
  public func header() -> [UInt8] {
    var writer = CSVWriter()
    writer.row(Self.columns.map { .text($0) })
    return writer.bytes
  }

  /// Takes note of the accounts of an entry that have no rule.
  public mutating func check(_ entry: Entry) {
    for posting in entry.postings where mapping.rule(for: posting.account) == nil {
      // Bound: a hundred names are enough to act on.
      if unmapped.count < 100 { unmapped.insert(posting.account.text) }
    }
  }

  /// The lines of an entry. Throws `notSplittable` for an entry that does not balance, and
  /// `notAnAccount` for an account without a rule.
  public func bytes(of entry: Entry) throws(AccountingError) -> [UInt8] {
    var writer = CSVWriter()
    let minor = try Self.minorUnits(of: entry)
    for (posting, units) in zip(entry.postings, minor) {
      guard let rule = mapping.rule(for: posting.account) else {
        throw .notAnAccount(text: "\(posting.account) has no account in the mapping")
      }
      let currency = posting.amount.currency
      let figure = DecimalText.fixed(
        units < 0 ? -Int128(units) : Int128(units), digits: currency.minorDigits)
      writer.row([
        .text(LedgerNames.day(of: entry.period)), .text(entry.period.description),
        .number(String(entry.version)), .number(String(entry.sequence)), .text(entry.id.hex),
        .text(entry.kind.rawValue), .text(entry.subject), .text(posting.account.text),
        .text(rule.general), .text(rule.dimension), .number(units < 0 ? "" : figure),
        .number(units < 0 ? figure : ""), .text(currency.code), .number(posting.amount.text),
        .text(entry.reason),
      ])
    }
    return writer.bytes
  }

  /// The postings of an entry in minor units, which sum to zero per currency as the postings do.
  private static func minorUnits(of entry: Entry) throws(AccountingError) -> [Int64] {
    var units = [Int64](repeating: 0, count: entry.postings.count)
    for currency in Set(entry.postings.map(\.amount.currency)) {
      let own = entry.postings.indices.filter { entry.postings[$0].amount.currency == currency }
      let rounded = try Apportionment.round(
        own.map {
          (key: entry.postings[$0].account.text, exact: Int128(entry.postings[$0].amount.micros))
        }, unit: Int128(currency.microsPerMinorUnit), to: 0)
      for (index, value) in zip(own, rounded) { units[index] = value }
    }
    return units
  }
}
