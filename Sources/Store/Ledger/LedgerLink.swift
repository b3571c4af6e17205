public import Digest
internal import Foundation
internal import GRDB

/// That one entry undoes or corrects another: the entries say it forwards, links make it readable
/// backwards.
public struct LedgerLink: Sendable, Equatable {
  /// What the later entry does to the earlier one.
  public enum Kind: String, Sendable {
    /// It undoes it.
    case reverses
    /// It brings it up to what came late.
    case corrects
  }

  /// The later entry.
  public var entry: Digest256
  /// The earlier one.
  public var origin: Digest256
  /// What it does.
  public var kind: Kind

  /// A link.
  public init(entry: Digest256, origin: Digest256, kind: Kind) {
    self.entry = entry
    self.origin = origin
    self.kind = kind
  }

  /// Writes links of entries that are there.
  static func append(_ database: Database, _ links: [LedgerLink]) throws {
    for link in links {
      try database.execute(
        sql: """
          INSERT INTO ledger_link (entry, origin, kind)
          SELECT later.sequence, earlier.sequence, ? FROM ledger_entry AS later, ledger_entry AS
            earlier WHERE later.id = ? AND earlier.id = ?
          """,
        arguments: [link.kind.rawValue, Data(link.entry.bytes), Data(link.origin.bytes)])
      guard database.changesCount == 1 else {
        throw StoreError.notFound(what: "ledger entry \(link.origin.hex)")
      }
    }
  }

  /// Every link from or to one of these entries.
  static func touching(_ database: Database, _ sequences: [Int64]) throws -> [LedgerLink] {
    var links: [LedgerLink] = []
    for sequence in sequences {
      let rows = try Row.fetchAll(
        database,
        sql: """
          SELECT later.id AS entry, earlier.id AS origin, ledger_link.kind AS kind FROM ledger_link
          JOIN ledger_entry AS later ON later.sequence = ledger_link.entry
          JOIN ledger_entry AS earlier ON earlier.sequence = ledger_link.origin
          WHERE ledger_link.entry = ?1 OR ledger_link.origin = ?1 ORDER BY 1, 2
          """, arguments: [sequence])
      for row in rows {
        guard let kind = Kind(rawValue: row["kind"]) else {
          throw StoreError.malformed(table: "ledger_link", reason: "unknown kind")
        }
        let link = LedgerLink(
          entry: try Stored.digest(row["entry"], table: "ledger_link"),
          origin: try Stored.digest(row["origin"], table: "ledger_link"), kind: kind)
        if !links.contains(link) { links.append(link) }
      }
    }
    return links
  }
}
