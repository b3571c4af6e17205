/// Reads the method of a pool: one function a kind.
extension PoolDecoder {
  /// A method, and what each tenant bears at least.
  func method(
    _ node: PolicyNode, _ path: String, _ reader: inout PolicyReader
  ) -> (method: PoolMethod, minimum: Int64?)? {
    guard let entries = reader.entries(node, path) else { return nil }
    guard let kindNode = entries.first(where: { $0.key == "kind" })?.value,
      let kind = reader.text(kindNode, "\(path).kind")
    else {
      reader.fail("\(path).kind", node, "is missing")
      return nil
    }
    let minimum = entries.first { $0.key == "minimum" }
      .flatMap { micros($0.value, "\(path).minimum", &reader) }
    return method(kind, kindNode, node, path, &reader).map { ($0, minimum) }
  }

  private func method(
    _ kind: String, _ kindNode: PolicyNode, _ node: PolicyNode, _ path: String,
    _ reader: inout PolicyReader
  ) -> PoolMethod? {
    switch kind {
    case "keep":
      _ = reader.map(node, path, keys: ["kind"])
      return .keep
    case "direct": return direct(node, path, &reader)
    case "proportional": return proportional(node, path, &reader)
    case "even": return even(node, path, &reader)
    case "fixed": return fixed(node, path, &reader)
    case "tiered": return tiered(node, path, &reader)
    case "overhead": return overhead(node, path, &reader)
    case "follow": return follow(node, path, &reader)
    default:
      let known = PoolMethod.names.joined(separator: ", ")
      reader.fail("\(path).kind", kindNode, "unknown method \"\(kind)\" (known: \(known))")
      return nil
    }
  }

  func direct(
    _ node: PolicyNode, _ path: String, _ reader: inout PolicyReader
  ) -> PoolMethod? {
    guard let map = reader.map(node, path, keys: ["kind", "tag", "field", "map"]) else {
      return nil
    }
    var source: DirectRule.Source?
    if let tag = map["tag"] {
      source = reader.text(tag, "\(path).tag").map { .tag($0) }
    }
    if let field = map["field"], let name = reader.text(field, "\(path).field") {
      if let known = CostField(named: name) {
        source = .field(known)
      } else {
        reader.fail("\(path).field", field, "unknown field \"\(name)\"")
      }
    }
    if (map["tag"] == nil) == (map["field"] == nil) {
      reader.fail(path, node, "a direct method needs either tag or field")
    }
    let tenants = map["map"].map { tenantMap($0, "\(path).map", &reader) }
    return source.map { .direct(DirectRule(source: $0, map: tenants)) }
  }

  func tenantMap(
    _ node: PolicyNode, _ path: String, _ reader: inout PolicyReader
  ) -> [String: String] {
    var tenants: [String: String] = [:]
    for (key, value) in reader.entries(node, path) ?? [] {
      guard let tenant = reader.text(value, "\(path).\(key)") else { continue }
      if !TenantNaming.isValid(tenant) {
        reader.fail("\(path).\(key)", value, "\"\(tenant)\" is not a tenant id")
      }
      tenants[key] = tenant
    }
    return tenants
  }

  func proportional(
    _ node: PolicyNode, _ path: String, _ reader: inout PolicyReader
  ) -> PoolMethod? {
    let keys = ["kind", "drivers", "fallback", "minimum"]
    guard let map = reader.map(node, path, keys: keys),
      let list = reader.require("drivers", in: map, of: node, path),
      let drivers = drivers(list, "\(path).drivers", &reader)
    else { return nil }
    let fallback = map["fallback"].flatMap { self.fallback($0, "\(path).fallback", &reader) }
    return .proportional(
      ProportionalRule(drivers: drivers, fallback: fallback ?? .unallocated))
  }

  /// A list of drivers whose weights sum to exactly 1.
  func drivers(
    _ list: PolicyNode, _ path: String, _ reader: inout PolicyReader
  ) -> [PolicyDriver]? {
    guard let elements = reader.list(list, path) else { return nil }
    if elements.isEmpty { reader.fail(path, list, "must not be empty") }
    let drivers = elements.enumerated().compactMap { index, element in
      driver(element, "\(path)[\(index)]", isWeighted: true, &reader)
    }
    let sum = drivers.reduce(Int128(0)) { $0 &+ $1.weight.units }
    if !drivers.isEmpty, drivers.count == elements.count, sum != Amount.unitsPerOne {
      reader.fail(path, list, "the weights sum to \(Amount(units: sum)), they must sum to 1")
    }
    return drivers
  }

  func fallback(
    _ node: PolicyNode, _ path: String, _ reader: inout PolicyReader
  ) -> ProportionalRule.Fallback? {
    if case .scalar(let word) = node.content {
      if word == "unallocated" { return .unallocated }
      if word == "even" { return .even }
      reader.fail(path, node, "must be unallocated, even or a driver, not \"\(word)\"")
      return nil
    }
    return driver(node, path, isWeighted: false, &reader).map { .driver($0) }
  }

  func driver(
    _ node: PolicyNode, _ path: String, isWeighted: Bool, _ reader: inout PolicyReader
  ) -> PolicyDriver? {
    let one = Amount(units: Amount.unitsPerOne)
    if case .scalar(let name) = node.content {
      guard let source = quantity(name, node, path, &reader) else { return nil }
      return PolicyDriver(source: source, weight: one, routes: nil, routeWeights: [:])
    }
    let keys = ["quantity", "external", "routes", "route_weights"] + (isWeighted ? ["weight"] : [])
    guard let map = reader.map(node, path, keys: keys) else { return nil }
    let weight =
      map["weight"].flatMap { reader.decimal($0, "\(path).weight", isZeroAllowed: false) } ?? one
    let routes = map["routes"].flatMap { reader.texts($0, "\(path).routes") }
    var factors: [String: Amount] = [:]
    if let list = map["route_weights"] {
      for (route, value) in reader.entries(list, "\(path).route_weights") ?? [] {
        factors[route] = reader.decimal(
          value, "\(path).route_weights.\(route)", isZeroAllowed: true)
      }
    }
    guard let source = source(map, node, path, &reader) else { return nil }
    return PolicyDriver(source: source, weight: weight, routes: routes, routeWeights: factors)
  }

  func source(
    _ map: [String: PolicyNode], _ node: PolicyNode, _ path: String, _ reader: inout PolicyReader
  ) -> PolicyDriver.Source? {
    if (map["quantity"] == nil) == (map["external"] == nil) {
      reader.fail(path, node, "a driver needs either quantity or external")
      return nil
    }
    if let node = map["quantity"] {
      guard let name = reader.text(node, "\(path).quantity") else { return nil }
      return quantity(name, node, "\(path).quantity", &reader)
    }
    guard let node = map["external"], let name = reader.text(node, "\(path).external") else {
      return nil
    }
    for key in ["routes", "route_weights"] where map[key] != nil {
      reader.fail("\(path).\(key)", map[key], "an external series has no routes")
    }
    guard externals.contains(name) else {
      reader.fail("\(path).external", node, "\"\(name)\" is not declared under externals")
      return nil
    }
    return .external(name)
  }

  func quantity(
    _ name: String, _ node: PolicyNode, _ path: String, _ reader: inout PolicyReader
  ) -> PolicyDriver.Source? {
    guard MeteredQuantity(rawValue: name) != nil || units.contains(name) else {
      reader.fail(path, node, "unknown quantity \"\(name)\"")
      return nil
    }
    return .quantity(name)
  }
}
