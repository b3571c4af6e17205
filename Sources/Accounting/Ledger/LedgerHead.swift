public import Digest

/// How far a ledger goes: the number of entries and the hash of the last one. Kept apart from the
/// entries, it shows when the tail was cut.
public struct LedgerHead: Hashable, Sendable {
  /// How many entries there are.
  public let count: UInt64
  /// The hash of the last one; 32 zero bytes for none.
  public let hash: Digest256

  /// The head of a ledger without entries.
  public static let empty = LedgerHead(count: 0, hash: .zero)

  /// A head.
  public init(count: UInt64, hash: Digest256) {
    self.count = count
    self.hash = hash
  }
}

/// An entry with its place in the chain.
public struct ChainedEntry: Hashable, Sendable {
  /// The entry.
  public let entry: Entry
  /// The hash before it.
  public let previous: Digest256
  /// Its own hash.
  public let hash: Digest256

  /// An entry put after a head.
  public init(_ entry: Entry, after head: LedgerHead) {
    precondition(entry.sequence == head.count, "an entry follows the head")
    self.entry = entry
    previous = head.hash
    hash = entry.hash(after: head.hash)
  }

  /// The head of the ledger after this entry.
  public var head: LedgerHead { LedgerHead(count: entry.sequence + 1, hash: hash) }
}
