/// AWS split cost allocation: rows that share an instance's cost out over the pods that ran on it.
///
/// The instance keeps its own row. A pod's row says what it used (`split_cost`) and its share of what
/// nobody used (`unused_cost`); a row whose resource is called `Unused` tells the idle part once more.
/// So used and idle shares of the pods count, each as a record of its own; the `Unused` row is skipped;
/// and the instance's row is the origin, set aside by `SplitResolver` but for what rounding left.
enum AWSSplit {
  /// AllocatedMethodId of what a pod used.
  static let usedMethod = "aws-split-used"
  /// AllocatedMethodId of a pod's share of what nobody used.
  static let idleMethod = "aws-split-idle"
  /// How much the rows of one split may differ from their origin: ten digits are exported a row.
  static let toleranceUnitsPerRow: Int128 = 1_000_000_000

  static let parent = "split_line_item_parent_resource_id"
  static let used = ColumnMap.Money([
    "split_line_item_net_split_cost", "split_line_item_split_cost",
  ])
  static let idle = ColumnMap.Money([
    "split_line_item_net_unused_cost", "split_line_item_unused_cost",
  ])
  /// Every column of splits that the reader wants.
  static let columns =
    [parent] + used.terms.flatMap(\.columns) + idle.terms.flatMap(\.columns)

  /// Whether a row tells the idle part that its pods' rows carry already.
  static func isIdleRow(resource: String?) -> Bool {
    guard let resource else { return false }
    let last = resource.split(whereSeparator: { $0 == "/" || $0 == ":" }).last ?? ""
    return last.lowercased() == "unused"
  }

  /// Whether a method id is one of the two above.
  static func isMethod(_ id: String?) -> Bool { id == usedMethod || id == idleMethod }

  /// Parts of the usage types that count an instance's time, as in `EUC1-BoxUsage:m5.large`.
  static let instanceUsage = [
    "BoxUsage", "SpotUsage", "DedicatedUsage", "HostUsage", "HostBoxUsage", "UnusedBox",
    "UnusedDed",
  ]

  /// Whether a record is an instance's own charge, which splits share out. Its traffic has the same
  /// operation and the same resource, and another usage type.
  static func isOrigin(_ record: CostRecord) -> Bool {
    guard record[.provider] == "AWS",
      record[.skuMeter]?.utf8.starts(with: "RunInstances".utf8) == true
    else { return false }
    // An export without usage types cannot tell; there every charge of the instance is one.
    guard let usage = record[.usageType] else { return true }
    return instanceUsage.contains { usage.contains($0) }
  }
}
