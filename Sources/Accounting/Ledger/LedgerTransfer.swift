/// Money that a person moves from one account to another, for a reason: an adjustment by hand, or a
/// write-off.
public struct LedgerTransfer: Hashable, Sendable {
  /// The account that gets less.
  public let from: Account
  /// The account that gets more.
  public let to: Account
  /// How much; above zero.
  public let amount: Money
  /// The operator's own name for it, such as a ticket: the same one is posted once in a period.
  public let reference: String

  /// The account that bears what was written off.
  public static let writtenOff = Account.unallocated("write-off")

  /// The longest reference, in bytes.
  public static let referenceBytesMax = 100

  /// A transfer. Throws `notTransferable` with what is wrong.
  public init(
    from: Account, to: Account, amount: Money, reference: String
  ) throws(AccountingError) {
    guard amount.micros > 0 else {
      throw .notTransferable(reason: "the amount must be above zero, found \(amount)")
    }
    guard from != to else { throw .notTransferable(reason: "both accounts are \(from)") }
    for account in [from, to] where !account.isOpenToHands {
      throw .notTransferable(
        reason: "\(account) is posted to by closes only; "
          + "tenant:, platform:unallocated: and platform:kept can be adjusted")
    }
    guard (1...Self.referenceBytesMax).contains(reference.utf8.count),
      reference.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
    else {
      throw .notTransferable(
        reason: "a reference has 1 to \(Self.referenceBytesMax) printable ASCII characters "
          + "without blanks")
    }
    self.from = from
    self.to = to
    self.amount = amount
    self.reference = reference
  }

  /// What a tenant owed, moved to the platform.
  public static func writeOff(
    of tenant: String, _ amount: Money, reference: String
  ) throws(AccountingError) -> LedgerTransfer {
    try LedgerTransfer(
      from: .tenant(tenant), to: writtenOff, amount: amount, reference: reference)
  }

  /// The two postings, which sum to zero.
  public func postings() throws(AccountingError) -> [Posting] {
    [
      Posting(account: from, amount: try amount.negated()),
      Posting(account: to, amount: amount),
    ]
  }
}

extension Account {
  /// Whether people may post to it. What a bill cost, and what rounding and conversion left, follow
  /// from closes alone.
  var isOpenToHands: Bool {
    switch self {
    case .tenant, .unallocated, .kept: true
    case .cost, .rounding, .fx: false
    }
  }
}
