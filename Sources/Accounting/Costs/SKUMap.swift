/// What the operator calls the SKUs of providers, with effective dates: a table of patterns.
///
/// A record is named by the first row that fits it. Rows that name everything in full, or say nothing
/// of it, are looked up; those with a beginning before `*` are tried in order, and are bounded.
public struct SKUMap: Hashable, Sendable {
  /// One row.
  public struct Entry: Hashable, Sendable {
    /// The line of the file.
    public var line: Int
    /// The provider's name, or a beginning of it before `*`; empty for any.
    public var provider: String
    /// The service, likewise.
    public var service: String
    /// The SKU, likewise.
    public var sku: String
    /// What the operator calls it.
    public var normalizedService: String
    /// The unit of the operator, or empty.
    public var unit: String
    /// Charges that begin from here on; `nil` from ever.
    public var from: UTCInstant?
    /// Charges that begin before; `nil` for ever.
    public var until: UTCInstant?

    /// Whether a record is meant.
    func fits(_ record: CostRecord) -> Bool {
      if let from, record.chargePeriodStart < from { return false }
      if let until, record.chargePeriodStart >= until { return false }
      return Self.fits(provider, record[.provider]) && Self.fits(service, record[.service])
        && Self.fits(sku, record[.sku])
    }

    private static func fits(_ pattern: String, _ text: String?) -> Bool {
      if pattern.isEmpty || pattern == "*" { return true }
      guard let text else { return false }
      if pattern.utf8.last == UInt8(ascii: "*") {
        return text.utf8.starts(with: pattern.utf8.dropLast())
      }
      return text.utf8.elementsEqual(pattern.utf8)
    }
  }

  /// Bound: rows of a map.
  public static let entriesMax = 200_000
  /// Bound: rows with a beginning before `*`, which every record is compared with.
  public static let prefixesMax = 1_000
  /// Bound: rows for the same provider, service and SKU, which differ in their dates.
  public static let alikeMax = 1_000

  /// What a row names in full; `nil` for any.
  struct Names: Hashable, Sendable {
    var provider: String?
    var service: String?
    var sku: String?
  }

  /// Which of the three names a row has, so that only such are looked up.
  private struct Shape: Hashable {
    let provider: Bool
    let service: Bool
    let sku: Bool

    init(_ names: Names) {
      provider = names.provider != nil
      service = names.service != nil
      sku = names.sku != nil
    }
  }

  /// The rows in order.
  public let entries: [Entry]
  /// Places of rows without a beginning, in order.
  private let named: [Names: [Int]]
  private let shapes: Set<Shape>
  /// Places of rows with a beginning before `*`, in order.
  private let prefixes: [Int]

  /// A map of rows.
  public init(entries: [Entry]) {
    self.entries = entries
    var named: [Names: [Int]] = [:]
    var prefixes: [Int] = []
    for (index, entry) in entries.enumerated() {
      if let names = entry.names {
        named[names, default: []].append(index)
      } else {
        prefixes.append(index)
      }
    }
    self.named = named
    self.prefixes = prefixes
    shapes = Set(named.keys.map(Shape.init))
  }

  /// The row that names a record; `nil` when its SKU is unknown.
  public func entry(for record: CostRecord) -> Entry? {
    var looked = 0
    return place(for: record, &looked).map { entries[$0] }
  }

  /// The place of that row; `looked` grows by the rows that were compared with the record: at most
  /// those of its own names in each shape, and those with a beginning.
  func place(for record: CostRecord, _ looked: inout Int) -> Int? {
    var best: Int?
    func search(_ places: [Int], _ looked: inout Int) {
      for place in places {
        if let best, place > best { return }
        looked += 1
        if entries[place].fits(record) {
          best = place
          return
        }
      }
    }
    for shape in shapes {
      let names = Names(
        provider: shape.provider ? record[.provider] : nil,
        service: shape.service ? record[.service] : nil, sku: shape.sku ? record[.sku] : nil)
      // A record without a name has no row that wants one.
      guard Shape(names) == shape, let places = named[names] else { continue }
      search(places, &looked)
    }
    search(prefixes, &looked)
    return best
  }
}

extension SKUMap.Entry {
  /// What the row names in full; `nil` when it has a beginning before `*`.
  var names: SKUMap.Names? {
    var isPrefix = false
    func name(_ pattern: String) -> String? {
      if pattern.isEmpty || pattern == "*" { return nil }
      if pattern.utf8.last == UInt8(ascii: "*") { isPrefix = true }
      return pattern
    }
    let names = SKUMap.Names(provider: name(provider), service: name(service), sku: name(sku))
    return isPrefix ? nil : names
  }
}

/// How much of a period's money the SKU map names.
public struct SKUCoverage: Hashable, Sendable {
  /// A SKU without a row, with its money.
  public struct Unknown: Hashable, Sendable {
    /// The provider.
    public var provider: String
    /// The service.
    public var service: String
    /// The SKU; empty when the records name none.
    public var sku: String
    /// The currency of the sum.
    public var currency: Currency
    /// Records.
    public var records: Int
    /// Sum of effective cost.
    public var effective: Amount
    /// Sum of the size of each charge, credits counted as charges.
    public var magnitude: Amount
  }

  private struct Key: Hashable, Sendable {
    var provider: String
    var service: String
    var sku: String
    var currency: Currency
  }

  /// Bound: unknown SKUs kept apart; the money of further ones is summed under the SKU `…`.
  private static let unknownMax = 50_000

  private let map: SKUMap
  private var unknowns: [Key: Unknown] = [:]
  /// Records with a row, and without.
  public private(set) var known = 0, unknown = 0
  /// Size of all charges with a row, by currency.
  public private(set) var knownMagnitude: [Currency: Amount] = [:]

  /// A coverage of nothing yet.
  public init(map: SKUMap) {
    self.map = map
  }

  /// Takes a record in.
  public mutating func add(_ record: CostRecord) throws(AccountingError) {
    let size =
      record.effectiveCost < .zero ? try record.effectiveCost.negated() : record.effectiveCost
    guard map.entry(for: record) == nil else {
      known += 1
      knownMagnitude[record.currency] = try (knownMagnitude[record.currency] ?? .zero).adding(size)
      return
    }
    unknown += 1
    var key = Key(
      provider: record[.provider] ?? "", service: record[.service] ?? "", sku: record[.sku] ?? "",
      currency: record.currency)
    if unknowns[key] == nil, unknowns.count >= Self.unknownMax {
      key = Key(provider: "…", service: "…", sku: "…", currency: record.currency)
    }
    var sum =
      unknowns[key]
      ?? Unknown(
        provider: key.provider, service: key.service, sku: key.sku, currency: key.currency,
        records: 0, effective: .zero, magnitude: .zero)
    sum.records += 1
    sum.effective = try sum.effective.adding(record.effectiveCost)
    sum.magnitude = try sum.magnitude.adding(size)
    unknowns[key] = sum
  }

  /// SKUs without a row, largest money first.
  public var unknownSKUs: [Unknown] {
    unknowns.values.sorted { left, right in
      if left.magnitude != right.magnitude { return left.magnitude > right.magnitude }
      return [left.provider, left.service, left.sku, left.currency.code]
        .lexicographicallyPrecedes([right.provider, right.service, right.sku, right.currency.code])
    }
  }

  /// Hundredths of a percent of a currency's money that the map names, rounded down; 10,000 for none.
  public func basisPoints(_ currency: Currency) -> Int {
    let named = knownMagnitude[currency] ?? .zero
    let sizes = unknowns.values.filter { $0.currency == currency }.map(\.magnitude.units)
    // Past 2^127 the sum stays there: the figure is for display, and a bill is no reason to trap.
    let whole = sizes.reduce(named.units) { sum, size in
      let (next, overflow) = sum.addingReportingOverflow(size)
      return overflow ? .max : next
    }
    guard whole > 0 else { return 10_000 }
    // Divided first where the product would pass 2^127; the figure is for display.
    let scaled = named.units.multipliedReportingOverflow(by: 10_000)
    return Int(scaled.overflow ? named.units / (whole / 10_000) : scaled.partialValue / whole)
  }

  /// Currencies that were seen, in order.
  public var currencies: [Currency] {
    Set(knownMagnitude.keys).union(unknowns.values.map(\.currency)).sorted()
  }
}
