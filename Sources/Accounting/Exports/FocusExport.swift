public import Digest

/// Allocated charges of a closed period in the shape of FOCUS 1.4 cost and usage: one row for each line
/// of each statement, and one for each part that no tenant bears. Their sum is the ledger's.
///
/// A pool is the origin: what its records have in common stands on each row. Only allocated rows are
/// written, never the origin beside them, so that a sum over the file counts each cost once.
public struct FocusExport: Sendable {
  private let period: Period
  private let policyName: String
  private let dimensions: PoolDimensions
  private let origins: AllocatedOrigins

  /// An export; `origins` must have seen every charge that will be written.
  public init(
    period: Period, policyName: String, dimensions: PoolDimensions, origins: AllocatedOrigins
  ) {
    self.period = period
    self.policyName = policyName
    self.dimensions = dimensions
    self.origins = origins
  }

  /// The header row.
  public func header() -> [UInt8] {
    var writer = CSVWriter()
    writer.row(Self.columns.map { .raw($0) })
    return writer.bytes
  }

  /// The rows of a statement.
  public func bytes(of statement: Statement) -> [UInt8] {
    var writer = CSVWriter()
    for line in statement.lines where line.amount.micros != 0 {
      writer.row(
        cells(
          Charge(
            pool: line.pool, method: line.method, amount: line.amount,
            owner: statement.tenant, name: statement.name ?? statement.tenant,
            tags: [("weir:tenant", statement.tenant)]
              + (line.route.map { [("weir:route", $0)] } ?? []),
            drivers: line.drivers, layer: line.layer.rawValue, confidence: line.confidence,
            entry: line.entry, policy: statement.policyDigest, isCorrection: false)))
    }
    return writer.bytes
  }

  /// The rows of an entry: what no tenant bears of an allocation, and all of a correction.
  public func bytes(of entry: Entry) -> [UInt8] {
    var writer = CSVWriter()
    for posting in Self.postings(of: entry) where posting.amount.micros != 0 {
      var tags: [(String, String)] = []
      if case .tenant(let id) = posting.account { tags.append(("weir:tenant", id)) }
      let owner = if case .tenant(let id) = posting.account { id } else { posting.account.text }
      writer.row(
        cells(
          Charge(
            pool: entry.subject, method: entry.kind.rawValue, amount: posting.amount, owner: owner,
            name: owner, tags: tags, drivers: [], layer: "", confidence: nil, entry: entry.id,
            policy: entry.policy, isCorrection: entry.kind != .allocation)))
    }
    return writer.bytes
  }

  /// The postings of an entry that no statement holds.
  public static func postings(of entry: Entry) -> [Posting] {
    entry.postings.filter { posting in
      switch posting.account {
      case .cost: false
      case .tenant: entry.kind != .allocation
      case .unallocated, .kept, .rounding, .fx: true
      }
    }
  }

  /// Which entries of a period count: all but the allocations of older versions and what undid them.
  public static func counted(_ entries: [EntryHeading], version: UInt32) -> Set<Digest256> {
    let replaced = Set(
      entries.filter { $0.kind == .allocation && $0.version != version }.map(\.id))
    return Set(
      entries.filter { entry in
        !replaced.contains(entry.id) && !(entry.reverses.map(replaced.contains) ?? false)
      }.map(\.id))
  }

  /// What `counted` needs of an entry.
  public struct EntryHeading: Sendable {
    let id: Digest256
    let kind: EntryKind
    let version: UInt32
    let reverses: Digest256?

    /// The heading of an entry.
    public init(_ entry: Entry) {
      id = entry.id
      kind = entry.kind
      version = entry.version
      reverses = entry.reverses
    }
  }
}

/// One allocated charge.
private struct Charge {
  let pool: String
  let method: String
  let amount: Money
  let owner: String
  let name: String
  let tags: [(String, String)]
  let drivers: [LineDriver]
  let layer: String
  let confidence: Confidence?
  let entry: Digest256
  let policy: Digest256?
  let isCorrection: Bool
}

extension FocusExport {
  /// The columns: those of FOCUS first, then Weir's own.
  public static let columns = [
    "AllocatedMethodDetails", "AllocatedMethodId", "AllocatedResourceId", "AllocatedResourceName",
    "AllocatedTags", "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency",
    "BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory", "ChargeClass",
    "ChargeDescription", "ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart",
    "ContractedCost", "EffectiveCost", "HostProviderName", "InvoiceId", "InvoiceIssuerName",
    "ListCost", "PricingQuantity", "PricingUnit", "RegionId", "ResourceId", "ResourceName",
    "ResourceType", "ServiceCategory", "ServiceName", "ServiceProviderName", "ServiceSubcategory",
    "SubAccountId", "Tags", "x_Pool", "x_Layer", "x_Measured", "x_Hinted", "x_Modelled",
    "x_LedgerEntry", "x_PolicyDigest", "x_CostBasis",
  ]

  private func cells(_ charge: Charge) -> [CSVWriter.Cell] {
    let pool = charge.pool
    func text(_ field: CostField, _ other: String) -> String {
      dimensions.text(field, pool: pool) ?? other
    }
    let cost = charge.amount.text
    let category = text(.serviceCategory, "Other")
    let known = charge.confidence.map { [$0.measured, $0.hinted, $0.modelled] } ?? []
    let grades = (0..<3).map { index in
      index < known.count ? DecimalText.fixed(Int128(known[index]), digits: 6) : ""
    }
    return [
      details(charge), "\(policyName)@\(charge.policy?.hex.prefix(12) ?? "none")/\(charge.method)",
      charge.owner, charge.name, Self.object(charge.tags), cost, text(.billingAccount, "multiple"),
      text(.billingAccountName, ""), charge.amount.currency.code, period.end.description,
      period.start.description, chargeCategory(charge), charge.isCorrection ? "Correction" : "",
      "\(charge.method) part of pool \(pool)", "Usage-Based", period.end.description,
      period.start.description, cost, cost, text(.hostProvider, ""), text(.invoice, ""),
      text(.invoiceIssuer, "multiple"), cost, "1", "Allocation", text(.region, ""),
      AllocatedOrigins.id(pool: pool, micros: charge.amount.micros), pool, "Cost pool", category,
      text(.service, pool), text(.provider, "multiple"),
      text(.serviceSubcategory, "Other (\(category))"), text(.subAccount, ""), "{}", pool,
      charge.layer, grades[0], grades[1], grades[2], charge.entry.hex, charge.policy?.hex ?? "",
      "EffectiveCost",
    ].map { .raw($0) }
  }

  /// A category that all records have; else what the sign says.
  private func chargeCategory(_ charge: Charge) -> String {
    if let category = dimensions.text(.chargeCategory, pool: charge.pool) { return category }
    return charge.amount.micros < 0 ? "Credit" : "Usage"
  }

  /// AllocatedMethodDetails: one element, the ratio of the charge to its origin, with the driver when
  /// there is one.
  private func details(_ charge: Charge) -> String {
    let ratio = origins.ratio(pool: charge.pool, micros: charge.amount.micros)
    var element: [JSONValue.Member] = [.init("AllocatedRatio", .number(ratio))]
    if charge.drivers.count == 1, let driver = charge.drivers.first {
      element.append(.init("UsageUnit", .string(driver.unit == "1" ? driver.name : driver.unit)))
      element.append(.init("UsageQuantity", .number(driver.value)))
    }
    if !charge.drivers.isEmpty {
      element.append(
        .init("x_Drivers", .array(charge.drivers.map { .string("\($0.name)=\($0.value)") })))
    }
    return JSONValue.object([.init("Elements", .array([.object(element)]))]).canonicalText
  }

  private static func object(_ pairs: [(String, String)]) -> String {
    JSONValue.object(pairs.map { .init($0.0, .string($0.1)) }).canonicalText
  }
}
