extension Policy {
  /// The external series that some pool needs, in byte order.
  public var externalsInUse: [String] {
    var names: Set<String> = []
    for driver in pools.flatMap(\.drivers) {
      if case .external(let name) = driver.source { names.insert(name) }
    }
    for pool in pools {
      if case .external(let name) = pool.idle?.capacity { names.insert(name) }
    }
    return names.sorted(by: KeyOrder.precedes)
  }

  /// The operator's own units that it needs.
  public var unitsInUse: [String] {
    let names = pools.flatMap(\.drivers).compactMap { driver in
      if case .quantity(let name) = driver.source { name } else { nil }
    }
    return Set(names).intersection(units).sorted(by: KeyOrder.precedes)
  }

  /// What the policy does, one sentence a pool.
  public var explanation: [String] {
    var lines = ["Policy \(name) allocates \(currency); its SHA-256 is \(digest)."]
    for (index, pool) in pools.enumerated() {
      lines.append("\(index + 1). \(pool.explanation)")
    }
    lines.append("Records that no pool takes are shown as unallocated, reason unmatched.")
    if order != pools.map(\.name) {
      lines.append("The pools are allocated in the order \(order.joined(separator: ", ")).")
    }
    for tenant in TenantNaming.reserved {
      let isExcluded = reserved[tenant] == .exclude
      lines.append(
        isExcluded
          ? "Usage of \(tenant) takes no part in proportional pools."
          : "The share of \(tenant) is unallocated cost, reason \(tenant.dropFirst()).")
    }
    if !excluded.isEmpty {
      lines.append("\(Self.list(excluded)) take no part in shared costs.")
    }
    lines.append("Costs in other currencies are converted by \(conversion).")
    return lines
  }

  static func list(_ names: Set<String>) -> String {
    names.sorted(by: KeyOrder.precedes).joined(separator: ", ")
  }
}

extension PolicyPool {
  /// Every driver that the pool may read.
  var drivers: [PolicyDriver] {
    var rules: [ProportionalRule] = []
    var drivers: [PolicyDriver] = []
    if case .proportional(let rule) = method { rules.append(rule) }
    if case .overhead(let rule) = method, case .driver(let driver) = rule.fallback {
      drivers.append(driver)
    }
    if let idle {
      drivers.append(idle.used)
      if case .drivers(let rule) = idle.treatment { rules.append(rule) }
    }
    for rule in rules {
      drivers += rule.drivers
      if case .driver(let driver) = rule.fallback { drivers.append(driver) }
    }
    return drivers
  }

  /// The pool in one line.
  var explanation: String {
    var text = "\(name): takes records where \(filter); \(method)"
    if let minimum {
      text += " Each active tenant bears at least \(Amount(micros: minimum))."
    }
    if let idle { text += " \(idle)" }
    if !excluded.isEmpty { text += " Not among them: \(Policy.list(excluded))." }
    return text
  }
}

extension IdleRule: CustomStringConvertible {
  /// The rule in words.
  public var description: String {
    let whole =
      switch capacity {
      case .amount(let amount): "of \(amount)"
      case .external(let name): "of the sum of series \(name)"
      }
    let bearer =
      switch treatment {
      case .keep: "the platform keeps it"
      case .usage: "it is spread like the used part"
      case .even: "active tenants bear it in equal parts"
      case .drivers(let rule): "it is \(rule)"
      case .threshold(let percent):
        "up to \(percent) % of the pool is spread like the used part, the platform keeps the rest"
      }
    return "What \(used) leaves \(whole) is idle, a line of its own: \(bearer)."
  }
}

extension ProportionalRule: CustomStringConvertible {
  /// The rule in words.
  public var description: String {
    "split by " + drivers.map(\.description).joined(separator: " + ")
      + "; when all are zero: \(fallback)"
  }
}

extension ConversionRule: CustomStringConvertible {
  /// The rule in words.
  public var description: String {
    let words = order.map { source in
      switch source {
      case .row: "the rate in the row"
      case .invoice: "the rate of its invoice"
      case .table:
        switch day {
        case .charge: "the table's rate of the charge's day"
        case .periodEnd: "the table's rate of the last day of the period"
        case .monthAverage: "the mean of the table's rates of the period"
        }
      }
    }
    return words.joined(separator: ", else ")
  }
}

extension PoolFilter: CustomStringConvertible {
  /// The filter in words.
  public var description: String {
    switch self {
    case .field(let field, let test): "\(field.name) \(test)"
    case .tag(let key, let test): "tag \(key) \(test)"
    case .all(let filters):
      filters.isEmpty
        ? "anything" : "(" + filters.map(\.description).joined(separator: " and ") + ")"
    case .any(let filters): "(" + filters.map(\.description).joined(separator: " or ") + ")"
    case .not(let filter): "not \(filter)"
    }
  }
}

extension TextTest: CustomStringConvertible {
  /// The test in words.
  public var description: String {
    switch self {
    case .equals(let text): "is \"\(text)\""
    case .oneOf(let texts):
      "is one of " + texts.map { "\"\($0)\"" }.joined(separator: ", ")
    case .prefix(let text): "begins with \"\(text)\""
    case .present(let isWanted): isWanted ? "is there" : "is not there"
    }
  }
}

extension PoolMethod: CustomStringConvertible {
  /// The method in words.
  public var description: String {
    switch self {
    case .keep: "the platform keeps the cost."
    case .direct(let rule):
      switch rule.source {
      case .tag(let key): "the tenant stands in tag \(key)\(Self.through(rule.map))."
      case .field(let field): "the tenant stands in \(field.name)\(Self.through(rule.map))."
      }
    case .proportional(let rule): "\(rule)."
    case .even(let rule): "equal parts for \(rule.over) tenants."
    case .fixed(let rule): "stated parts: \(rule)."
    case .tiered(let rule):
      "\(rule.over) tenants by plan: "
        + rule.plans.sorted { KeyOrder.precedes($0.key, $1.key) }
        .map { "\($0.key) \($0.value)" }.joined(separator: ", ")
        + ", any other \(rule.otherwise)."
    case .overhead(let rule):
      "spread by what \(Self.pools(rule.of)) gave each tenant; when that is nothing: "
        + "\(rule.fallback)."
    case .follow(let rule):
      "follows the rows of \(Self.pools(rule.of)) with the same "
        + rule.by.map(\.name).joined(separator: " and ") + "."
    }
  }

  private static func pools(_ names: [String]?) -> String {
    names.map { $0.joined(separator: ", ") } ?? "all earlier pools"
  }

  private static func through(_ map: [String: String]?) -> String {
    map.map { ", through a map of \($0.count) names" } ?? ""
  }
}

extension PolicyDriver: CustomStringConvertible {
  /// The driver in words.
  public var description: String {
    var text = "\(weight) \(name)"
    if let routes { text += " on routes " + routes.joined(separator: ", ") }
    if !routeWeights.isEmpty {
      let factors = routeWeights.sorted { KeyOrder.precedes($0.key, $1.key) }
      text += " with " + factors.map { "\($0.key) x \($0.value)" }.joined(separator: ", ")
    }
    return text
  }
}

extension ProportionalRule.Fallback: CustomStringConvertible {
  /// The fallback in words.
  public var description: String {
    switch self {
    case .unallocated: "unallocated"
    case .even: "evenly over active tenants"
    case .driver(let driver): "by \(driver)"
    }
  }
}

extension FixedRule: CustomStringConvertible {
  /// The rule in words.
  public var description: String {
    switch shares {
    case .percents(let percents):
      return percents.sorted { KeyOrder.precedes($0.key, $1.key) }
        .map { "\($0.key) \($0.value) %" }.joined(separator: ", ")
    case .amounts(let amounts):
      let parts = amounts.sorted { KeyOrder.precedes($0.key, $1.key) }
        .map { "\($0.key) \(Amount(micros: $0.value))" }
      let bearer = rest == .keep ? "the platform keeps the rest" : "the rest is unallocated"
      return parts.joined(separator: ", ") + "; \(bearer)"
    }
  }
}
