import Digest

/// Decides which rows count where a file holds an origin charge and the rows a provider split it into.
///
/// Both describe the same money. Rows belong together when their `splitKey` is equal. A group that
/// holds both sides is *settled* when billed and effective cost of both sides sum to the same: then
/// the split rows count, because they name the consumer. Otherwise the origin counts, because it is
/// what was billed, and the group is *unsettled*: it blocks the close until a person has looked.
/// Groups with one side only need no decision, and all their rows count.
///
/// AWS rounds each split row to ten digits and shares out amortised cost only. Such a group is settled
/// when effective cost agrees within 10^-9 a row; the first origin row then stays with what the split
/// rows do not carry, its billed cost among it, so that nothing is counted twice or lost.
///
/// Two passes over the records of a period: `noteAllocated` for all, then `matchOrigin` for all.
/// Memory grows with the number of split groups.
public struct SplitResolver: Sendable {
  /// Bound: how many charges of a period may be split; a group takes about 250 bytes.
  private let groupsMax: Int
  private var groups: [Digest256: SplitGroup] = [:]

  /// A resolver that has seen nothing.
  public init() { self.init(groupsMax: 2_000_000) }

  init(groupsMax: Int) { self.groupsMax = groupsMax }

  /// Whether no split row was noted: then nothing needs a decision.
  public var isEmpty: Bool { groups.isEmpty }

  /// First pass: takes note of a split row; other rows are ignored.
  public mutating func noteAllocated(_ record: CostRecord) throws(AccountingError) {
    guard record.isAllocatedRow, let key = Self.allocatedKey(record) else { return }
    var group = groups[key] ?? SplitGroup(record)
    guard groups.count < groupsMax || groups[key] != nil else {
      throw .unusableCosts(reason: "more than \(groupsMax) charges are split")
    }
    group.isRounded = AWSSplit.isMethod(record[.allocatedMethod])
    try group.allocated.add(record)
    groups[key] = group
  }

  /// Second pass: takes note of a row that may be the origin of a group; other rows are ignored.
  public mutating func matchOrigin(_ record: CostRecord) throws(AccountingError) {
    guard !groups.isEmpty, !record.isAllocatedRow,
      let key = Self.originKeys(record).first(where: { groups[$0] != nil }), var group = groups[key]
    else { return }
    if group.origin.rows == 0 { group.firstOrigin = record.identity }
    try group.origin.add(record)
    groups[key] = group
  }

  /// The group of a split row.
  static func allocatedKey(_ record: CostRecord) -> Digest256? {
    AWSSplit.isMethod(record[.allocatedMethod]) ? record.awsSplitKey : record.splitKey
  }

  /// Groups that a row may be the origin of.
  static func originKeys(_ record: CostRecord) -> [Digest256] {
    let keys = [record.splitKey, AWSSplit.isOrigin(record) ? record.awsSplitKey : nil]
    return keys.compactMap { $0 }
  }

  /// What counts.
  public func decide() -> SplitDecision {
    SplitDecision(groups: groups.filter { $0.value.origin.rows > 0 })
  }
}

/// One origin charge with the rows it was split into.
public struct SplitGroup: Hashable, Sendable {
  /// Sums of one side.
  public struct Side: Hashable, Sendable {
    /// How many rows.
    public fileprivate(set) var rows = 0
    /// Sum of BilledCost.
    public fileprivate(set) var billed = Amount.zero
    /// Sum of EffectiveCost.
    public fileprivate(set) var effective = Amount.zero

    fileprivate mutating func add(_ record: CostRecord) throws(AccountingError) {
      rows += 1
      billed = try billed.adding(record.billedCost)
      effective = try effective.adding(record.effectiveCost)
    }
  }

  /// The resource that was split.
  public let resource: String
  /// Start of the charge period.
  public let chargePeriodStart: UTCInstant
  /// The rows that were there before the split.
  public fileprivate(set) var origin = Side()
  /// The rows of the split.
  public fileprivate(set) var allocated = Side()
  /// Whether the provider rounds the rows of the split, and splits effective cost only.
  fileprivate var isRounded = false
  /// The first row of the origin, by its identity.
  fileprivate var firstOrigin: Digest256?

  fileprivate init(_ record: CostRecord) {
    resource = record[.resource] ?? ""
    chargePeriodStart = record.chargePeriodStart
  }

  /// Whether both sides tell the same sums.
  public var isSettled: Bool {
    if isRounded {
      let (difference, overflow) = origin.effective.units.subtractingReportingOverflow(
        allocated.effective.units)
      return !overflow
        && difference.magnitude
          <= AWSSplit.toleranceUnitsPerRow.magnitude * UInt128(allocated.rows)
    }
    return origin.billed == allocated.billed && origin.effective == allocated.effective
  }

  /// What the split rows of a settled group do not carry; `nil` when that is nothing.
  fileprivate var rest: (billed: Amount, effective: Amount)? {
    guard isRounded, isSettled, let billed = try? origin.billed.subtracting(allocated.billed),
      let effective = try? origin.effective.subtracting(allocated.effective)
    else { return nil }
    return billed == .zero && effective == .zero ? nil : (billed, effective)
  }
}

/// Which rows of split groups count; all other rows always do.
public struct SplitDecision: Hashable, Sendable {
  private let byKey: [Digest256: SplitGroup]

  /// No group holds both sides.
  public static let none = SplitDecision(groups: [:])

  fileprivate init(groups: [Digest256: SplitGroup]) {
    byKey = groups
  }

  /// The groups that hold both sides, by resource and time.
  public var groups: [SplitGroup] {
    let sorted = byKey.sorted { left, right in
      if left.value.resource != right.value.resource {
        return KeyOrder.precedes(left.value.resource, right.value.resource)
      }
      if left.value.chargePeriodStart != right.value.chargePeriodStart {
        return left.value.chargePeriodStart < right.value.chargePeriodStart
      }
      return left.key < right.key
    }
    return sorted.map(\.value)
  }

  /// Groups whose sides do not agree.
  public var unsettled: [SplitGroup] { groups.filter { !$0.isSettled } }

  /// Whether a record is to be counted.
  public func counts(_ record: CostRecord) -> Bool {
    guard let group = group(of: record) else { return true }
    return record.isAllocatedRow == group.isSettled
  }

  /// The part of a record that counts: all of it, the rest of an origin, or nothing.
  func counted(_ record: CostRecord) -> CostRecord? {
    counts(record) ? record : rest(of: record)
  }

  /// What stays of an origin row that is set aside: of the first row of a group, what the split rows do
  /// not carry; of all others nothing.
  func rest(of record: CostRecord) -> CostRecord? {
    guard !byKey.isEmpty, !record.isAllocatedRow, let group = group(of: record),
      let rest = group.rest, group.firstOrigin == record.identity
    else { return nil }
    var left = record
    left.billedCost = rest.billed
    left.effectiveCost = rest.effective
    return left
  }

  private func group(of record: CostRecord) -> SplitGroup? {
    guard !byKey.isEmpty else { return nil }
    if record.isAllocatedRow { return SplitResolver.allocatedKey(record).flatMap { byKey[$0] } }
    return SplitResolver.originKeys(record).lazy.compactMap { byKey[$0] }.first
  }
}
