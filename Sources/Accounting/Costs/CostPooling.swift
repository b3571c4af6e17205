internal import Digest

/// Sorts the records of a period into the pools of a policy, one record at a time.
///
/// Every record lands in exactly one place: the first pool whose filter takes it, `~unmatched`, the
/// records set aside as the other side of a split, the records in a currency without a rate, or the
/// count of records of other periods. Sums stay in their own currency until `finish` converts each
/// as a whole. Memory grows with pools, owners and rates, not with records.
public struct CostPooling: Sendable {
  /// Bound: how many different rates one period may have.
  static let ratesMax = 10_000
  /// Bound: how many different texts the rows of followed pools may have.
  static let followedMax = 1_000_000

  private let policy: Policy
  private let filters: [PoolFilter]
  private let directRules: [DirectRule?]
  private let span: Range<UTCInstant>
  private let splits: SplitDecision
  private let skus: SKUMap?
  private let conversion: Conversion
  private let history: TenantHistory
  private let controls: [InvoiceTotal]
  private let follows: [FollowTaps]
  private var costs: PooledCosts
  private var pools: [PoolSums]
  private var scope = RatedTally()
  private var invoices = InvoiceRecords()
  private var categories: [String: RatedTally] = [:]
  private var differences: [RatePair: Amount] = [:]
  private var rates: Set<AppliedRate> = []
  private var followings: [String: RatedFollowing] = [:]
  private var followedCount = 0
  /// Origins whose rest was counted: one of a group, whatever two sources say of it.
  private var restsCounted: Set<Digest256> = []

  /// Pooling for one period under one policy; with a SKU map, filters see `normalized_service`.
  /// `controls` are the invoices that their issuers state.
  public init(
    policy: Policy, period: Period, splits: SplitDecision = .none, rates: RateBook = .empty,
    history: TenantHistory = .empty, skus: SKUMap? = nil, controls: [InvoiceTotal] = []
  ) {
    self.skus = skus
    self.controls = controls
    self.policy = policy
    filters = policy.pools.map(\.filter)
    directRules = policy.pools.map { pool in
      if case .direct(let rule) = pool.method { rule } else { nil }
    }
    span = period.start..<period.end
    self.splits = splits
    self.history = history
    conversion = Conversion(
      rule: policy.conversion, book: rates, period: period, target: policy.currency)
    var names = policy.pools.map(\.name)
    names.append(PooledCosts.unmatched)
    costs = PooledCosts(
      period: period, currency: policy.currency, pools: names.map { PooledCosts.Pool(name: $0) })
    costs.unsettledSplits = splits.unsettled
    pools = names.map { _ in PoolSums() }
    follows = policy.pools.compactMap { FollowTaps($0, in: policy) }
    for tap in follows { followings[tap.pool] = RatedFollowing() }
  }

  /// The records that follow come from this source: stated invoices are held against the records of theirs.
  public mutating func begin(source: String) { invoices.begin(source) }

  /// Puts one record where it belongs. Throws `overflow` when a sum leaves its range, and
  /// `unusableCosts` past a bound.
  public mutating func add(_ record: CostRecord) throws(AccountingError) {
    guard span.contains(record.billingPeriodStart) else {
      costs.outsidePeriod += 1
      return
    }
    guard splits.counts(record) else {
      try costs.setAside.add(record)
      if let rest = splits.rest(of: record), restsCounted.insert(record.identity).inserted {
        try costs.setAside.subtract(rest)
        try place(rest)
      }
      return
    }
    try place(record)
  }

  private mutating func place(_ given: CostRecord) throws(AccountingError) {
    var record = given
    if let skus { record[.normalizedService] = skus.entry(for: record)?.normalizedService }
    var rate: AppliedRate?
    var paid: AppliedRate?
    if record.currency != costs.currency {
      guard let found = conversion.rate(of: record) else {
        try costs.foreign[record.currency, default: .init()].add(record)
        return
      }
      rate = found
      paid = conversion.settlement(of: record, allocated: found)
      try note(found, record)
      if let paid, paid != found {
        let pair = RatePair(allocated: found, paid: paid)
        differences[pair] = try (differences[pair] ?? .zero).adding(record.effectiveCost)
      }
    }
    try scope.add(record, paid)
    try invoices.add(record, paid)
    try categories[record[.chargeCategory] ?? "", default: .init()].add(record, paid)
    let index = filters.firstIndex { $0.takes(record) } ?? filters.count
    try pools[index].tally.add(record, rate)
    let owner = owner(of: record, pool: index)
    if let owner {
      try pools[index].owners[owner, default: .init()].add(record.effectiveCost, rate)
    }
    for tap in follows { try follow(record, tap, pool: index, owner, rate) }
  }

  private func owner(of record: CostRecord, pool index: Int) -> Owner? {
    guard index < directRules.count, let rule = directRules[index] else { return nil }
    let owner = rule.owner(of: record)
    guard case .tenant(let id) = owner else { return owner }
    return .tenant(history.name(of: id, at: record.chargePeriodStart))
  }

  private mutating func note(_ rate: AppliedRate, _ record: CostRecord) throws(AccountingError) {
    rates.insert(rate)
    guard rates.count <= Self.ratesMax else {
      throw .unusableCosts(reason: "the records have more than \(Self.ratesMax) different rates")
    }
  }

  private mutating func follow(
    _ record: CostRecord, _ tap: FollowTaps, pool index: Int, _ owner: Owner?,
    _ rate: AppliedRate?
  ) throws(AccountingError) {
    if index == tap.index {
      let texts = tap.key(of: record)
      if followings[tap.pool]?.own[texts] == nil { try noteFollowed(tap) }
      try followings[tap.pool]?.own[texts, default: .init()].add(record.effectiveCost, rate)
    } else if tap.sources.contains(index) {
      let key = FollowedKey(pool: index, texts: tap.key(of: record), owner: owner ?? .kept)
      if followings[tap.pool]?.rows[key] == nil { try noteFollowed(tap) }
      try followings[tap.pool]?.rows[key, default: .init()].add(record.effectiveCost, rate)
    }
  }

  /// Counts one more set of texts of rows that follow or are followed.
  private mutating func noteFollowed(_ tap: FollowTaps) throws(AccountingError) {
    followedCount += 1
    guard followedCount <= Self.followedMax else {
      throw .unusableCosts(
        reason: "the rows of pool \(tap.pool) and those that it follows have more than "
          + "\(Self.followedMax) different texts in its fields")
    }
  }

  /// The pools as they are now, everything converted.
  ///
  /// A pool whose parts are kept apart (by owner, or by what it follows) costs the sum of its
  /// converted parts, so that parts and whole agree to the last digit.
  public func finish() throws(AccountingError) -> PooledCosts {
    var result = costs
    var total = Amount.zero
    for (index, sums) in pools.enumerated() {
      let name = result.pools[index].name
      var tally = try sums.tally.converted()
      var owners: [Owner: Amount] = [:]
      for (owner, amount) in sums.owners { owners[owner] = try amount.converted() }
      if !owners.isEmpty { tally.effective = try Self.sum(owners.values) }
      if let following = try followings[name]?.converted(policy) {
        if tally.records > 0 { tally.effective = try Self.sum(following.own.values) }
        result.followings[name] = following
      }
      result.pools[index].tally = tally
      result.pools[index].owners = owners
      result.pools[index].conversions = sums.tally.conversions
      total = try total.adding(tally.effective)
    }
    for (pair, amount) in differences {
      let paid = try amount.converted(at: pair.paid.rate)
      let difference = try paid.subtracting(try amount.converted(at: pair.allocated.rate))
      result.fx = try result.fx.adding(difference)
    }
    let paid = try scope.converted()
    result.inScope = .init(
      records: paid.records, billed: paid.billed, effective: try total.adding(result.fx))
    result.invoices = try invoices.converted()
    result.stated = try InvoiceComparison(controls, invoices, conversion)
    for (name, tally) in categories { result.categories[name] = try tally.converted() }
    result.conversions = ConvertedSum.merged(result.pools.map(\.conversions))
    return result
  }

  private static func sum(_ amounts: some Sequence<Amount>) throws(AccountingError) -> Amount {
    var sum = Amount.zero
    for amount in amounts { sum = try sum.adding(amount) }
    return sum
  }

  /// Pools records that are all in memory, with both passes over split rows.
  public static func pool(
    _ records: [CostRecord], policy: Policy, period: Period, rates: RateBook = .empty,
    history: TenantHistory = .empty, controls: [InvoiceTotal] = []
  ) throws(AccountingError) -> PooledCosts {
    var resolver = SplitResolver()
    for record in records where record.period == period { try resolver.noteAllocated(record) }
    for record in records where record.period == period { try resolver.matchOrigin(record) }
    var pooling = CostPooling(
      policy: policy, period: period, splits: resolver.decide(), rates: rates, history: history,
      controls: controls)
    for record in records { try pooling.add(record) }
    return try pooling.finish()
  }
}
