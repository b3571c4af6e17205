/// The sums of one pool before conversion.
struct PoolSums: Sendable {
  var tally = RatedTally()
  var owners: [Owner: RatedAmount] = [:]
}

/// The two rates of a record whose invoice has another rate than its allocation.
struct RatePair: Hashable, Sendable {
  let allocated: AppliedRate
  let paid: AppliedRate
}

/// Sums of records in several currencies.
struct RatedTally: Sendable {
  private var native = PooledCosts.Tally()
  private var foreign: [AppliedRate: PooledCosts.Tally] = [:]

  mutating func add(_ record: CostRecord, _ rate: AppliedRate?) throws(AccountingError) {
    if let rate {
      try foreign[rate, default: .init()].add(record)
    } else {
      try native.add(record)
    }
  }

  /// The sums in the policy's currency: each currency is converted once, as a whole.
  func converted() throws(AccountingError) -> PooledCosts.Tally {
    var sum = native
    for (rate, tally) in foreign {
      sum.records += tally.records
      sum.billed = try sum.billed.adding(try tally.billed.converted(at: rate.rate))
      sum.effective = try sum.effective.adding(try tally.effective.converted(at: rate.rate))
    }
    return sum
  }

  /// The records in one currency before conversion: how many, and the sum of their BilledCost; `target` is
  /// the policy's currency.
  func billed(
    in currency: Currency, _ target: Currency
  ) throws(AccountingError) -> (records: Int, billed: Amount) {
    if currency == target { return (native.records, native.billed) }
    var sum = (records: 0, billed: Amount.zero)
    for (rate, tally) in foreign where rate.from == currency {
      sum.records += tally.records
      sum.billed = try sum.billed.adding(tally.billed)
    }
    return sum
  }

  /// What there is to convert, by rate.
  var conversions: [ConvertedSum] {
    foreign.map { rate, tally in
      ConvertedSum(rate: rate, records: tally.records, effective: tally.effective)
    }.sorted { KeyOrder.precedes($0.rate.key, $1.rate.key) }
  }
}

extension ConvertedSum {
  /// The sums of several lists by rate, in the order of rates.
  static func merged(_ lists: [[ConvertedSum]]) -> [ConvertedSum] {
    var sums: [AppliedRate: ConvertedSum] = [:]
    for sum in lists.joined() {
      var known = sums[sum.rate] ?? ConvertedSum(rate: sum.rate)
      known.records += sum.records
      // Each list was summed with checks; their sum is only shown.
      known.effective = Amount(units: known.effective.units &+ sum.effective.units)
      sums[sum.rate] = known
    }
    return sums.values.sorted { KeyOrder.precedes($0.rate.key, $1.rate.key) }
  }
}

/// Which pools a follow rule reads, by position.
struct FollowTaps: Sendable {
  /// The pool that follows.
  let pool: String
  /// Its position.
  let index: Int
  /// The positions of the pools that it follows.
  let sources: Set<Int>
  private let fields: [CostField]

  /// The taps of a pool; `nil` when it follows nothing.
  init?(_ pool: PolicyPool, in policy: Policy) {
    guard case .follow(let rule) = pool.method,
      let index = policy.pools.firstIndex(where: { $0.name == pool.name })
    else { return nil }
    self.pool = pool.name
    self.index = index
    fields = rule.by
    let names = policy.sources(of: pool.name, rule.of, isFollowing: true)
    sources = Set(policy.pools.indices.filter { names.contains(policy.pools[$0].name) })
  }

  /// The texts that must be the same; empty when the record has none of the fields.
  func key(of record: CostRecord) -> [String] {
    let texts = fields.map { record[$0] ?? "" }
    return texts.allSatisfy(\.isEmpty) ? [] : texts
  }
}

/// Rows that are followed: their pool's position, their texts, and of a direct pool their owner.
struct FollowedKey: Hashable, Sendable {
  let pool: Int
  let texts: [String]
  let owner: Owner
}

/// What leads from one pool to the rows it follows, before conversion.
struct RatedFollowing: Sendable {
  var own: [[String]: RatedAmount] = [:]
  var rows: [FollowedKey: RatedAmount] = [:]

  func converted(_ policy: Policy) throws(AccountingError) -> PooledCosts.Following {
    var following = PooledCosts.Following()
    for (texts, amount) in own { following.own[texts] = try amount.converted() }
    for (key, amount) in rows where !key.texts.isEmpty && own[key.texts] != nil {
      let name = policy.pools[key.pool].name
      following.rows[name, default: [:]][key.texts, default: [:]][key.owner] =
        try amount.converted()
    }
    return following
  }
}
