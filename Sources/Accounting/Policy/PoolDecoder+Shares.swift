/// Reads the methods that need no driver, and what pools refer to.
extension PoolDecoder {
  /// An amount of money above 0 in whole micro-units.
  func micros(_ node: PolicyNode, _ path: String, _ reader: inout PolicyReader) -> Int64? {
    guard let amount = reader.decimal(node, path, isZeroAllowed: false) else { return nil }
    guard let micros = try? amount.roundedToMicros(), Amount(micros: micros) == amount else {
      reader.fail(path, node, "must have at most 6 fraction digits and be below 9 * 10^12")
      return nil
    }
    return micros
  }

  /// One of the words of an enumeration; the standard when the key is absent.
  func word<Word: RawRepresentable & CaseIterable>(
    _ key: String, _ map: [String: PolicyNode], _ path: String, standard: Word,
    _ reader: inout PolicyReader
  ) -> Word where Word.RawValue == String {
    guard let node = map[key], let text = reader.text(node, "\(path).\(key)") else {
      return standard
    }
    guard let word = Word(rawValue: text) else {
      let known = Word.allCases.map(\.rawValue).joined(separator: " or ")
      reader.fail("\(path).\(key)", node, "must be \(known), not \"\(text)\"")
      return standard
    }
    return word
  }

  func even(
    _ node: PolicyNode, _ path: String, _ reader: inout PolicyReader
  ) -> PoolMethod? {
    guard let map = reader.map(node, path, keys: ["kind", "over"]) else { return nil }
    return .even(EvenRule(over: word("over", map, path, standard: .active, &reader)))
  }

  func fixed(
    _ node: PolicyNode, _ path: String, _ reader: inout PolicyReader
  ) -> PoolMethod? {
    guard let map = reader.map(node, path, keys: ["kind", "percents", "amounts", "rest"]) else {
      return nil
    }
    guard (map["percents"] == nil) != (map["amounts"] == nil) else {
      reader.fail(path, node, "a fixed method needs either percents or amounts")
      return nil
    }
    let rest: FixedRule.Rest = word("rest", map, path, standard: .unallocated, &reader)
    if let list = map["percents"] {
      if map["rest"] != nil {
        reader.fail("\(path).rest", map["rest"], "percents sum to 100 and leave no rest")
      }
      let percents = self.percents(list, "\(path).percents", &reader)
      return .fixed(FixedRule(shares: .percents(percents), rest: rest))
    }
    var amounts: [String: Int64] = [:]
    guard let list = map["amounts"] else { return nil }
    let entries = reader.entries(list, "\(path).amounts") ?? []
    if entries.isEmpty { reader.fail("\(path).amounts", list, "must not be empty") }
    for (tenant, value) in entries {
      let place = "\(path).amounts.\(tenant)"
      if !TenantNaming.isValid(tenant) {
        reader.fail(place, value, "\"\(tenant)\" is not a tenant id")
      }
      amounts[tenant] = micros(value, place, &reader)
    }
    return .fixed(FixedRule(shares: .amounts(amounts), rest: rest))
  }

  private func percents(
    _ node: PolicyNode, _ path: String, _ reader: inout PolicyReader
  ) -> [String: Amount] {
    var percents: [String: Amount] = [:]
    var sum: Int128 = 0
    for (tenant, value) in reader.entries(node, path) ?? [] {
      if tenant != FixedRule.platform, !TenantNaming.isValid(tenant) {
        reader.fail(
          "\(path).\(tenant)", value,
          "\"\(tenant)\" is neither a tenant id nor \(FixedRule.platform)")
      }
      let percent = reader.decimal(value, "\(path).\(tenant)", isZeroAllowed: false)
      percents[tenant] = percent
      sum &+= percent?.units ?? 0
    }
    if sum != 100 * Amount.unitsPerOne {
      reader.fail(path, node, "the percents sum to \(Amount(units: sum)), they must sum to 100")
    }
    return percents
  }

  func tiered(
    _ node: PolicyNode, _ path: String, _ reader: inout PolicyReader
  ) -> PoolMethod? {
    let keys = ["kind", "plans", "otherwise", "over", "minimum"]
    guard let map = reader.map(node, path, keys: keys),
      let list = reader.require("plans", in: map, of: node, path)
    else { return nil }
    var plans: [String: Amount] = [:]
    for (plan, value) in reader.entries(list, "\(path).plans") ?? [] {
      plans[plan] = reader.decimal(value, "\(path).plans.\(plan)", isZeroAllowed: true)
    }
    let otherwise = map["otherwise"].flatMap {
      reader.decimal($0, "\(path).otherwise", isZeroAllowed: true)
    }
    if plans.isEmpty { reader.fail("\(path).plans", list, "must not be empty") }
    return .tiered(
      TieredRule(
        plans: plans, otherwise: otherwise ?? .zero,
        over: word("over", map, path, standard: .active, &reader)))
  }

  func overhead(
    _ node: PolicyNode, _ path: String, _ reader: inout PolicyReader
  ) -> PoolMethod? {
    guard let map = reader.map(node, path, keys: ["kind", "of", "fallback", "minimum"]) else {
      return nil
    }
    let fallback = map["fallback"].flatMap { self.fallback($0, "\(path).fallback", &reader) }
    return .overhead(
      OverheadRule(
        of: map["of"].flatMap { reader.texts($0, "\(path).of") },
        fallback: fallback ?? .unallocated))
  }

  func follow(
    _ node: PolicyNode, _ path: String, _ reader: inout PolicyReader
  ) -> PoolMethod? {
    guard let map = reader.map(node, path, keys: ["kind", "by", "of"]),
      let list = reader.require("by", in: map, of: node, path)
    else { return nil }
    var fields: [CostField] = []
    for (index, name) in (reader.texts(list, "\(path).by") ?? []).enumerated() {
      if let field = CostField(named: name), !fields.contains(field) {
        fields.append(field)
      } else {
        reader.fail("\(path).by[\(index)]", list, "\"\(name)\" is not a field, or stands twice")
      }
    }
    return .follow(
      FollowRule(by: fields, of: map["of"].flatMap { reader.texts($0, "\(path).of") }))
  }

  // MARK: - Idle

  func idleRule(
    _ node: PolicyNode, _ path: String, _ reader: inout PolicyReader
  ) -> IdleRule? {
    guard let map = reader.map(node, path, keys: ["used", "capacity", "treatment"]) else {
      return nil
    }
    let used = reader.require("used", in: map, of: node, path)
      .flatMap { driver($0, "\(path).used", isWeighted: false, &reader) }
    let capacity = reader.require("capacity", in: map, of: node, path)
      .flatMap { self.capacity($0, "\(path).capacity", &reader) }
    let treatment = map["treatment"].map { self.treatment($0, "\(path).treatment", &reader) }
    guard let used, let capacity, let treatment = treatment ?? .keep else { return nil }
    return IdleRule(used: used, capacity: capacity, treatment: treatment)
  }

  private func capacity(
    _ node: PolicyNode, _ path: String, _ reader: inout PolicyReader
  ) -> IdleRule.Capacity? {
    guard case .map = node.content else {
      return reader.decimal(node, path, isZeroAllowed: false).map { .amount($0) }
    }
    guard let map = reader.map(node, path, keys: ["external"]),
      let inner = reader.require("external", in: map, of: node, path),
      let name = reader.text(inner, "\(path).external")
    else { return nil }
    guard externals.contains(name) else {
      reader.fail("\(path).external", inner, "\"\(name)\" is not declared under externals")
      return nil
    }
    return .external(name)
  }

  private func treatment(
    _ node: PolicyNode, _ path: String, _ reader: inout PolicyReader
  ) -> IdleRule.Treatment? {
    if case .scalar(let word) = node.content {
      switch word {
      case "keep": return .keep
      case "usage": return .usage
      case "even": return .even
      default:
        reader.fail(
          path, node, "must be keep, usage, even, drivers or threshold, not \"\(word)\"")
        return nil
      }
    }
    guard let map = reader.map(node, path, keys: ["drivers", "fallback", "threshold"]) else {
      return nil
    }
    guard let percent = map["threshold"] else {
      let fallback = map["fallback"].flatMap { self.fallback($0, "\(path).fallback", &reader) }
      guard let list = reader.require("drivers", in: map, of: node, path) else { return nil }
      return drivers(list, "\(path).drivers", &reader).map {
        .drivers(ProportionalRule(drivers: $0, fallback: fallback ?? .unallocated))
      }
    }
    if map.count > 1 { reader.fail(path, node, "a threshold stands alone") }
    guard let amount = reader.decimal(percent, "\(path).threshold", isZeroAllowed: false) else {
      return nil
    }
    if amount.units > 100 * Amount.unitsPerOne {
      reader.fail("\(path).threshold", percent, "must be at most 100")
    }
    return .threshold(amount)
  }
}

extension PoolMethod {
  /// Whether a part of a pool with this method can be idle: only what is split by shares.
  var mayBeIdle: Bool {
    switch self {
    case .proportional, .even, .tiered, .overhead: true
    case .direct, .fixed, .follow, .keep: false
    }
  }
}
