extension ColumnMap {
  /// The only version of the document so far.
  public static let formatVersion = "1"

  /// Reads a map that an operator wrote; throws all faults at once, each with its path and line.
  public static func decode(_ root: PolicyNode) throws(DocumentFaults) -> ColumnMap {
    var reader = ColumnMapReader()
    let map = reader.map(root)
    let faults = reader.faults
    guard faults.isEmpty, let map else {
      throw DocumentFaults(faults.isEmpty ? ["the document is empty"] : faults)
    }
    return map
  }
}

/// Walks the document of a map.
private struct ColumnMapReader {
  private var reader = PolicyReader()

  var faults: [String] { reader.faults.map(\.description) }

  private static let keys = [
    "version", "name", "shape", "delimiter", "ignore_case", "decimal", "slash_dates", "required",
    "fields", "constants", "costs", "currency", "billing_period", "charge_period", "quantity",
    "tags", "tag_prefix", "kinds", "credits",
  ]

  mutating func map(_ root: PolicyNode) -> ColumnMap? {
    guard let map = reader.map(root, "", keys: Self.keys) else { return nil }
    let version = reader.require("version", in: map, of: root, "")
    if let version, reader.text(version, "version").map({ $0 != ColumnMap.formatVersion }) == true {
      reader.fail("version", version, "must be \(ColumnMap.formatVersion)")
    }
    let mapName = reader.require("name", in: map, of: root, "").flatMap { name($0) }
    let sums = costs(map["costs"], root)
    let billing = reader.require("billing_period", in: map, of: root, "")
      .flatMap { range($0, "billing_period") }
    let charge = map["charge_period"].flatMap { range($0, "charge_period") }
    var result = ColumnMap(
      name: mapName ?? "", billed: sums?.billed ?? .zero, effective: sums?.effective ?? .zero,
      billingPeriod: billing ?? .month([]), chargePeriod: charge ?? billing ?? .month([]))
    result.list = sums?.list ?? .zero
    form(map, &result)
    texts(map, root, &result)
    currency(map, root, &result)
    if let node = map["quantity"] { result.quantity = columns(node, "quantity") }
    if let node = map["tags"] { result.tags = tags(node) }
    result.tagPrefix = map["tag_prefix"].flatMap { reader.text($0, "tag_prefix") }
    result.kinds = map["kinds"].flatMap { kinds($0) }
    result.credits = map["credits"].flatMap { credits($0) }
    for term in result.billed.terms { result.required.append(term.columns) }
    if let node = map["required"] {
      for (index, one) in (reader.list(node, "required") ?? []).enumerated() {
        result.required.append(columns(one, "required[\(index)]"))
      }
    }
    return result
  }

  private mutating func name(_ node: PolicyNode) -> String? {
    guard let name = reader.text(node, "name") else { return nil }
    if name.utf8.count > 64 || !TenantNaming.isValid(name) {
      reader.fail("name", node, "must be 1 to 64 letters, digits and .:@_-")
    }
    return name
  }

  /// How the file is written.
  private mutating func form(_ map: [String: PolicyNode], _ result: inout ColumnMap) {
    if let node = map["shape"] {
      result.shape = choice(node, "shape", ["csv": .csv, "json-lines": .jsonLines]) ?? .csv
    }
    if let node = map["delimiter"] {
      let bytes: [String: UInt8] = [
        "comma": UInt8(ascii: ","), "semicolon": UInt8(ascii: ";"), "tab": UInt8(ascii: "\t"),
        "pipe": UInt8(ascii: "|"),
      ]
      result.delimiter = choice(node, "delimiter", bytes) ?? result.delimiter
    }
    if let node = map["ignore_case"] {
      result.ignoresCase = choice(node, "ignore_case", ["true": true, "false": false]) ?? false
    }
    if let node = map["decimal"] {
      result.hasDecimalComma = choice(node, "decimal", ["point": false, "comma": true]) ?? false
    }
    if let node = map["slash_dates"] {
      result.slashDates =
        choice(node, "slash_dates", ["month-first": .monthFirst, "day-first": .dayFirst])
        ?? .monthFirst
    }
  }

  private mutating func texts(
    _ map: [String: PolicyNode], _ root: PolicyNode, _ result: inout ColumnMap
  ) {
    if let node = reader.require("fields", in: map, of: root, "") {
      for (key, value) in reader.entries(node, "fields") ?? [] {
        guard let field = field(key, value, "fields.\(key)") else { continue }
        result.texts[field] = columns(value, "fields.\(key)")
      }
    }
    if let node = map["constants"] {
      for (key, value) in reader.entries(node, "constants") ?? [] {
        guard let field = field(key, value, "constants.\(key)") else { continue }
        result.constants[field] = reader.text(value, "constants.\(key)")
      }
    }
    if result.texts[.service] == nil, result.constants[.service] == nil {
      reader.fail("fields.service", root, "is missing, and constants.service too")
    }
    let standards: [(CostField, String)] = [
      (.serviceCategory, "Other"), (.billingAccount, result.name), (.invoiceIssuer, result.name),
      (.provider, result.name),
    ]
    for (field, text) in standards where result.constants[field] == nil {
      result.constants[field] = text
    }
  }

  private mutating func field(
    _ name: String, _ node: PolicyNode, _ path: String
  ) -> CostField? {
    let fixed: Set<CostField> = [.chargeCategory, .chargeClass, .normalizedService]
    guard let field = CostField(named: name), !fixed.contains(field) else {
      reader.fail(path, node, "is not a field that a map fills")
      return nil
    }
    return field
  }

  private mutating func currency(
    _ map: [String: PolicyNode], _ root: PolicyNode, _ result: inout ColumnMap
  ) {
    guard let node = reader.require("currency", in: map, of: root, ""),
      let parts = reader.map(node, "currency", keys: ["column", "constant"])
    else { return }
    if parts.isEmpty { reader.fail("currency", node, "needs a column, a constant or both") }
    if let column = parts["column"] { result.currency = columns(column, "currency.column") }
    if let constant = parts["constant"], let code = reader.text(constant, "currency.constant") {
      result.fixedCurrency = Currency(code: code)
      if result.fixedCurrency == nil {
        reader.fail("currency.constant", constant, "\"\(code)\" is not an ISO 4217 currency")
      }
    }
  }

  private mutating func costs(
    _ node: PolicyNode?, _ root: PolicyNode
  ) -> (billed: ColumnMap.Money, effective: ColumnMap.Money, list: ColumnMap.Money)? {
    guard let node else {
      reader.fail("costs", root, "is missing")
      return nil
    }
    guard let parts = reader.map(node, "costs", keys: ["billed", "effective", "list"]),
      let billedNode = reader.require("billed", in: parts, of: node, "costs")
    else { return nil }
    let billed = money(billedNode, "costs.billed")
    let effective = parts["effective"].map { money($0, "costs.effective") }
    let list = parts["list"].map { money($0, "costs.list") }
    return (billed, effective ?? billed, list ?? .zero)
  }

  /// One column, or a list of columns that are added up; `zero` for nothing.
  private mutating func money(_ node: PolicyNode, _ path: String) -> ColumnMap.Money {
    guard case .list(let parts) = node.content else {
      guard let text = reader.text(node, path) else { return .zero }
      return text == "zero" ? .zero : ColumnMap.Money([text])
    }
    if parts.isEmpty { reader.fail(path, node, "must not be empty") }
    var money = ColumnMap.Money.zero
    for (index, part) in parts.enumerated() {
      money.terms.append(.init(columns: columns(part, "\(path)[\(index)]")))
    }
    return money
  }

  /// One column, or a list of which the first with a value counts.
  private mutating func columns(_ node: PolicyNode, _ path: String) -> [String] {
    if case .list = node.content { return reader.texts(node, path) ?? [] }
    return reader.text(node, path).map { [$0] } ?? []
  }

  private mutating func range(_ node: PolicyNode, _ path: String) -> ColumnMap.TimeRange? {
    guard let parts = reader.map(node, path, keys: ["start", "end", "month", "day"]) else {
      return nil
    }
    switch Set(parts.keys) {
    case ["month"]: return parts["month"].map { .month(columns($0, "\(path).month")) }
    case ["day"]: return parts["day"].map { .day(columns($0, "\(path).day")) }
    case ["start", "end"]:
      guard let start = parts["start"], let end = parts["end"] else { return nil }
      return .columns(
        start: columns(start, "\(path).start"), end: columns(end, "\(path).end"))
    default:
      reader.fail(path, node, "needs month, or day, or start and end")
      return nil
    }
  }

  private mutating func tags(_ node: PolicyNode) -> [ColumnMap.Tags] {
    var tags: [ColumnMap.Tags] = []
    for (index, one) in (reader.list(node, "tags") ?? []).enumerated() {
      let path = "tags[\(index)]"
      guard let parts = reader.map(one, path, keys: ["column", "format"]),
        let column = reader.require("column", in: parts, of: one, path)
      else { continue }
      let formats = Dictionary(
        uniqueKeysWithValues: ColumnMap.TagFormat.allCases.map { ($0.rawValue, $0) })
      let format = parts["format"].map { choice($0, "\(path).format", formats) ?? .json } ?? .json
      tags.append(.init(columns: columns(column, "\(path).column"), format: format))
    }
    return tags
  }

  private mutating func kinds(_ node: PolicyNode) -> ColumnMap.Kinds? {
    guard let parts = reader.map(node, "kinds", keys: ["column", "values", "otherwise"]),
      let column = reader.require("column", in: parts, of: node, "kinds"),
      let values = reader.require("values", in: parts, of: node, "kinds")
    else { return nil }
    var known: [String: ColumnMap.Treatment] = [:]
    for (key, value) in reader.entries(values, "kinds.values") ?? [] {
      known[key] = treatment(value, "kinds.values.\(key)")
    }
    return ColumnMap.Kinds(
      columns: columns(column, "kinds.column"), values: known,
      otherwise: parts["otherwise"].flatMap { treatment($0, "kinds.otherwise") })
  }

  private mutating func treatment(
    _ node: PolicyNode, _ path: String
  ) -> ColumnMap.Treatment? {
    let keys = ["category", "class", "sign", "skip", "billed", "effective"]
    guard let parts = reader.map(node, path, keys: keys) else { return nil }
    var treatment = ColumnMap.Treatment(category: "Usage")
    let categories = ["Usage", "Purchase", "Tax", "Credit", "Adjustment"]
    if let category = parts["category"] {
      let names = Dictionary(uniqueKeysWithValues: categories.map { ($0, $0) })
      treatment.category = choice(category, "\(path).category", names) ?? "Usage"
    }
    if let node = parts["class"] {
      treatment.chargeClass = choice(node, "\(path).class", ["Correction": "Correction"])
    }
    if let node = parts["sign"] {
      treatment.isNegated =
        choice(node, "\(path).sign", ["as-written": false, "negated": true]) ?? false
    }
    if let node = parts["skip"] {
      treatment.isSkipped = choice(node, "\(path).skip", ["true": true, "false": false]) ?? false
    }
    treatment.billed = parts["billed"].map { money($0, "\(path).billed") }
    treatment.effective = parts["effective"].map { money($0, "\(path).effective") }
    return treatment
  }

  private mutating func credits(_ node: PolicyNode) -> ColumnMap.Credits? {
    guard let parts = reader.map(node, "credits", keys: ["column", "amount", "names"]),
      let column = reader.require("column", in: parts, of: node, "credits"),
      let amount = reader.require("amount", in: parts, of: node, "credits"),
      let list = reader.text(column, "credits.column"),
      let member = reader.text(amount, "credits.amount")
    else { return nil }
    let names = parts["names"].flatMap { reader.texts($0, "credits.names") } ?? ["name"]
    return ColumnMap.Credits(column: list, amount: member, names: names)
  }

  private mutating func choice<Value>(
    _ node: PolicyNode, _ path: String, _ values: [String: Value]
  ) -> Value? {
    guard let text = reader.text(node, path) else { return nil }
    if let value = values[text] { return value }
    let names = values.keys.sorted().joined(separator: ", ")
    reader.fail(path, node, "must be one of \(names), not \"\(text)\"")
    return nil
  }
}
