public import Accounting
internal import Digest

/// The ledger's length and head as text in an audit record: what finds a cut tail.
public enum LedgerAnchorText {
  /// `ledger_count=12 ledger_hash=…`.
  public static func text(_ head: LedgerHead) -> String {
    "ledger_count=\(head.count) ledger_hash=\(head.hash.hex)"
  }

  /// The head that a record's detail names, or nil when it names none.
  static func head(in detail: String) -> LedgerHead? {
    var count: UInt64?
    var hash: Digest256?
    for word in detail.split(separator: " ") {
      let parts = word.split(separator: "=", maxSplits: 1)
      guard parts.count == 2 else { continue }
      if parts[0] == "ledger_count" { count = UInt64(parts[1]) }
      if parts[0] == "ledger_hash" { hash = Digest256(hex: String(parts[1])) }
    }
    guard let count, let hash else { return nil }
    return LedgerHead(count: count, hash: hash)
  }
}
