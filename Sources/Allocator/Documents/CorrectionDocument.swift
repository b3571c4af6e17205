internal import Accounting
internal import Digest
internal import Store

/// Entries outside of closes as JSON, each with what it undoes or corrects and what did so to it.
enum CorrectionDocument {
  /// What would be, or was, posted.
  static func report(
    _ draft: PostCorrection.Draft, period: Period, isPosted: Bool
  ) -> JSONValue {
    let entries = draft.correction.entries.map {
      entry($0.entry, links: draft.correction.links)
    }
    return .object([
      .init("period", .string(period.description)), .init("posted", .bool(isPosted)),
      .init("blockers", .array(draft.blockers.map(ReconciliationDocument.blocker))),
      .init("entries", .array(entries)),
    ])
  }

  /// One entry with its links.
  static func entry(_ entry: Entry, links: [LedgerLink]) -> JSONValue {
    .object([
      .init("id", .string(entry.id.hex)), .init("sequence", .integer(entry.sequence)),
      .init("kind", .string(entry.kind.rawValue)), .init("subject", .string(entry.subject)),
      .init("period", .string(entry.period.description)),
      .init("posted_at", .string(entry.postedAt.description)), .init("by", .string(entry.actor)),
      .init("reason", .string(entry.reason)),
      .init("postings", .array(entry.postings.map(posting))),
      .init("links", .array(self.links(entry.id, links))),
    ])
  }

  /// How many entries, and their sums by kind of account and currency.
  static func sums(_ entries: [Entry]) -> JSONValue {
    var sums: [String: [String: Int128]] = [:]
    for posting in entries.flatMap(\.postings) {
      sums[kind(posting.account), default: [:]][posting.amount.currency.code, default: 0] +=
        Int128(posting.amount.micros)
    }
    let rows = sums.sorted { $0.key < $1.key }.flatMap { kind, currencies in
      currencies.sorted { $0.key < $1.key }.map { code, micros in
        JSONValue.object([
          .init("kind", .string(kind)),
          .init("amount", .string(DecimalText.fixed(micros, digits: 6))),
          .init("currency", .string(code)),
        ])
      }
    }
    return .object([.init("entries", .integer(entries.count)), .init("sums", .array(rows))])
  }

  private static func kind(_ account: Account) -> String {
    switch account {
    case .cost: "cost"
    case .tenant: "tenants"
    case .unallocated: "unallocated"
    case .kept: "kept"
    case .rounding: "rounding"
    case .fx: "fx"
    }
  }

  /// A posting.
  static func posting(_ posting: Posting) -> JSONValue {
    .object([
      .init("account", .string(posting.account.text)),
      .init("amount", .string(posting.amount.text)),
      .init("currency", .string(posting.amount.currency.code)),
    ])
  }

  /// What an entry does to others, and others to it.
  static func links(_ id: Digest256, _ links: [LedgerLink]) -> [JSONValue] {
    links.compactMap { link in
      if link.entry == id {
        return .object([
          .init("kind", .string(link.kind.rawValue)), .init("entry", .string(link.origin.hex)),
        ])
      }
      guard link.origin == id else { return nil }
      let kind = link.kind == .reverses ? "reversed-by" : "corrected-by"
      return .object([.init("kind", .string(kind)), .init("entry", .string(link.entry.hex))])
    }
  }
}
