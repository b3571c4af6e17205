/// The printed figures of a period's accounts.
///
/// At a close the printed total is spread over all accounts by largest remainder. A restatement keeps
/// the figure of every account whose amount stayed the same, and rounds the others to what is then
/// left of the total, or each for itself when that is no rounding of their sum: the period shows the
/// difference.
struct PrintedFigures {
  /// Micro-units in a minor unit.
  let unit: Int128
  /// The printed total of the period.
  let total: Int64
  /// The rows of the version before; empty at a first close.
  let before: [Account: PeriodSummary.Row]

  /// The figures, aligned with `accounts`.
  func figures(
    _ accounts: [(account: Account, micros: Int128)]
  ) throws(AccountingError) -> [Int64] {
    var kept: [Account: Int64] = [:]
    for (account, micros) in accounts {
      guard let row = before[account], Int128(row.amount.micros) == micros else { continue }
      kept[account] = row.printed
    }
    let changed = accounts.filter { kept[$0.account] == nil }
    let left = kept.values.reduce(Int128(total)) { $0 - Int128($1) }
    let sum = changed.reduce(Int128(0)) { $0 + $1.micros }
    let floor = Rounding.floored(sum, over: unit)
    let isRounding = left == floor.0 || (left == floor.0 + 1 && floor.1 != 0)
    let target = isRounding ? left : Rounding.halfEven(sum, over: unit)
    guard let target = Int64(exactly: target) else {
      throw .overflow(operation: "printing the period")
    }
    let printed =
      changed.isEmpty
      ? []
      : try Apportionment.round(
        changed.map { (key: $0.account.text, exact: $0.micros) }, unit: unit, to: target)
    var figures = kept
    for (entry, figure) in zip(changed, printed) { figures[entry.account] = figure }
    return accounts.map { figures[$0.account] ?? 0 }
  }
}
