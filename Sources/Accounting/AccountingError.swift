/// What this target refuses, each with what a reader needs to act on it.
///
/// Faults inside an operator's documents come in lists and are not here: a cost row has `RowFault`, a
/// policy has `PolicyFaults`.
public enum AccountingError: Error, Hashable, Sendable {
  /// A text is not a decimal number in the form that cost files use.
  case notADecimal(text: String)
  /// A sum or product does not fit its type. Money never wraps.
  case overflow(operation: String)
  /// Two currencies met in one sum.
  case currencyMismatch(left: String, right: String)
  /// A currency code is not in the table of ISO 4217 codes.
  case unknownCurrency(code: String)
  /// A text is not a date or time in the forms that are accepted.
  case notAnInstant(text: String)
  /// A text is not a period such as `2026-10`.
  case notAPeriod(text: String)
  /// A text is not a ledger account.
  case notAnAccount(text: String)
  /// A total cannot be split over these weights or parts.
  case notSplittable(total: Int64, reason: String)
  /// A cost file cannot be read at all: what was found, and what is missing.
  case notFocus(reason: String)
  /// A cost file of any form cannot be read at all.
  case unreadableCosts(reason: String)
  /// A FOCUS file of a known version lacks columns that the version makes mandatory.
  case focusColumnsMissing(version: String, columns: [String])
  /// A split group, pool or record set is not usable; says which and why.
  case unusableCosts(reason: String)
  /// What somebody wants to post by hand cannot be posted.
  case notTransferable(reason: String)
  /// A ledger entry's postings do not sum to zero.
  case unbalanced(currency: String, sum: String)
  /// A binary ledger entry cannot be decoded.
  case malformedEntry(offset: Int, reason: String)
  /// A JSON text cannot be read.
  case malformedJSON(offset: Int, reason: String)
  /// A stored statement cannot be read back.
  case malformedStatement(reason: String)
}

extension AccountingError: CustomStringConvertible {
  /// One line for an operator.
  public var description: String {
    switch self {
    case .notADecimal(let text): "not a decimal number: \"\(text)\""
    case .overflow(let operation): "out of range: \(operation)"
    case .currencyMismatch(let left, let right): "cannot add \(left) to \(right)"
    case .unknownCurrency(let code): "unknown currency \"\(code)\""
    case .notAnInstant(let text): "not a UTC date or time: \"\(text)\""
    case .notAPeriod(let text): "not a period (YYYY-MM): \"\(text)\""
    case .notAnAccount(let text): "not a ledger account: \"\(text)\""
    case .notSplittable(let total, let reason): "cannot split \(total): \(reason)"
    case .notFocus(let reason): "not a FOCUS cost and usage file: \(reason)"
    case .unreadableCosts(let reason): "the file cannot be read: \(reason)"
    case .focusColumnsMissing(let version, let columns):
      "FOCUS \(version) file lacks mandatory columns: \(columns.joined(separator: ", "))"
    case .unusableCosts(let reason): "costs cannot be used: \(reason)"
    case .notTransferable(let reason): "cannot be posted: \(reason)"
    case .unbalanced(let currency, let sum): "postings in \(currency) sum to \(sum), not zero"
    case .malformedEntry(let offset, let reason): "ledger entry, byte \(offset): \(reason)"
    case .malformedJSON(let offset, let reason): "JSON, byte \(offset): \(reason)"
    case .malformedStatement(let reason): "statement: \(reason)"
    }
  }
}
