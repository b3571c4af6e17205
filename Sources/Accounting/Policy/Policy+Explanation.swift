extension Policy {
  /// The external series that some pool needs, in byte order.
  public var externalsInUse: [String] {
    var names: Set<String> = []
    for pool in pools {
      guard case .proportional(let rule) = pool.method else { continue }
      var drivers = rule.drivers
      if case .driver(let driver) = rule.fallback { drivers.append(driver) }
      for driver in drivers {
        if case .external(let name) = driver.source { names.insert(name) }
      }
    }
    return names.sorted(by: KeyOrder.precedes)
  }

  /// What the policy does, one sentence a pool.
  public var explanation: [String] {
    var lines = ["Policy \(name) allocates \(currency); its SHA-256 is \(digest)."]
    for (index, pool) in pools.enumerated() {
      lines.append(
        "\(index + 1). \(pool.name): takes records where \(pool.filter); \(pool.method)")
    }
    lines.append("Records that no pool takes are shown as unallocated, reason unmatched.")
    for tenant in TenantNaming.reserved {
      let isExcluded = reserved[tenant] == .exclude
      lines.append(
        isExcluded
          ? "Usage of \(tenant) takes no part in proportional pools."
          : "The share of \(tenant) is unallocated cost, reason \(tenant.dropFirst()).")
    }
    return lines
  }
}

extension PoolFilter: CustomStringConvertible {
  /// The filter in words.
  public var description: String {
    switch self {
    case .field(let field, let test): "\(field.rawValue) \(test)"
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
      case .field(let field): "the tenant stands in \(field.rawValue)\(Self.through(rule.map))."
      }
    case .proportional(let rule):
      "split by " + rule.drivers.map(\.description).joined(separator: " + ")
        + "; when all are zero: \(rule.fallback)."
    }
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
