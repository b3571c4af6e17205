/// Which account of the general ledger stands for which of Weir's.
public struct JournalMapping: Hashable, Sendable {
  /// What a rule is about.
  public enum Match: Hashable, Sendable {
    /// One account, by its text, such as `platform:kept`.
    case exact(String)
    /// All accounts whose text begins like this, such as `tenant:`.
    case prefix(String)
  }

  /// One rule.
  public struct Rule: Hashable, Sendable {
    /// Which accounts.
    public let match: Match
    /// The account of the general ledger.
    public let general: String
    /// A cost centre or other dimension; may be empty.
    public let dimension: String

    /// A rule.
    public init(match: Match, general: String, dimension: String = "") {
      self.match = match
      self.general = general
      self.dimension = dimension
    }
  }

  /// The operator's name for the mapping.
  public let name: String
  private let exact: [String: Rule]
  private let prefixes: [PrefixRule]

  private struct PrefixRule: Hashable, Sendable {
    let prefix: String
    let rule: Rule
  }

  /// A mapping: the rule of an account itself comes before those of prefixes, longer prefixes before
  /// shorter ones, so the order of rules does not matter.
  public init(name: String, rules: [Rule]) {
    self.name = name
    var exact: [String: Rule] = [:]
    var prefixes: [PrefixRule] = []
    for rule in rules {
      switch rule.match {
      case .exact(let text): exact[text] = rule
      case .prefix(let text): prefixes.append(.init(prefix: text, rule: rule))
      }
    }
    self.exact = exact
    self.prefixes = prefixes.sorted { $0.prefix.utf8.count > $1.prefix.utf8.count }
  }

  /// The rule of an account; `nil` when none is for it.
  public func rule(for account: Account) -> Rule? {
    let text = account.text
    return exact[text] ?? prefixes.first { text.hasPrefix($0.prefix) }?.rule
  }
}
