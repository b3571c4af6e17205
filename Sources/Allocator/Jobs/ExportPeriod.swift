internal import Accounting
internal import Digest
internal import Store

/// The entries or allocated charges of a period for other programs, piece by piece.
///
/// Nothing is computed that the ledger and the statements do not hold. One page of entries or
/// statements is in memory at a time, and what a format must remember (see `Accounting/Exports`).
struct ExportPeriod: Sendable {
  /// The forms of an export.
  enum Format: String, CaseIterable {
    /// FOCUS 1.4 allocated charges.
    case focus
    /// CSV under a mapping to the general ledger.
    case journal
    /// A journal of hledger.
    case hledger
    /// A file of Beancount.
    case beancount
    /// Entries as JSON Lines.
    case jsonl

    /// The media type.
    var mediaType: String {
      switch self {
      case .focus, .journal: "text/csv; charset=utf-8"
      case .hledger, .beancount: "text/plain; charset=utf-8"
      case .jsonl: "application/jsonl"
      }
    }
  }

  /// What it works on.
  let world: AllocatorWorld
  /// The period.
  let period: Period
  /// The version of the statements.
  let version: UInt32
  /// The end of the ledger when the export was asked for; later entries are not in it.
  let head: LedgerHead

  /// An entry has a posting for each tenant of its pool.
  private static let entriesPerPage = 4
  private static let statementsPerPage = 64

  /// Calls `body` with each entry of the period in order.
  func entries(_ body: (ChainedEntry) async throws -> Void) async throws {
    var next: UInt64 = 0
    while next < head.count {
      let page = try await world.store.ledger.entries(
        from: next, period: period, max: Self.entriesPerPage)
      for chained in page where chained.entry.sequence < head.count { try await body(chained) }
      guard let last = page.last else { return }
      next = last.entry.sequence + 1
    }
  }

  /// Calls `body` with pages of the stored statements, by tenant.
  func statements(_ body: ([StoredStatement]) async throws -> Void) async throws {
    var last: String?
    while true {
      let page = try await world.store.statements.page(
        of: period, version: version, after: last, max: Self.statementsPerPage)
      guard let end = page.last else { return }
      try await body(page)
      last = end.tenant
    }
  }

  /// A mapping under which every account of the period has a rule, or `mappingInvalid` with those
  /// that have none.
  func journal(under mapping: JournalMapping) async throws -> JournalCSV {
    var journal = JournalCSV(mapping: mapping)
    try await entries { journal.check($0.entry) }
    guard journal.unmapped.isEmpty else {
      throw APIError.mappingInvalid(
        faults: journal.unmapped.sorted().map { "no rule is for account \($0)" })
    }
    return journal
  }

  /// Writes the entries in a text form.
  func write(
    _ format: Format, journal: JournalCSV?, _ write: ([UInt8]) async throws -> Void
  ) async throws {
    switch format {
    case .focus: try await focus(write)
    case .journal:
      guard let journal else { preconditionFailure("a journal has a mapping") }
      try await write(journal.header())
      try await entries { try await write(journal.bytes(of: $0.entry)) }
    case .hledger:
      var journal = HledgerJournal()
      try await write(journal.header(period))
      try await entries { try await write(journal.bytes(of: $0.entry)) }
    case .beancount:
      var journal = BeancountJournal()
      try await write(journal.header(period))
      try await entries { try await write(journal.bytes(of: $0.entry)) }
    case .jsonl:
      try await entries { chained in
        let value = chained.entry.json(previous: chained.previous, hash: chained.hash)
        try await write(value.canonicalBytes + [0x0A])
      }
    }
  }

  /// Two walks: the sums of the origins first, then the rows.
  private func focus(_ write: ([UInt8]) async throws -> Void) async throws {
    var headings: [FocusExport.EntryHeading] = []
    try await entries { headings.append(.init($0.entry)) }
    let counted = FocusExport.counted(headings, version: version)
    var origins = AllocatedOrigins()
    try await statements { page in
      for stored in page {
        for line in try stored.lines { origins.add(pool: line.pool, micros: line.micros) }
      }
    }
    try await entries { chained in
      guard counted.contains(chained.entry.id) else { return }
      for posting in FocusExport.postings(of: chained.entry) {
        origins.add(pool: chained.entry.subject, micros: posting.amount.micros)
      }
    }
    let policy = try await policy()
    let export = FocusExport(
      period: period, policyName: policy?.name ?? "policy",
      dimensions: try await dimensions(policy), origins: origins)
    try await write(export.header())
    try await statements { page in
      for stored in page {
        try await write(export.bytes(of: try Statement(canonicalJSON: stored.document)))
      }
    }
    try await entries { chained in
      guard counted.contains(chained.entry.id) else { return }
      try await write(export.bytes(of: chained.entry))
    }
  }

  /// The policy that the period was closed under, unless this Weir refuses it by now.
  private func policy() async throws -> Policy? {
    let record = try await world.store.periods.record(of: period)
    guard let digest = record.close?.policy,
      let stored = try await world.store.policies.version(digest)
    else { return nil }
    return try? PolicyDocument.policy(stored.source)
  }

  /// What the records of each pool have in common.
  private func dimensions(_ policy: Policy?) async throws -> PoolDimensions {
    guard let policy else { return PoolDimensions() }
    let pooling = PoolCosts(world: world)
    let empty = PoolDimensions(
      policy: policy, splits: try await pooling.splits(period, .current),
      skus: try await pooling.skuMap())
    return try await world.store.costs.scan(period, into: empty) { $0.add($1) }
  }
}
