/// Turns an allocation into entries.
public enum LedgerPosting {
  /// One entry a pool, in the order of the allocation, chained after `head`.
  ///
  /// `cost:<pool>` gets the negated cost, each owner gets its part; parts of zero are left out.
  /// The same allocation and context give the same ids, so a second posting is recognised by its id.
  public static func entries(
    for result: AllocationResult, context: PostingContext, after head: LedgerHead
  ) throws(AccountingError) -> [ChainedEntry] {
    var head = head
    var chained: [ChainedEntry] = []
    for pool in result.pools {
      var postings = [
        Posting(account: .cost(pool: pool.pool), amount: try pool.posted.negated())
      ]
      for share in pool.shares where share.amount.micros != 0 {
        postings.append(Posting(account: share.owner.account, amount: share.amount))
      }
      let entry = try Entry(
        sequence: head.count, kind: .allocation, subject: pool.pool, context: context,
        postings: postings)
      let link = ChainedEntry(entry, after: head)
      head = link.head
      chained.append(link)
    }
    return chained
  }
}
