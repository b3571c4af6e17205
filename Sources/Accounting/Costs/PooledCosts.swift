/// The costs of one period, sorted into the pools of a policy.
public struct PooledCosts: Hashable, Sendable {
  /// Sums of some records.
  public struct Tally: Hashable, Sendable {
    /// How many records.
    public internal(set) var records = 0
    /// Sum of BilledCost.
    public internal(set) var billed = Amount.zero
    /// Sum of EffectiveCost.
    public internal(set) var effective = Amount.zero

    /// Nothing.
    public init() {}

    init(records: Int, billed: Amount, effective: Amount) {
      self.records = records
      self.billed = billed
      self.effective = effective
    }

    mutating func add(_ record: CostRecord) throws(AccountingError) {
      records += 1
      billed = try billed.adding(record.billedCost)
      effective = try effective.adding(record.effectiveCost)
    }

    /// Takes money off, not a record.
    mutating func subtract(_ record: CostRecord) throws(AccountingError) {
      billed = try billed.subtracting(record.billedCost)
      effective = try effective.subtracting(record.effectiveCost)
    }
  }

  /// One pool.
  public struct Pool: Hashable, Sendable {
    /// The name; `~unmatched` for what no pool of the policy took.
    public let name: String
    /// Its records.
    public internal(set) var tally = Tally()
    /// For a direct pool: the effective cost of each owner that its records name.
    public internal(set) var owners: [Owner: Amount] = [:]
    /// What of it was converted, by rate.
    public internal(set) var conversions: [ConvertedSum] = []
  }

  /// What the rows of a pool that follows others have in common with the rows they follow.
  public struct Following: Hashable, Sendable {
    /// The pool's own cost by the texts of its fields.
    public internal(set) var own: [[String]: Amount] = [:]
    /// The effective cost of the followed rows by pool, texts and owner. Pools that are not direct
    /// have the one owner `kept`, which stands for the whole pool.
    public internal(set) var rows: [String: [[String]: [Owner: Amount]]] = [:]
  }

  /// The name of the pool of what no pool of the policy took.
  public static let unmatched = "~unmatched"

  /// The period.
  public let period: Period
  /// The currency of the policy, and of all sums but `foreign` and those before conversion.
  public let currency: Currency
  /// The pools in the order of the policy, then `~unmatched`.
  public internal(set) var pools: [Pool]
  /// All records in the pools.
  public internal(set) var inScope = Tally()
  /// The records in the pools by InvoiceId; the empty id stands for none.
  public internal(set) var invoices: [String: Tally] = [:]
  /// The invoices that their issuers state, against the records in the pools.
  public internal(set) var stated = InvoiceComparison.none
  /// The records in the pools by ChargeCategory: what of the bill is usage, tax, credit.
  public internal(set) var categories: [String: Tally] = [:]
  /// Records left out because the other side of their split group counts.
  public internal(set) var setAside = Tally()
  /// Split groups whose sides do not agree.
  public internal(set) var unsettledSplits: [SplitGroup] = []
  /// For each pool that follows others: what leads to them.
  public internal(set) var followings: [String: Following] = [:]
  /// What the invoice's rates make of converted costs, minus what the allocation's rates make.
  public internal(set) var fx = Amount.zero
  /// What was converted, by rate.
  public internal(set) var conversions: [ConvertedSum] = []
  /// Records in currencies without a known rate, not in any pool.
  public internal(set) var foreign: [Currency: Tally] = [:]
  /// Records of other periods, not in any pool.
  public internal(set) var outsidePeriod = 0
}
