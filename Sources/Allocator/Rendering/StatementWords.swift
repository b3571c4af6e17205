internal import Accounting

/// What pages and PDF say of a statement in the same words.
struct StatementWords {
  /// The model.
  let statement: Statement

  /// What the tenant is called: its name, else its id.
  var heading: String { statement.name ?? statement.tenant }

  /// Period, times and version in one line.
  var when: String {
    let period = statement.period
    return "Period \(period) · \(day(period.start)) to \(day(period.end)), exclusive, UTC · "
      + "version \(statement.version) · issued \(statement.issuedAt)"
  }

  /// One of the figures at the top.
  struct Headline {
    /// What it is.
    let title: String
    /// The figure, or a word.
    let value: String
    /// A quiet line below it.
    let note: String
  }

  /// The figures at the top: both views of cost side by side, then what they rest on.
  var headlines: [Headline] {
    let attributable = statement.sum(of: .attributable)
    var list = [
      Headline(
        title: "Fully loaded cost", value: money(statement.printedTotalText),
        note: "posted \(Figure.grouped(statement.total.text))"),
      Headline(
        title: "Attributable cost", value: money(statement.printedText(attributable.printed)),
        note: "posted \(Figure.grouped(attributable.amount.text)); "
          + "the rest is overhead, idle and other shared cost"),
      Headline(title: "Change", value: change.value, note: change.note),
    ]
    let isWhole = statement.coverage.isComplete
    list.append(
      Headline(
        title: "Coverage", value: isWhole ? "complete" : "incomplete",
        note: isWhole ? "no hole is known" : "holes are named below"))
    list.append(
      Headline(
        title: "Confidence", value: confidence(statement.confidence)?.first ?? "no cost",
        note: confidence(statement.confidence)?.dropFirst().joined(separator: ", ").nonEmpty
          ?? "how the amounts are known"))
    let isTied = statement.reconciliation == .tiedOut
    list.append(
      Headline(
        title: "Reconciliation", value: isTied ? "tied out" : "open",
        note: isTied ? "the period agrees with its bill" : "the period differs from its bill"))
    return list
  }

  /// What stands below the holes that are listed.
  static func furtherHoles(_ count: Int) -> String {
    "\(count) more: the period's summary names all"
  }

  private var change: (value: String, note: String) {
    guard let previous = statement.previousTotal else {
      return ("first statement", "nothing to compare with")
    }
    let note = "last period \(Figure.grouped(previous.text)) \(previous.currency.code)"
    guard let change = statement.change else { return ("not comparable", note) }
    return (Figure.signed(Figure.grouped(change.text)) + " " + statement.currency.code, note)
  }

  /// The name of a layer's sum.
  static func name(of layer: CostLayer) -> String {
    switch layer {
    case .attributable: "Attributable cost"
    case .shared: "Overhead, idle and other shared cost"
    }
  }

  /// The lines of a layer, in their order.
  func lines(of layer: CostLayer) -> [StatementLine] {
    statement.lines.filter { $0.layer == layer }
  }

  /// Digits of the minor unit with their currency.
  func money(_ text: String) -> String {
    Figure.grouped(text) + " " + statement.currency.code
  }

  /// An amount of the period before in the digits of a posting, or a word for none.
  func previous(_ line: StatementLine) -> String? {
    guard statement.previousTotal?.currency == statement.currency,
      statement.comparison?.version != nil
    else { return nil }
    return line.previous.map { Figure.grouped($0.text) } ?? "new"
  }

  /// What a driver counted for the line and for everybody, and what one unit costs.
  func basis(_ driver: LineDriver) -> [String] {
    let unit = driver.unit == "1" ? "" : " \(driver.unit)"
    let counted = "\(Figure.grouped(driver.value)) of \(Figure.grouped(driver.total))\(unit)"
    guard let cost = driver.unitCost else { return [counted] }
    return [counted, "at \(Figure.trimmed(cost)) \(statement.currency.code) each"]
  }

  /// How a line's amount comes about, in short: its method, and how it is known.
  func method(_ line: StatementLine) -> String {
    ([line.method] + (confidence(line.confidence) ?? [])).joined(separator: ", ")
  }

  /// How an amount is known, such as `measured` or `80.0 % hinted` and `20.0 % modelled`; nil for nothing.
  func confidence(_ confidence: Confidence) -> [String]? {
    let parts = [
      ("measured", confidence.measured.magnitude), ("hinted", confidence.hinted.magnitude),
      ("modelled", confidence.modelled.magnitude),
    ].filter { $0.1 > 0 }
    let whole = parts.reduce(UInt128(0)) { $0 + UInt128($1.1) }
    guard whole > 0 else { return nil }
    guard parts.count > 1 else { return [parts[0].0] }
    return parts.map { name, part in
      let thousandths = UInt128(part) * 1_000 / whole
      return "\(thousandths / 10).\(thousandths % 10) % \(name)"
    }
  }

  /// What printed figures are, for the end of the document.
  static let rounding =
    "Printed amounts are rounded to the currency's minor unit so that lines add up to the total and all "
    + "statements add up to the period; the small figures are what was posted. Attributable cost is "
    + "what names the tenant or was split by its use; fully loaded cost adds its parts of overhead, idle "
    + "capacity and other shared cost. Measured: counted by a meter, or billed by name; hinted: told by "
    + "upstreams; modelled: neither."

  /// The lines of the period before that are gone, with their amounts.
  var gone: [(pool: String, route: String?, amount: String)] {
    (statement.comparison?.gone ?? []).map { line in
      let before = Money(micros: line.micros, currency: statement.currency).text
      return (line.pool, line.route, Figure.grouped(before))
    }
  }

  private func day(_ instant: UTCInstant) -> String { String(instant.description.prefix(10)) }
}

extension String {
  /// The text, or nil when it is empty.
  fileprivate var nonEmpty: String? { isEmpty ? nil : self }
}
