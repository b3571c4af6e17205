/// The usage of one period: sums per tenant, route and quantity name.
///
/// Reserved tenants are tenants here. Order of additions does not matter. A figure takes 16 bytes: names are kept once, in
/// tables, and a tenant's figures lie in one run, ordered by the places of their names.
public struct UsageFigures: Sendable {
  /// One sum.
  public struct Figure: Hashable, Sendable {
    /// The route.
    public let route: String
    /// The quantity's name.
    public let quantity: String
    /// The sum, never 0.
    public let value: UInt128
  }

  /// Places of quantities, for `add(tenant:route:columns:_:)`.
  public struct Columns: Sendable {
    fileprivate let places: [UInt16]
  }

  private var routes = NameTable()
  private var names = NameTable()
  private var places: [String: Int] = [:]
  private var ids: [String] = []
  private var cells: [ContiguousArray<Cell>] = []
  /// Whether `ids` ascend as bytes.
  private var isOrdered = true

  /// No usage.
  public init() {}

  /// Adds a value; throws `overflow` past 2^96, which no meter reaches.
  public mutating func add(
    tenant: String, route: String, quantity: String, _ value: UInt128
  ) throws(AccountingError) {
    guard value > 0 else { return }
    let key = Cell.key(try routes.place(of: route), try names.place(of: quantity))
    try add(value, key, at: place(of: tenant), tenant)
  }

  /// The places of quantities, made known if they were not.
  public mutating func columns(_ quantities: [String]) throws(AccountingError) -> Columns {
    var places: [UInt16] = []
    for quantity in quantities { places.append(try names.place(of: quantity)) }
    return Columns(places: places)
  }

  /// Adds one value a column; what is 0 is left out. For many rows: nothing but the tenant and the route is looked up.
  public mutating func add(
    tenant: String, route: String, columns: Columns, _ values: [UInt64]
  ) throws(AccountingError) {
    precondition(columns.places.count == values.count, "a value a column")
    let route = try routes.place(of: route)
    let place = place(of: tenant)
    cells[place].reserveCapacity(
      cells[place].count + values.reduce(0) { $0 + ($1 > 0 ? 1 : 0) })
    for (quantity, value) in zip(columns.places, values) where value > 0 {
      try add(UInt128(value), Cell.key(route, quantity), at: place, tenant)
    }
  }

  /// Adds everything of another.
  public mutating func merge(_ other: UsageFigures) throws(AccountingError) {
    for (tenant, figures) in zip(other.ids, other.cells) {
      let place = place(of: tenant)
      for cell in figures {
        let key = Cell.key(
          try routes.place(of: other.routes.texts[cell.route]),
          try names.place(of: other.names.texts[cell.quantity]))
        try add(cell.value, key, at: place, tenant)
      }
    }
  }

  /// Both together.
  public func merging(_ other: UsageFigures) throws(AccountingError) -> UsageFigures {
    var sum = self
    try sum.merge(other)
    return sum
  }

  private mutating func place(of tenant: String) -> Int {
    if let known = places[tenant] { return known }
    if let last = ids.last, isOrdered { isOrdered = KeyOrder.precedes(last, tenant) }
    places[tenant] = ids.count
    ids.append(tenant)
    cells.append([])
    return ids.count - 1
  }

  private mutating func add(
    _ value: UInt128, _ key: UInt32, at place: Int, _ tenant: String
  ) throws(AccountingError) {
    let spot = Self.spot(of: key, in: cells[place])
    guard spot < cells[place].count, cells[place][spot].key == key else {
      guard let cell = Cell(key: key, value) else { throw Self.overflow(tenant) }
      cells[place].insert(cell, at: spot)
      return
    }
    let (sum, overflow) = cells[place][spot].value.addingReportingOverflow(value)
    guard !overflow, let cell = Cell(key: key, sum) else { throw Self.overflow(tenant) }
    cells[place][spot] = cell
  }

  private static func overflow(_ tenant: String) -> AccountingError {
    .overflow(operation: "usage of \(tenant)")
  }

  /// Where a key stands, or would.
  private static func spot(of key: UInt32, in cells: ContiguousArray<Cell>) -> Int {
    // Rows come in order more often than not.
    guard let last = cells.last, last.key >= key else { return cells.count }
    var (low, high) = (0, cells.count)
    while low < high {
      let middle = (low + high) / 2
      if cells[middle].key < key { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Whether there is none.
  public var isEmpty: Bool { cells.allSatisfy(\.isEmpty) }

  /// All tenants with usage, reserved ones included, in byte order.
  public var tenants: [String] {
    let used = zip(ids, cells).lazy.filter { !$0.1.isEmpty }.map(\.0)
    return isOrdered ? Array(used) : used.sorted(by: KeyOrder.precedes)
  }

  /// The sum of one tenant, route and quantity.
  public func value(tenant: String, route: String, quantity: String) -> UInt128 {
    guard let place = places[tenant], let route = routes.known(route),
      let quantity = names.known(quantity)
    else { return 0 }
    let key = Cell.key(route, quantity)
    let spot = Self.spot(of: key, in: cells[place])
    guard spot < cells[place].count, cells[place][spot].key == key else { return 0 }
    return cells[place][spot].value
  }

  /// The sum of a quantity over all tenants and routes.
  public func total(of quantity: String) -> UInt128 { totals[quantity] ?? 0 }

  /// The sums of all quantities over all tenants and routes, in one walk.
  public var totals: [String: UInt128] {
    var sums = [UInt128](repeating: 0, count: names.texts.count)
    for figures in cells {
      for cell in figures { sums[cell.quantity] += cell.value }
    }
    var totals: [String: UInt128] = [:]
    for (name, sum) in zip(names.texts, sums) where sum > 0 { totals[name] = sum }
    return totals
  }

  /// The names of all quantities that were added, in byte order.
  public var quantities: [String] { totals.keys.sorted(by: KeyOrder.precedes) }

  /// All sums of one tenant, ordered by route and then quantity, both as bytes.
  public func figures(of tenant: String) -> [Figure] {
    guard let place = places[tenant] else { return [] }
    let ordered = cells[place].sorted {
      (routes.ranks[$0.route], names.ranks[$0.quantity])
        < (routes.ranks[$1.route], names.ranks[$1.quantity])
    }
    return ordered.map {
      Figure(
        route: routes.texts[$0.route], quantity: names.texts[$0.quantity], value: $0.value)
    }
  }

  /// Whether a tenant has a sum of a quantity on some route.
  func has(tenant: String, quantity: String) -> Bool {
    guard let place = places[tenant], let quantity = names.known(quantity) else { return false }
    return cells[place].contains { $0.quantity == Int(quantity) }
  }

  /// The sums of one quantity by route, tenant by tenant; neither is in any order.
  func forEachTenant(
    with quantity: String, _ body: (String, [(route: String, value: UInt128)]) -> Void
  ) {
    guard let quantity = names.known(quantity) else { return }
    for (tenant, figures) in zip(ids, cells) {
      var found: [(route: String, value: UInt128)] = []
      for cell in figures where cell.quantity == Int(quantity) {
        found.append((routes.texts[cell.route], cell.value))
      }
      if !found.isEmpty { body(tenant, found) }
    }
  }
}

extension UsageFigures: Hashable {
  /// Whether both hold the same sums, in whatever order they were added.
  public static func == (left: UsageFigures, right: UsageFigures) -> Bool {
    let tenants = left.tenants
    return tenants == right.tenants
      && tenants.allSatisfy { left.figures(of: $0) == right.figures(of: $0) }
  }

  /// Hashes what `==` compares.
  public func hash(into hasher: inout Hasher) {
    for tenant in tenants {
      hasher.combine(tenant)
      hasher.combine(figures(of: tenant))
    }
  }
}

/// One sum of a tenant: 32 bits of places, 96 of value.
private struct Cell {
  let key: UInt32
  private let high: UInt32
  private let low: UInt64

  static func key(_ route: UInt16, _ quantity: UInt16) -> UInt32 {
    UInt32(route) << 16 | UInt32(quantity)
  }

  /// Nil past 2^96.
  init?(key: UInt32, _ value: UInt128) {
    guard value >> 96 == 0 else { return nil }
    self.key = key
    high = UInt32(truncatingIfNeeded: value >> 64)
    low = UInt64(truncatingIfNeeded: value)
  }

  var route: Int { Int(key >> 16) }
  var quantity: Int { Int(key & 0xFFFF) }
  var value: UInt128 { UInt128(high) << 64 | UInt128(low) }
}

/// Names, each kept once, and their byte order.
private struct NameTable {
  private(set) var texts: [String] = []
  /// The rank of each among all, as bytes.
  private(set) var ranks: [Int] = []
  private var places: [String: UInt16] = [:]

  /// The place of a name that was added; `nil` when it was not.
  func known(_ text: String) -> UInt16? { places[text] }

  /// The place of a name, which is added when it was not; throws `overflow` past 65,536 names.
  mutating func place(of text: String) throws(AccountingError) -> UInt16 {
    if let known = places[text] { return known }
    guard let place = UInt16(exactly: texts.count) else {
      throw .overflow(operation: "more than 65536 names of routes or quantities")
    }
    texts.append(text)
    places[text] = place
    let order = texts.indices.sorted { KeyOrder.precedes(texts[$0], texts[$1]) }
    ranks = [Int](repeating: 0, count: texts.count)
    for (rank, place) in order.enumerated() { ranks[place] = rank }
    return place
  }
}
