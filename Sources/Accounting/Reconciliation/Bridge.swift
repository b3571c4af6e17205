/// What a bridge is built from.
public struct BridgeInput: Sendable {
  /// The pooled costs of the period.
  public var costs: PooledCosts
  /// The allocation made from them.
  public var allocation: AllocationResult
  /// The ledger entries of the period and version.
  public var entries: [Entry]
  /// The sum of all statements in micro-units, once they exist.
  public var statementsMicros: Int128?

  /// An input.
  public init(
    costs: PooledCosts, allocation: AllocationResult, entries: [Entry],
    statements: StatementSet? = nil
  ) {
    self.costs = costs
    self.allocation = allocation
    self.entries = entries
    statementsMicros = statements.map { set in
      set.statements.reduce(Int128(0)) { $0 + Int128($1.total.micros) }
    }
  }
}

/// One step or result on the way from the invoice to the tenants.
public struct BridgeLine: Hashable, Sendable {
  /// A stable name, for example `effective-minus-billed`.
  public let cause: String
  /// How much.
  public let amount: Amount
}

/// The way from the invoice to who bears it.
///
///     invoice                     what issuers state, and the sum of BilledCost of all other invoices
///     + invoice-rounding          records - stated, where rounding of the invoice's lines explains it
///     + records-minus-invoice     records - stated elsewhere; explained by nothing
///     + effective-minus-billed    amortisation: sum of EffectiveCost - sum of BilledCost
///     - below-a-micro-unit        what rounding to micro-units left, less than one
///     = tenants + unallocated:<reason> … + kept + rounding + fx      from the ledger
///
/// `difference` is what the ledger's right-hand side lacks, plus what the invoice has and the records
/// have not.
public struct Bridge: Hashable, Sendable {
  /// The currency.
  public let currency: Currency
  /// The lines in the order above.
  public let lines: [BridgeLine]
  /// What nothing explains; nought for a period that ties out.
  public let difference: Amount
  /// Every step that does not agree by itself, in words.
  public let reasons: [String]

  /// Whether everything agrees.
  public var tiesOut: Bool { difference == .zero && reasons.isEmpty }

  /// The state for statements.
  public var state: ReconciliationState { tiesOut ? .tiedOut : .open }

  /// The amount of a line; `nil` when there is none of that cause.
  public func amount(of cause: String) -> Amount? {
    lines.first { $0.cause == cause }?.amount
  }

  /// Builds the bridge of a period. Throws `overflow` when a sum leaves its range.
  public static func build(_ input: BridgeInput) throws(AccountingError) -> Bridge {
    let records = input.costs.inScope
    let stated = input.costs.stated
    let invoice = try records.billed.subtracting(stated.rounding).subtracting(stated.unexplained)
    let amortised = try records.effective.subtracting(records.billed)
    let rest = input.allocation.rest
    let owners = try LedgerSums(input.entries)
    var lines = [BridgeLine(cause: "invoice", amount: invoice)]
    if !stated.rows.isEmpty {
      lines += [
        BridgeLine(cause: "invoice-rounding", amount: stated.rounding),
        BridgeLine(cause: "records-minus-invoice", amount: stated.unexplained),
      ]
    }
    lines += [
      BridgeLine(cause: "effective-minus-billed", amount: amortised),
      BridgeLine(cause: "below-a-micro-unit", amount: try rest.negated()),
      BridgeLine(cause: "tenants", amount: owners.tenants),
    ]
    for (reason, amount) in owners.unallocated.sorted(by: { KeyOrder.precedes($0.key, $1.key) }) {
      lines.append(BridgeLine(cause: "unallocated:\(reason)", amount: amount))
    }
    lines += [
      BridgeLine(cause: "kept", amount: owners.kept),
      BridgeLine(cause: "rounding", amount: owners.rounding),
      BridgeLine(cause: "fx", amount: owners.fx),
    ]
    let difference = try invoice.adding(stated.rounding).adding(amortised).subtracting(rest)
      .subtracting(owners.total)
    return Bridge(
      currency: input.costs.currency, lines: lines, difference: difference,
      reasons: stated.reasons + (try reasons(input, owners: owners)))
  }

  private static func reasons(
    _ input: BridgeInput, owners: LedgerSums
  ) throws(AccountingError) -> [String] {
    var reasons: [String] = []
    func require(_ isRight: Bool, _ reason: String) {
      if !isRight { reasons.append(reason) }
    }
    let costs = input.costs
    let allocation = input.allocation
    require(
      costs.inScope.effective == allocation.exactTotal,
      "the pools hold \(allocation.exactTotal), the records \(costs.inScope.effective)")
    require(
      allocation.rest.units.magnitude < Amount.unitsPerMicro.magnitude,
      "rounding left \(allocation.rest), which is not less than a micro-unit")
    require(
      try owners.costs.negated() == Amount(micros: allocation.postedTotal.micros),
      "the ledger holds costs of \(try owners.costs.negated()), "
        + "the allocation posted \(allocation.postedTotal)")
    let bound = Int128(allocation.pools.count) * Amount.unitsPerMicro
    require(
      owners.rounding.units.magnitude <= bound.magnitude,
      "platform:rounding holds \(owners.rounding), more than a micro-unit a pool")
    if let sum = input.statementsMicros {
      require(
        sum * Amount.unitsPerMicro == owners.tenants.units,
        "the statements sum to \(DecimalText.fixed(sum, digits: 6)), "
          + "the ledger charges tenants \(owners.tenants)")
    }
    for (currency, tally) in costs.foreign.sorted(by: { $0.key < $1.key }) {
      reasons.append("\(tally.records) records in \(currency) are in no pool")
    }
    let unsettled = costs.unsettledSplits.count
    require(unsettled == 0, "\(unsettled) split groups do not sum to their origin")
    return reasons
  }
}

/// The sums of a period's entries by kind of account.
private struct LedgerSums {
  var costs = Amount.zero
  var tenants = Amount.zero
  var unallocated: [String: Amount] = [:]
  var kept = Amount.zero
  var rounding = Amount.zero
  var fx = Amount.zero

  init(_ entries: [Entry]) throws(AccountingError) {
    for entry in entries {
      for posting in entry.postings {
        let amount = Amount(micros: posting.amount.micros)
        switch posting.account {
        case .cost: costs = try costs.adding(amount)
        case .tenant: tenants = try tenants.adding(amount)
        case .unallocated(let reason):
          unallocated[reason] = try (unallocated[reason] ?? .zero).adding(amount)
        case .kept: kept = try kept.adding(amount)
        case .rounding: rounding = try rounding.adding(amount)
        case .fx: fx = try fx.adding(amount)
        }
      }
    }
  }

  /// Everything but the costs.
  var total: Amount {
    let parts = [tenants, kept, rounding, fx] + unallocated.values
    return Amount(units: parts.reduce(0) { $0 + $1.units })
  }
}
