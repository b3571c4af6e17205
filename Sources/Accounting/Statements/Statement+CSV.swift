import Digest

/// The CSV of statements: RFC 4180, CRLF, one row a line, no total row, so that files can be put together.
extension Statement {
  /// The columns.
  public static let csvColumns = [
    "tenant", "registered", "period", "version", "pool", "method", "route", "quantities",
    "unit_costs", "share", "amount", "printed", "currency", "ledger_entry", "policy_sha256",
    "reconciliation", "notes", "name", "layer", "measured", "hinted", "modelled", "previous",
  ]

  /// The header row and one row for each line.
  public func csv() -> [UInt8] {
    var writer = CSVWriter()
    writer.row(Self.csvColumns.map { .text($0) })
    for line in lines { writer.row(cells(of: line)) }
    return writer.bytes
  }

  private static func text(_ micros: Int64) -> String {
    DecimalText.fixed(Int128(micros), digits: 6)
  }

  private func cells(of line: StatementLine) -> [CSVWriter.Cell] {
    let quantities = line.drivers.map { "\($0.name)=\($0.value) \($0.unit)" }
    let unitCosts = line.drivers.compactMap { driver in
      driver.unitCost.map { "\(driver.name)=\($0)" }
    }
    return [
      .text(tenant), .text(isRegistered ? "yes" : "no"), .text(period.description),
      .number(String(version)), .text(line.pool), .text(line.method), .text(line.route ?? ""),
      .text(quantities.joined(separator: "; ")), .text(unitCosts.joined(separator: "; ")),
      .number(line.share), .number(line.amount.text), .number(line.printedText),
      .text(currency.code), .text(line.entry.hex), .text(policyDigest.hex),
      .text(reconciliation.rawValue), .text(line.notes.joined(separator: "; ")),
      .text(name ?? ""), .text(line.layer.rawValue), .number(Self.text(line.confidence.measured)),
      .number(Self.text(line.confidence.hinted)), .number(Self.text(line.confidence.modelled)),
      .number(line.previous?.text ?? ""),
    ]
  }
}

extension PeriodSummary {
  /// One row an account, with a header, for the period as a whole.
  public func csv() -> [UInt8] {
    var writer = CSVWriter()
    writer.row(
      ["period", "version", "account", "registered", "amount", "printed", "currency"]
        .map { .text($0) })
    for row in rows {
      writer.row([
        .text(period.description), .number(String(version)), .text(row.account.text),
        .text(row.isRegistered ? "yes" : "no"), .number(row.amount.text),
        .number(row.printedText), .text(total.currency.code),
      ])
    }
    return writer.bytes
  }
}

/// Writes CSV that a spreadsheet cannot mistake for formulas.
struct CSVWriter {
  /// One cell.
  enum Cell {
    /// A text; one that begins like a formula gets an apostrophe before it.
    case text(String)
    /// A number that this target made; it may begin with a minus sign.
    case number(String)
    /// A text for a program, never for a spreadsheet: quoted where it must be, else as it is.
    case raw(String)
  }

  private(set) var bytes: [UInt8] = []

  mutating func row(_ cells: [Cell]) {
    for (index, cell) in cells.enumerated() {
      if index > 0 { bytes.append(UInt8(ascii: ",")) }
      switch cell {
      case .number(let text): bytes.append(contentsOf: text.utf8)
      case .raw(let text): bytes.append(contentsOf: Self.quoted(text))
      case .text(let text): bytes.append(contentsOf: Self.quoted(Self.defused(text)))
      }
    }
    bytes.append(contentsOf: "\r\n".utf8)
  }

  /// Puts an apostrophe before `=`, `+`, `-`, `@`, tab, carriage return and line feed.
  static func defused(_ text: String) -> String {
    guard let first = text.utf8.first, "=+-@\t\r\n".utf8.contains(first) else { return text }
    return "'" + text
  }

  /// The bytes of a text, in quotes when it needs them. Works on bytes: a quote may be followed by a
  /// combining mark, which makes it another character but still a quote to readers of CSV.
  private static func quoted(_ text: String) -> [UInt8] {
    let special = ",\"\r\n".utf8
    guard text.utf8.contains(where: { special.contains($0) }) else { return Array(text.utf8) }
    let quote = UInt8(ascii: "\"")
    return [quote] + text.utf8.flatMap { $0 == quote ? [quote, quote] : [$0] } + [quote]
  }
}
