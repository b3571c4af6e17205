import Digest

/// Decides which rows count where a file holds an origin charge and the rows a provider split it into.
///
/// Both describe the same money. Rows belong together when their `splitKey` is equal. A group that
/// holds both sides is *settled* when billed and effective cost of both sides sum to the same: then
/// the split rows count, because they name the consumer. Otherwise the origin counts, because it is
/// what was billed, and the group is *unsettled*: it blocks the close until a person has looked.
/// Groups with one side only need no decision, and all their rows count.
///
/// Two passes over the records of a period: `noteAllocated` for all, then `matchOrigin` for all.
/// Memory grows with the number of split groups.
public struct SplitResolver: Sendable {
  private var groups: [Digest256: SplitGroup] = [:]

  /// A resolver that has seen nothing.
  public init() {}

  /// First pass: takes note of a split row; other rows are ignored.
  public mutating func noteAllocated(_ record: CostRecord) throws(AccountingError) {
    guard record.isAllocatedRow, let key = record.splitKey else { return }
    var group = groups[key] ?? SplitGroup(record)
    try group.allocated.add(record)
    groups[key] = group
  }

  /// Second pass: takes note of a row that may be the origin of a group; other rows are ignored.
  public mutating func matchOrigin(_ record: CostRecord) throws(AccountingError) {
    guard !groups.isEmpty, !record.isAllocatedRow, let key = record.splitKey,
      var group = groups[key]
    else { return }
    try group.origin.add(record)
    groups[key] = group
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

  fileprivate init(_ record: CostRecord) {
    resource = record[.resource] ?? ""
    chargePeriodStart = record.chargePeriodStart
  }

  /// Whether both sides tell the same sums.
  public var isSettled: Bool {
    origin.billed == allocated.billed && origin.effective == allocated.effective
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
    guard !byKey.isEmpty, let key = record.splitKey, let group = byKey[key] else { return true }
    return record.isAllocatedRow == group.isSettled
  }
}
