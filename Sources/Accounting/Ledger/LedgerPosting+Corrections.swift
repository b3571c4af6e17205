import Digest

extension LedgerPosting {
  /// One reversal an entry, in order, chained after `head`: the same accounts with the other sign.
  ///
  /// The subject is that of the entry, so the reversals of a restatement have ids of their own by
  /// version. Throws `overflow` for an amount that has no negative.
  public static func reversals(
    of entries: [Entry], context: PostingContext, after head: LedgerHead
  ) throws(AccountingError) -> [ChainedEntry] {
    var head = head
    var chained: [ChainedEntry] = []
    for entry in entries {
      let link = try reversal(of: entry, subject: entry.subject, context: context, after: head)
      head = link.head
      chained.append(link)
    }
    return chained
  }

  /// The reversal of one adjustment or write-off. Its subject is the id of what it undoes, so that a
  /// second reversal has the id of the first.
  public static func reversal(
    of entry: Entry, context: PostingContext, after head: LedgerHead
  ) throws(AccountingError) -> ChainedEntry {
    guard entry.kind == .adjustment || entry.kind == .writeOff else {
      throw .notTransferable(
        reason: "entry \(entry.sequence) is of kind \(entry.kind.rawValue): "
          + "only adjustments and write-offs are reversed by hand")
    }
    return try reversal(of: entry, subject: entry.id.hex, context: context, after: head)
  }

  /// Adjustments that bring what came late for a closed period into the context's period.
  public static func adjustments(
    _ changes: [LateAdjustment.Change], origin: (period: Period, version: UInt32), ordinal: Int,
    context: PostingContext, after head: LedgerHead
  ) throws(AccountingError) -> [ChainedEntry] {
    var head = head
    var chained: [ChainedEntry] = []
    for change in changes {
      let subject = LateSubject(
        origin: origin.period, version: origin.version, ordinal: ordinal, pool: change.pool)
      let entry = try Entry(
        sequence: head.count, kind: .adjustment, subject: subject.text, context: context,
        postings: change.postings)
      let link = ChainedEntry(entry, after: head)
      head = link.head
      chained.append(link)
    }
    return chained
  }

  /// The entry of a transfer by hand; its subject is `hand:` and the reference.
  public static func transfer(
    _ transfer: LedgerTransfer, kind: EntryKind, context: PostingContext, after head: LedgerHead
  ) throws(AccountingError) -> ChainedEntry {
    precondition(kind == .adjustment || kind == .writeOff, "a transfer by hand")
    return ChainedEntry(
      try Entry(
        sequence: head.count, kind: kind, subject: "hand:" + transfer.reference, context: context,
        postings: try transfer.postings()), after: head)
  }

  private static func reversal(
    of entry: Entry, subject: String, context: PostingContext, after head: LedgerHead
  ) throws(AccountingError) -> ChainedEntry {
    var postings: [Posting] = []
    for posting in entry.postings {
      postings.append(Posting(account: posting.account, amount: try posting.amount.negated()))
    }
    return ChainedEntry(
      try Entry(
        sequence: head.count, kind: .reversal, subject: subject, context: context,
        reverses: entry.id, postings: postings), after: head)
  }
}
