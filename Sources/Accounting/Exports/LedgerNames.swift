/// The ledger's accounts as other programs name them.
enum LedgerNames {
  /// An account of hledger: the ledger's own, with names escaped, as colons make a tree there.
  static func hledger(_ account: Account) -> String {
    switch account {
    case .cost(let pool): "cost:\(EscapedName.escape(pool))"
    case .tenant(let id): "tenant:\(EscapedName.escape(id))"
    case .unallocated, .kept, .rounding, .fx: account.text
    }
  }

  /// An account of Beancount: below `Expenses`, as cost moves from pools to those who bear it, and in
  /// parts that begin with an upper-case letter.
  static func beancount(_ account: Account) -> String {
    switch account {
    case .cost(let pool): "Expenses:Cost:P-\(EscapedName.escape(pool))"
    case .tenant(let id): "Expenses:Tenant:T-\(EscapedName.escape(id))"
    case .unallocated(let reason):
      "Expenses:Platform:Unallocated:R-\(EscapedName.escape(reason))"
    case .kept: "Expenses:Platform:Kept"
    case .rounding: "Expenses:Platform:Rounding"
    case .fx: "Expenses:Platform:Fx"
    }
  }

  /// The day that an entry belongs to: the last of its period.
  static func day(of period: Period) -> String {
    let last = UTCInstant(microseconds: period.end.microseconds - 86_400_000_000)
    return String(last.description.prefix(10))
  }

  /// The first day of a period.
  static func firstDay(of period: Period) -> String {
    String(period.start.description.prefix(10))
  }

  /// A text on one line, without the marks that begin comments and tags or end strings.
  static func plain(_ text: String) -> String {
    String(
      String.UnicodeScalarView(
        text.unicodeScalars.map { scalar in
          scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
            || (0x2028...0x202E).contains(scalar.value) || ";|\"\\".unicodeScalars.contains(scalar)
            ? " " : scalar
        }))
  }
}
