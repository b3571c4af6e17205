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
    let keys = ["name", "match", "method", "exclude", "idle"]
    guard let map = reader.map(node, path, keys: keys) else { return nil }
    let name = reader.require("name", in: map, of: node, path)
      .flatMap { reader.text($0, "\(path).name") }
    if let name, !Self.isName(name) {
      reader.fail("\(path).name", map["name"], Self.nameRule(name))
    }
    let filter = map["match"].map { match($0, "\(path).match", &reader) } ?? .all([])
    let method = reader.require("method", in: map, of: node, path)
      .flatMap { self.method($0, "\(path).method", &reader) }
    let excluded = map["exclude"].map { tenants($0, "\(path).exclude", &reader) } ?? []
    let idle = map["idle"].flatMap { idleRule($0, "\(path).idle", &reader) }
    if map["idle"] != nil, let method, !method.method.mayBeIdle {
      reader.fail(
        "\(path).idle", map["idle"], "a pool with the method \(method.method.name) has no idle part"
      )
    }
    guard let name, let method else { return nil }
    return PolicyPool(
      name: name, filter: filter, method: method.method, minimum: method.minimum,
      excluded: excluded, idle: idle)
  }

  /// A list of tenant ids.
  func tenants(
    _ node: PolicyNode, _ path: String, _ reader: inout PolicyReader
  ) -> Set<String> {
    let names = reader.texts(node, path) ?? []
    for (index, name) in names.enumerated() where !TenantNaming.isValid(name) {
      reader.fail("\(path)[\(index)]", node, "\"\(name)\" is not a tenant id")
    }
    return Set(names)
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
        guard let field = CostField(named: key) else {
          let known = CostField.allCases.map(\.name).joined(separator: ", ")
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
}
