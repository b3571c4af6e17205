/// What a source of an external series said about one period.
public struct SeriesReading: Hashable, Sendable {
  /// The series.
  public var series: ExternalSeries
  /// The period.
  public var period: Period
  /// Hours that the source should have; 0 when it tells no hours.
  public var expectedHours = 0
  /// Hours of the period for which nothing at all was told, as ranges.
  public var missing: [Range<UTCInstant>] = []
  /// Labels without a tenant, with their quantity; it counts for `~unattributed`.
  public var unmapped: [String: Amount] = [:]
  /// Samples or rows outside of the period, left out.
  public var outside = 0

  /// Hours in `missing`.
  public var missingHours: Int {
    missing.reduce(0) {
      $0 + Int(($1.upperBound.microseconds - $1.lowerBound.microseconds) / Self.hour)
    }
  }

  static let hour: Int64 = 3_600_000_000
}

/// Which tenant a label of another system means: namespaces, teams, repositories.
public struct TenantLabels: Hashable, Sendable {
  /// Bound: labels of a map.
  public static let labelsMax = 1_000_000

  private let tenants: [String: String]?

  /// Labels that are tenant ids.
  public static let identity = TenantLabels(tenants: nil)

  private init(tenants: [String: String]?) {
    self.tenants = tenants
  }

  /// A map of labels.
  public init(_ tenants: [String: String]) {
    self.init(tenants: Optional(tenants))
  }

  /// Reads `label,tenant` rows; throws all faults at once.
  public static func decode(_ bytes: [UInt8]) throws(DocumentFaults) -> TenantLabels {
    let table = try SmallTable(
      bytes, columns: ["label", "tenant"], required: ["label", "tenant"], rowsMax: labelsMax)
    var faults: [String] = []
    var tenants: [String: String] = [:]
    for row in table.rows {
      let tenant = row["tenant"]
      if !TenantNaming.isValid(tenant), !TenantNaming.reserved.contains(tenant) {
        faults.append("line \(row.line): \"\(tenant.prefix(80))\" is not a tenant id")
      }
      if tenants.updateValue(tenant, forKey: row["label"]) != nil {
        faults.append("line \(row.line): label \"\(row["label"].prefix(80))\" stands twice")
      }
    }
    if !faults.isEmpty { throw DocumentFaults(faults) }
    return TenantLabels(tenants)
  }

  /// The tenant of a label; `nil` for one that means nobody.
  public func tenant(_ label: String) -> String? {
    if let tenants { return tenants[label] }
    return TenantNaming.isValid(label) || TenantNaming.reserved.contains(label) ? label : nil
  }
}

/// Adds up a series label by label.
struct SeriesSum {
  let labels: TenantLabels
  private(set) var values: [String: Amount] = [:]
  private(set) var unmapped: [String: Amount] = [:]

  init(labels: TenantLabels) {
    self.labels = labels
  }

  /// Adds a quantity; throws `overflow`, and `unusableCosts` for a negative one.
  mutating func add(_ quantity: Amount, label: String) throws(AccountingError) {
    guard quantity >= .zero else {
      throw .unusableCosts(reason: "\(label) has \(quantity), which is negative")
    }
    let tenant = labels.tenant(label)
    if tenant == nil { unmapped[label] = try (unmapped[label] ?? .zero).adding(quantity) }
    let owner = tenant ?? TenantNaming.unattributed
    values[owner] = try (values[owner] ?? .zero).adding(quantity)
  }
}

/// Hours of a period, as they are told.
struct HoursSeen {
  private let period: Period
  private var seen: [Bool]

  init(_ period: Period) {
    self.period = period
    let count = (period.end.microseconds - period.start.microseconds) / SeriesReading.hour
    seen = Array(repeating: false, count: Int(count))
  }

  /// How many hours the period has.
  var count: Int { seen.count }

  /// Notes the hours that a range covers whole, or that a moment lies in.
  mutating func note(_ range: Range<UTCInstant>) {
    let from = (range.lowerBound.microseconds - period.start.microseconds) / SeriesReading.hour
    let to =
      (range.upperBound.microseconds - 1 - period.start.microseconds) / SeriesReading.hour
    for index in max(0, from)...max(0, to) where index < seen.count { seen[Int(index)] = true }
  }

  /// Ranges of hours that were not told.
  var missing: [Range<UTCInstant>] {
    var ranges: [Range<UTCInstant>] = []
    var start: Int?
    for index in 0...seen.count {
      let isSeen = index == seen.count || seen[index]
      if !isSeen, start == nil { start = index }
      if isSeen, let first = start {
        ranges.append(instant(first)..<instant(index))
        start = nil
      }
    }
    return ranges
  }

  private func instant(_ hour: Int) -> UTCInstant {
    UTCInstant(microseconds: period.start.microseconds + Int64(hour) * SeriesReading.hour)
  }
}
