/// Reads one pool of a policy document.
struct PoolDecoder {
  /// Declared units of the operator.
  let units: [String]
  /// Declared external series.
  let externals: [String]

  /// Names of pools, units and series: 1 to 64 of `[A-Za-z0-9._-]`, first a letter or digit.
  static func isName(_ name: String) -> Bool {
    guard let first = name.utf8.first, name.utf8.count <= 64 else { return false }
    return TenantNaming.isAlphanumeric(first)
      && name.utf8.allSatisfy { TenantNaming.isAlphanumeric($0) || "._-".utf8.contains($0) }
  }

  static func nameRule(_ name: String) -> String {
    "\"\(name)\" is not 1 to 64 of A-Z a-z 0-9 . _ - beginning with a letter or digit"
  }

  func pool(
    _ node: PolicyNode, _ path: String, _ reader: inout PolicyReader
  ) -> PolicyPool? {
    guard let map = reader.map(node, path, keys: ["name", "match", "method"]) else { return nil }
    let name = reader.require("name", in: map, of: node, path)
      .flatMap { reader.text($0, "\(path).name") }
    if let name, !Self.isName(name) {
      reader.fail("\(path).name", map["name"], Self.nameRule(name))
    }
    let filter = map["match"].map { match($0, "\(path).match", &reader) } ?? .all([])
    let method = reader.require("method", in: map, of: node, path)
      .flatMap { self.method($0, "\(path).method", &reader) }
    guard let name, let method else { return nil }
    return PolicyPool(name: name, filter: filter, method: method)
  }

  // MARK: - Filters

  private func match(
    _ node: PolicyNode, _ path: String, _ reader: inout PolicyReader
  ) -> PoolFilter {
    guard let entries = reader.entries(node, path) else { return .all([]) }
    var filters: [PoolFilter] = []
    for (key, value) in entries {
      let place = "\(path).\(key)"
      switch key {
      case "all": filters.append(.all(matches(value, place, &reader)))
      case "any": filters.append(.any(matches(value, place, &reader)))
      case "not": filters.append(.not(match(value, place, &reader)))
      case "tags":
        for (tag, test) in reader.entries(value, place) ?? [] {
          guard let test = textTest(test, "\(place).\(tag)", &reader) else { continue }
          filters.append(.tag(tag, test))
        }
      default:
        guard let field = CostField(rawValue: key) else {
          let known = CostField.allCases.map(\.rawValue).joined(separator: ", ")
          reader.fail(place, value, "unknown field (known: tags, all, any, not, \(known))")
          continue
        }
        if let test = textTest(value, place, &reader) { filters.append(.field(field, test)) }
      }
    }
    return filters.count == 1 ? filters[0] : .all(filters)
  }

  private func matches(
    _ node: PolicyNode, _ path: String, _ reader: inout PolicyReader
  ) -> [PoolFilter] {
    guard let elements = reader.list(node, path) else { return [] }
    if elements.isEmpty { reader.fail(path, node, "must not be empty") }
    return elements.enumerated().map { match($1, "\(path)[\($0)]", &reader) }
  }

  private func textTest(
    _ node: PolicyNode, _ path: String, _ reader: inout PolicyReader
  ) -> TextTest? {
    switch node.content {
    case .scalar(let text): return .equals(text)
    case .list: return reader.texts(node, path).map { .oneOf($0) }
    case .null:
      reader.fail(path, node, "must be a text, a list of texts or a test, not nothing")
      return nil
    case .map: break
    }
    guard let map = reader.map(node, path, keys: ["equals", "in", "prefix", "present"]) else {
      return nil
    }
    guard map.count == 1, let (key, value) = map.first else {
      reader.fail(path, node, "must have exactly one of equals, in, prefix, present")
      return nil
    }
    let place = "\(path).\(key)"
    if key == "in" { return reader.texts(value, place).map { .oneOf($0) } }
    guard let text = reader.text(value, place) else { return nil }
    if key == "equals" { return .equals(text) }
    if key == "prefix" { return .prefix(text) }
    guard text == "true" || text == "false" else {
      reader.fail(place, value, "must be true or false, not \"\(text)\"")
      return nil
    }
    return .present(text == "true")
  }

  // MARK: - Methods

  private func method(
    _ node: PolicyNode, _ path: String, _ reader: inout PolicyReader
  ) -> PoolMethod? {
    guard let entries = reader.entries(node, path) else { return nil }
    guard let kindNode = entries.first(where: { $0.key == "kind" })?.value,
      let kind = reader.text(kindNode, "\(path).kind")
    else {
      reader.fail("\(path).kind", node, "is missing")
      return nil
    }
    switch kind {
    case "keep":
      _ = reader.map(node, path, keys: ["kind"])
      return .keep
    case "direct": return direct(node, path, &reader)
    case "proportional": return proportional(node, path, &reader)
    default:
      reader.fail(
        "\(path).kind", kindNode, "unknown method \"\(kind)\" (known: direct, proportional, keep)")
      return nil
    }
  }

  private func direct(
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
      if let known = CostField(rawValue: name) {
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

  private func tenantMap(
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

  private func proportional(
    _ node: PolicyNode, _ path: String, _ reader: inout PolicyReader
  ) -> PoolMethod? {
    guard let map = reader.map(node, path, keys: ["kind", "drivers", "fallback"]),
      let list = reader.require("drivers", in: map, of: node, path),
      let elements = reader.list(list, "\(path).drivers")
    else { return nil }
    if elements.isEmpty { reader.fail("\(path).drivers", list, "must not be empty") }
    let drivers = elements.enumerated().compactMap { index, element in
      driver(element, "\(path).drivers[\(index)]", isWeighted: true, &reader)
    }
    let sum = drivers.reduce(Int128(0)) { $0 &+ $1.weight.units }
    if !drivers.isEmpty, drivers.count == elements.count, sum != Amount.unitsPerOne {
      reader.fail(
        "\(path).drivers", list, "the weights sum to \(Amount(units: sum)), they must sum to 1")
    }
    let fallback = map["fallback"].flatMap { self.fallback($0, "\(path).fallback", &reader) }
    return .proportional(
      ProportionalRule(drivers: drivers, fallback: fallback ?? .unallocated))
  }

  private func fallback(
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

  private func driver(
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

  private func source(
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

  private func quantity(
    _ name: String, _ node: PolicyNode, _ path: String, _ reader: inout PolicyReader
  ) -> PolicyDriver.Source? {
    guard MeteredQuantity(rawValue: name) != nil || units.contains(name) else {
      reader.fail(path, node, "unknown quantity \"\(name)\"")
      return nil
    }
    return .quantity(name)
  }
}
