import Digest

extension Statement {
  /// Reads a statement back from its canonical JSON of this format or the first, so that it can be
  /// rendered again.
  ///
  /// Throws `malformedStatement` for another format or a missing member, `malformedJSON` otherwise.
  public init(canonicalJSON bytes: [UInt8]) throws(AccountingError) {
    let root = JSONObject(value: try JSONValue(parsing: bytes), path: "statement")
    let isFirst = root.value["format"]?.asString == Self.firstFormat
    let currency = try root.start(
      format: isFirst ? Self.firstFormat : Self.format, what: "statement")
    let policy = try root.object("policy")
    tenant = try root.string("tenant")
    name = try isFirst ? nil : root.optionalString("name")
    isRegistered = try root.bool("registered")
    let period = try Period(parsing: try root.string("period"))
    self.period = period
    version = UInt32(truncatingIfNeeded: try root.integer("version"))
    // The first format did not tell its time; the end of its period stands for it.
    issuedAt = try isFirst ? period.end : root.instant("issued_at")
    policyName = try policy.string("name")
    policyDigest = try policy.digest("sha256")
    total = try root.money("total", currency)
    printedTotal = try root.minorUnits("printed_total", currency)
    let usage = try root.usage("usage")
    let hints = HintCounts(usage)
    var lines: [StatementLine] = []
    for line in try root.objects("lines") {
      lines.append(
        try isFirst
          ? StatementLine(first: line, currency, hints: hints) : StatementLine(line, currency))
    }
    self.lines = lines
    self.usage = usage
    comparison = try Comparison(root, isFirst: isFirst, currency)
    coverage = try Coverage(try root.object("coverage"))
    reconciliation = try root.reconciliation()
  }
}

extension Comparison {
  /// What a statement says of the one before.
  fileprivate init?(
    _ root: JSONObject, isFirst: Bool, _ currency: Currency
  ) throws(AccountingError) {
    guard try !root.isNull("previous_total") else { return nil }
    guard !isFirst else {
      self.init(version: nil, total: try root.money("previous_total", currency), gone: [])
      return
    }
    var gone: [PreviousStatement.Line] = []
    for line in try root.objects("gone") {
      gone.append(
        .init(
          pool: try line.string("pool"),
          route: try line.optionalString("route"),
          micros: try line.money("previous", currency).micros))
    }
    self.init(
      version: UInt32(truncatingIfNeeded: try root.integer("previous_version")),
      total: try root.money("previous_total", Currency.named(try root.string("previous_currency"))),
      gone: gone)
  }
}

extension StatementLine {
  fileprivate init(_ line: JSONObject, _ currency: Currency) throws(AccountingError) {
    pool = try line.string("pool")
    method = try line.string("method")
    guard let layer = CostLayer(rawValue: try line.string("layer")) else {
      throw line.fault("layer")
    }
    self.layer = layer
    route = try line.optionalString("route")
    drivers = try line.drivers()
    share = try line.string("share")
    amount = try line.money("amount", currency)
    printed = try line.minorUnits("printed", currency)
    confidence = try Confidence(try line.object("confidence"), currency)
    previous = try line.isNull("previous") ? nil : line.money("previous", currency)
    entry = try line.digest("ledger_entry")
    notes = try line.strings("notes")
  }

  /// A line of the first format: layer and confidence follow from what it says.
  fileprivate init(
    first line: JSONObject, _ currency: Currency, hints: HintCounts
  ) throws(AccountingError) {
    pool = try line.string("pool")
    method = try line.string("method")
    layer = CostLayer(method: method)
    route = try line.optionalString("route")
    drivers = try line.drivers()
    share = try line.string("share")
    amount = try line.money("amount", currency)
    printed = try line.minorUnits("printed", currency)
    confidence = try Confidence(
      micros: amount.micros, method: method, drivers: drivers, route: route, usage: hints)
    previous = nil
    entry = try line.digest("ledger_entry")
    notes = try line.strings("notes")
  }
}

extension Confidence {
  fileprivate init(_ object: JSONObject, _ currency: Currency) throws(AccountingError) {
    measured = try object.money("measured", currency).micros
    hinted = try object.money("hinted", currency).micros
    modelled = try object.money("modelled", currency).micros
  }
}

extension LineDriver {
  fileprivate init(_ driver: JSONObject) throws(AccountingError) {
    name = try driver.string("quantity")
    unit = try driver.string("unit")
    value = try driver.string("value")
    total = try driver.string("total")
    weight = try driver.string("weight")
    unitCost = try driver.isNull("unit_cost") ? nil : driver.string("unit_cost")
  }
}

extension UsageLine {
  fileprivate init(_ figure: JSONObject) throws(AccountingError) {
    route = try figure.string("route")
    quantity = try figure.string("quantity")
    unit = try figure.string("unit")
    guard let value = UInt128(try figure.string("value")) else { throw figure.fault("value") }
    self.value = value
  }
}

extension Coverage {
  fileprivate init(_ object: JSONObject) throws(AccountingError) {
    var proxies: [ProxyCoverage] = []
    for proxy in try object.objects("proxies") {
      var holes: [CoverageHole] = []
      for hole in try proxy.objects("holes") {
        holes.append(
          CoverageHole(
            from: try hole.instant("from"), to: try hole.instant("to"),
            reason: try hole.string("reason")))
      }
      proxies.append(
        ProxyCoverage(
          instance: try proxy.string("instance"),
          batches: UInt64(truncatingIfNeeded: try proxy.integer("batches")),
          from: try proxy.isNull("from") ? nil : proxy.instant("from"),
          to: try proxy.isNull("to") ? nil : proxy.instant("to"), holes: holes,
          furtherHoles: try proxy.optionalInteger("further_holes") ?? 0))
    }
    self.init(proxies)
  }
}

extension PeriodSummary {
  /// Reads a summary back from its canonical JSON; throws as statements do.
  public init(canonicalJSON bytes: [UInt8]) throws(AccountingError) {
    let root = JSONObject(value: try JSONValue(parsing: bytes), path: "period")
    let currency = try root.start(format: Self.format, what: "period")
    let policy = try root.object("policy")
    var rows: [Row] = []
    for row in try root.objects("rows") {
      rows.append(
        Row(
          account: try Account(text: try row.string("account")),
          isRegistered: try row.bool("registered"), amount: try row.money("amount", currency),
          printed: try row.minorUnits("printed", currency)))
    }
    var reserved: [String: [UsageLine]] = [:]
    let usage = try root.object("reserved_usage")
    for tenant in usage.keys { reserved[tenant] = try usage.usage(tenant) }
    self.init(
      period: try Period(parsing: try root.string("period")),
      version: UInt32(truncatingIfNeeded: try root.integer("version")),
      policyName: try policy.string("name"), policyDigest: try policy.digest("sha256"), rows: rows,
      total: try root.money("total", currency),
      printedTotal: try root.minorUnits("printed_total", currency),
      exactTotal: try Amount(parsing: try root.string("exact_total")),
      rest: try Amount(parsing: try root.string("rest")), reservedUsage: reserved,
      coverage: try Coverage(try root.object("coverage")),
      reconciliation: try root.reconciliation())
  }
}

/// An object of a stored statement, with the path that a fault names.
private struct JSONObject {
  let value: JSONValue
  let path: String

  func fault(_ key: String) -> AccountingError {
    .malformedStatement(reason: "\(path).\(key) is missing or of another kind")
  }

  /// Checks the format and returns the currency, with which both documents begin.
  func start(format: String, what: String) throws(AccountingError) -> Currency {
    let found = try string("format")
    guard found == format else {
      throw .malformedStatement(
        reason: "this Weir reads \(format), the \(what) is \"\(found.prefix(40))\"")
    }
    return try Currency.named(try string("currency"))
  }

  func drivers() throws(AccountingError) -> [LineDriver] {
    var drivers: [LineDriver] = []
    for driver in try objects("drivers") { drivers.append(try LineDriver(driver)) }
    return drivers
  }

  func usage(_ key: String) throws(AccountingError) -> [UsageLine] {
    var usage: [UsageLine] = []
    for figure in try objects(key) { usage.append(try UsageLine(figure)) }
    return usage
  }

  func reconciliation() throws(AccountingError) -> ReconciliationState {
    let word = try string("reconciliation")
    guard let state = ReconciliationState(rawValue: word) else {
      throw .malformedStatement(reason: "reconciliation is \"\(word.prefix(40))\"")
    }
    return state
  }

  /// The keys of the object.
  var keys: [String] {
    guard case .object(let members) = value else { return [] }
    return members.map(\.key)
  }

  func string(_ key: String) throws(AccountingError) -> String {
    guard let text = value[key]?.asString else { throw fault(key) }
    return text
  }

  func optionalString(_ key: String) throws(AccountingError) -> String? {
    try isNull(key) ? nil : string(key)
  }

  func optionalInteger(_ key: String) throws(AccountingError) -> Int? {
    guard value[key] != nil else { return nil }
    return Int(truncatingIfNeeded: try integer(key))
  }

  func integer(_ key: String) throws(AccountingError) -> Int64 {
    guard let integer = value[key]?.asInteger else { throw fault(key) }
    return integer
  }

  func bool(_ key: String) throws(AccountingError) -> Bool {
    guard case .bool(let flag) = value[key] else { throw fault(key) }
    return flag
  }

  func isNull(_ key: String) throws(AccountingError) -> Bool {
    guard let member = value[key] else { throw fault(key) }
    return member == .null
  }

  func object(_ key: String) throws(AccountingError) -> JSONObject {
    guard let member = value[key], case .object = member else { throw fault(key) }
    return JSONObject(value: member, path: "\(path).\(key)")
  }

  func objects(_ key: String) throws(AccountingError) -> [JSONObject] {
    guard let elements = value[key]?.asArray else { throw fault(key) }
    return elements.enumerated().map { JSONObject(value: $1, path: "\(path).\(key)[\($0)]") }
  }

  func strings(_ key: String) throws(AccountingError) -> [String] {
    guard let elements = value[key]?.asArray else { throw fault(key) }
    let texts = elements.compactMap(\.asString)
    guard texts.count == elements.count else { throw fault(key) }
    return texts
  }

  func digest(_ key: String) throws(AccountingError) -> Digest256 {
    guard let digest = Digest256(hex: try string(key)) else { throw fault(key) }
    return digest
  }

  func instant(_ key: String) throws(AccountingError) -> UTCInstant {
    try UTCInstant(parsing: try string(key))
  }

  func money(_ key: String, _ currency: Currency) throws(AccountingError) -> Money {
    let amount = try Amount(parsing: try string(key))
    let micros = try amount.roundedToMicros()
    guard Amount(micros: micros) == amount else { throw fault(key) }
    return Money(micros: micros, currency: currency)
  }

  func minorUnits(_ key: String, _ currency: Currency) throws(AccountingError) -> Int64 {
    let micros = try money(key, currency).micros
    guard micros.isMultiple(of: currency.microsPerMinorUnit) else { throw fault(key) }
    return micros / currency.microsPerMinorUnit
  }
}
