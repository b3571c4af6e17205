internal import Accounting
internal import Digest

/// The comparison of two policies as JSON.
enum PolicyDifferenceDocument {
  /// The document: `period`, `currency`, both policies, `accounts` and `pools` of `before`, `after`
  /// and `change`.
  static func json(_ difference: PolicyDifference, old: Policy, new: Policy) -> JSONValue {
    .object([
      .init("period", .string(difference.period.description)),
      .init("currency", .string(difference.currency.code)),
      .init("old", policy(old)), .init("new", policy(new)),
      .init("accounts", .array(difference.accounts.map { row($0, name: "account") })),
      .init("pools", .array(difference.pools.map { row($0, name: "pool") })),
    ])
  }

  private static func policy(_ policy: Policy) -> JSONValue {
    .object([.init("name", .string(policy.name)), .init("sha256", .string(policy.digest.hex))])
  }

  private static func row(_ row: PolicyDifference.Row, name: String) -> JSONValue {
    .object([
      .init(name, .string(row.name)), .init("before", .string(text(row.before))),
      .init("after", .string(text(row.after))), .init("change", .string(text(row.change))),
    ])
  }

  private static func text(_ micros: Int64) -> String {
    DecimalText.fixed(Int128(micros), digits: 6)
  }
}
