/// An account of the ledger. Its text is a kind, and after a colon a name.
public enum Account: Hashable, Sendable {
  /// Where a pool's cost comes from; its postings are the negated cost.
  case cost(pool: String)
  /// What a tenant bears.
  case tenant(String)
  /// What nobody bears yet, by reason.
  case unallocated(String)
  /// What the platform keeps by policy.
  case kept
  /// What rounding left: at most one micro-unit a pool.
  case rounding
  /// What conversion between currencies left.
  case fx

  /// The account's text, for example `tenant:acme`.
  public var text: String {
    switch self {
    case .cost(let pool): "cost:\(pool)"
    case .tenant(let id): "tenant:\(id)"
    case .unallocated(let reason): "platform:unallocated:\(reason)"
    case .kept: "platform:kept"
    case .rounding: "platform:rounding"
    case .fx: "platform:fx"
    }
  }

  /// The account of a text; throws `notAnAccount`.
  public init(text: String) throws(AccountingError) {
    func rest(_ prefix: String) -> String? {
      text.hasPrefix(prefix) && text.utf8.count > prefix.utf8.count
        ? String(text.dropFirst(prefix.count)) : nil
    }
    switch text {
    case "platform:kept": self = .kept
    case "platform:rounding": self = .rounding
    case "platform:fx": self = .fx
    default:
      if let pool = rest("cost:") {
        self = .cost(pool: pool)
      } else if let id = rest("tenant:") {
        self = .tenant(id)
      } else if let reason = rest("platform:unallocated:") {
        self = .unallocated(reason)
      } else {
        throw .notAnAccount(text: String(text.prefix(160)))
      }
    }
  }
}

extension Account: Comparable {
  /// Orders accounts by their text, as bytes.
  public static func < (left: Account, right: Account) -> Bool {
    KeyOrder.precedes(left.text, right.text)
  }
}

extension Account: CustomStringConvertible {
  /// The account's text.
  public var description: String { text }
}
