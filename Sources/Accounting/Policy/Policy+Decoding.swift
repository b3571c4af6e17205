import Digest

extension Policy {
  /// Reads a policy from a parsed document.
  ///
  /// `source` is the document itself; its SHA-256 becomes the policy's digest. Throws all faults at
  /// once; unknown keys are faults.
  public static func decode(
    _ root: PolicyNode, source: [UInt8]
  ) throws(PolicyFaults) -> Policy {
    var reader = PolicyReader()
    let policy = read(root, digest: SHA256.hash(source), &reader)
    guard let policy, reader.faults.isEmpty else {
      throw PolicyFaults(faults: reader.faults)
    }
    return policy
  }

  private static let keys = [
    "version", "name", "currency", "units", "externals", "reserved_tenants", "exclude",
    "conversion", "order", "pools",
  ]

  private static func read(
    _ root: PolicyNode, digest: Digest256, _ reader: inout PolicyReader
  ) -> Policy? {
    guard let map = reader.map(root, "", keys: keys) else { return nil }
    checkVersion(map, root, &reader)
    let name =
      reader.require("name", in: map, of: root, "")
      .flatMap { reader.text($0, "name") } ?? ""
    let currency = readCurrency(map, root, &reader)
    let units = readNames("units", map, &reader)
    let externals = readNames("externals", map, &reader)
    for unit in units where MeteredQuantity(rawValue: unit) != nil {
      reader.fail("units", map["units"], "\"\(unit)\" is already a metered quantity")
    }
    let reserved = readReserved(map["reserved_tenants"], &reader)
    let names = PoolDecoder(units: units, externals: externals)
    let excluded = map["exclude"].map { names.tenants($0, "exclude", &reader) } ?? []
    let conversion =
      map["conversion"].map { readConversion($0, &reader) } ?? ConversionRule.standard
    let (pools, nodes) = readPools(map, root, names, &reader)
    checkExclusions(pools, nodes, excluded, &reader)
    let order = PoolOrder(pools: pools, nodes: nodes).settle(map["order"], &reader)
    guard let currency else { return nil }
    return Policy(
      name: name, currency: currency, units: units, externals: externals, reserved: reserved,
      excluded: excluded, conversion: conversion, pools: pools, order: order, digest: digest)
  }

  /// A tenant cannot be left out of a pool that states its part.
  private static func checkExclusions(
    _ pools: [PolicyPool], _ nodes: [PolicyNode], _ excluded: Set<String>,
    _ reader: inout PolicyReader
  ) {
    for (index, pool) in pools.enumerated() {
      guard case .fixed(let rule) = pool.method else { continue }
      let stated =
        switch rule.shares {
        case .percents(let percents): Set(percents.keys)
        case .amounts(let amounts): Set(amounts.keys)
        }
      let both = stated.intersection(excluded.union(pool.excluded))
      for tenant in both.sorted(by: KeyOrder.precedes) {
        reader.fail(
          "pools[\(index)].method", nodes[index], "\(tenant) has a part here and is excluded")
      }
    }
  }

  private static func readConversion(
    _ node: PolicyNode, _ reader: inout PolicyReader
  ) -> ConversionRule {
    let path = "conversion"
    let standard = ConversionRule.standard
    guard let map = reader.map(node, path, keys: ["order", "day", "age_days_max"]) else {
      return standard
    }
    var order = standard.order
    if let list = map["order"], let words = reader.texts(list, "\(path).order") {
      order = []
      for (index, word) in words.enumerated() {
        if let source = ConversionRule.Source(rawValue: word), !order.contains(source) {
          order.append(source)
        } else {
          reader.fail(
            "\(path).order[\(index)]", list, "must be row, invoice or table, each at most once")
        }
      }
    }
    let decoder = PoolDecoder(units: [], externals: [])
    let day = decoder.word("day", map, path, standard: standard.day, &reader)
    var age = standard.ageDaysMax
    if let node = map["age_days_max"], let text = reader.text(node, "\(path).age_days_max") {
      if let number = Int(text), (0...366).contains(number) {
        age = number
      } else {
        reader.fail("\(path).age_days_max", node, "must be a number from 0 to 366")
      }
    }
    return ConversionRule(order: order, day: day, ageDaysMax: age)
  }

  private static func checkVersion(
    _ map: [String: PolicyNode], _ root: PolicyNode, _ reader: inout PolicyReader
  ) {
    guard let node = reader.require("version", in: map, of: root, ""),
      let text = reader.text(node, "version")
    else { return }
    if text != String(formatVersion) {
      reader.fail(
        "version", node,
        "this Weir reads policy version \(formatVersion), the document has \"\(text)\"")
    }
  }

  private static func readCurrency(
    _ map: [String: PolicyNode], _ root: PolicyNode, _ reader: inout PolicyReader
  ) -> Currency? {
    guard let node = reader.require("currency", in: map, of: root, ""),
      let code = reader.text(node, "currency")
    else { return nil }
    guard let currency = Currency(code: code) else {
      reader.fail("currency", node, "\"\(code)\" is not an ISO 4217 currency")
      return nil
    }
    return currency
  }

  private static func readNames(
    _ key: String, _ map: [String: PolicyNode], _ reader: inout PolicyReader
  ) -> [String] {
    guard let node = map[key], let names = reader.texts(node, key) else { return [] }
    for (index, name) in names.enumerated() {
      if !PoolDecoder.isName(name) {
        reader.fail("\(key)[\(index)]", node, PoolDecoder.nameRule(name))
      }
      if names[..<index].contains(name) {
        reader.fail("\(key)[\(index)]", node, "\"\(name)\" stands twice")
      }
    }
    return names
  }

  private static func readReserved(
    _ node: PolicyNode?, _ reader: inout PolicyReader
  ) -> [String: ReservedTreatment] {
    var treatments = Dictionary(
      uniqueKeysWithValues: TenantNaming.reserved.map { ($0, ReservedTreatment.unallocated) })
    let path = "reserved_tenants"
    let keys = TenantNaming.reserved.map { String($0.dropFirst()) }
    guard let node, let map = reader.map(node, path, keys: keys) else { return treatments }
    for (key, value) in map.sorted(by: { KeyOrder.precedes($0.key, $1.key) }) {
      guard let word = reader.text(value, "\(path).\(key)") else { continue }
      guard let treatment = ReservedTreatment(rawValue: word) else {
        reader.fail("\(path).\(key)", value, "must be unallocated or exclude, not \"\(word)\"")
        continue
      }
      treatments["~" + key] = treatment
    }
    return treatments
  }

  private static func readPools(
    _ map: [String: PolicyNode], _ root: PolicyNode, _ decoder: PoolDecoder,
    _ reader: inout PolicyReader
  ) -> ([PolicyPool], [PolicyNode]) {
    guard let node = reader.require("pools", in: map, of: root, ""),
      let elements = reader.list(node, "pools")
    else { return ([], []) }
    if elements.isEmpty { reader.fail("pools", node, "must not be empty") }
    var pools: [PolicyPool] = []
    var nodes: [PolicyNode] = []
    for (index, element) in elements.enumerated() {
      let path = "pools[\(index)]"
      guard let pool = decoder.pool(element, path, &reader) else { continue }
      if pools.contains(where: { $0.name == pool.name }) {
        reader.fail("\(path).name", element, "\"\(pool.name)\" is already the name of a pool")
      }
      pools.append(pool)
      nodes.append(element)
    }
    return (pools, nodes)
  }
}
