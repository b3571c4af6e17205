import Digest

/// The canonical JSON of statements and summaries: keys in a fixed order, no blanks, money and
/// quantities as decimal texts. Equal values give equal bytes.
extension Statement {
  /// The format's name and version, the first member of the object.
  public static let format = "weir-statement/2"
  /// The format before: without name, time, layers, confidence and comparison of lines.
  public static let firstFormat = "weir-statement/1"

  /// The canonical bytes; a file of them ends without a line feed.
  public func canonicalJSON() -> [UInt8] { json.canonicalBytes }

  var json: JSONValue {
    let attributable = sum(of: .attributable)
    return .object([
      .init("format", .string(Self.format)),
      .init("tenant", .string(tenant)),
      .init("name", .text(name)),
      .init("registered", .bool(isRegistered)),
      .init("period", .string(period.description)),
      .init("version", .integer(version)),
      .init("issued_at", .string(issuedAt.description)),
      .init("currency", .string(currency.code)),
      .init(
        "policy",
        .object([
          .init("name", .string(policyName)), .init("sha256", .string(policyDigest.hex)),
        ])),
      .init("total", .string(total.text)),
      .init("printed_total", .string(printedTotalText)),
      .init(
        "attributable",
        .object([
          .init("amount", .string(attributable.amount.text)),
          .init("printed", .string(printedText(attributable.printed))),
        ])),
      .init(
        "fully_loaded",
        .object([
          .init("amount", .string(total.text)), .init("printed", .string(printedTotalText)),
        ])),
      .init("confidence", confidence.json),
      .init("previous_version", (comparison?.version).map { .integer($0) } ?? .null),
      .init("previous_total", .text(previousTotal?.text)),
      .init("previous_currency", .text(previousTotal?.currency.code)),
      .init("change", .text(change?.text)),
      .init("lines", .array(lines.map(\.json))),
      .init("gone", .array((comparison?.gone ?? []).map(\.json))),
      .init("usage", .array(usage.map(\.json))),
      .init("coverage", coverage.json),
      .init("ledger_entries", .array(entries.map { .string($0.hex) })),
      .init("reconciliation", .string(reconciliation.rawValue)),
    ])
  }
}

extension StatementLine {
  var json: JSONValue {
    .object([
      .init("pool", .string(pool)),
      .init("method", .string(method)),
      .init("layer", .string(layer.rawValue)),
      .init("route", .text(route)),
      .init("drivers", .array(drivers.map(\.json))),
      .init("share", .string(share)),
      .init("amount", .string(amount.text)),
      .init("printed", .string(printedText)),
      .init("confidence", confidence.json),
      .init("previous", .text(previous?.text)),
      .init("ledger_entry", .string(entry.hex)),
      .init("notes", .array(notes.map { .string($0) })),
    ])
  }
}

extension PreviousStatement.Line {
  var json: JSONValue {
    .object([
      .init("pool", .string(pool)), .init("route", .text(route)),
      .init("previous", .string(DecimalText.fixed(Int128(micros), digits: 6))),
    ])
  }
}

extension Confidence {
  var json: JSONValue {
    .object(
      [("measured", measured), ("hinted", hinted), ("modelled", modelled)].map {
        .init($0, .string(DecimalText.fixed(Int128($1), digits: 6)))
      })
  }
}

extension LineDriver {
  var json: JSONValue {
    .object([
      .init("quantity", .string(name)),
      .init("unit", .string(unit)),
      .init("value", .string(value)),
      .init("total", .string(total)),
      .init("weight", .string(weight)),
      .init("unit_cost", .text(unitCost)),
    ])
  }
}

extension UsageLine {
  var json: JSONValue {
    .object([
      .init("route", .string(route)),
      .init("quantity", .string(quantity)),
      .init("unit", .string(unit)),
      .init("value", .string(String(value))),
    ])
  }
}

extension Coverage {
  /// The coverage as it stands in statements.
  public var json: JSONValue {
    .object([
      .init("complete", .bool(isComplete)),
      .init(
        "proxies",
        .array(
          proxies.map { proxy in
            var members: [JSONValue.Member] = [
              .init("instance", .string(proxy.instance)),
              .init("batches", .integer(proxy.batches)),
              .init("from", .text(proxy.from?.description)),
              .init("to", .text(proxy.to?.description)),
              .init("holes", .array(proxy.holes.map(\.json))),
            ]
            if proxy.furtherHoles > 0 {
              members.append(.init("further_holes", .integer(proxy.furtherHoles)))
            }
            return .object(members)
          })),
    ])
  }
}

extension CoverageHole {
  var json: JSONValue {
    .object([
      .init("from", .string(from.description)),
      .init("to", .string(to.description)),
      .init("reason", .string(reason)),
    ])
  }
}

extension PeriodSummary {
  /// The format's name and version, the first member of the object.
  public static let format = "weir-period/1"

  /// The canonical bytes.
  public func canonicalJSON() -> [UInt8] { json.canonicalBytes }

  var json: JSONValue {
    .object([
      .init("format", .string(Self.format)),
      .init("period", .string(period.description)),
      .init("version", .integer(version)),
      .init("currency", .string(total.currency.code)),
      .init(
        "policy",
        .object([
          .init("name", .string(policyName)), .init("sha256", .string(policyDigest.hex)),
        ])),
      .init("rows", .array(rows.map(\.json))),
      .init("total", .string(total.text)),
      .init("printed_total", .string(printedTotalText)),
      .init("exact_total", .string(exactTotal.description)),
      .init("rest", .string(rest.description)),
      .init(
        "reserved_usage",
        .object(
          reservedUsage.sorted { KeyOrder.precedes($0.key, $1.key) }.map {
            .init($0.key, .array($0.value.map(\.json)))
          })),
      .init("coverage", coverage.json),
      .init("reconciliation", .string(reconciliation.rawValue)),
    ])
  }
}

extension PeriodSummary.Row {
  var json: JSONValue {
    .object([
      .init("account", .string(account.text)),
      .init("registered", .bool(isRegistered)),
      .init("amount", .string(amount.text)),
      .init("printed", .string(printedText)),
    ])
  }
}
