internal import Accounting
internal import Digest
internal import Store

/// The answer to "why does this tenant bear this much of this pool?" as JSON: the chain from the
/// bill's lines to the tenant's amount.
enum WhyDocument {
  /// The document.
  static func json(_ answer: ExplainAmount.Answer) -> JSONValue {
    let chain = answer.chain
    return .object([
      .init("period", .string(answer.question.period.description)),
      .init("state", .string(answer.state.rawValue)),
      .init("tenant", .string(chain.tenant)), .init("pool", .string(answer.question.pool)),
      .init(
        "policy",
        .object([
          .init("name", .string(answer.policy.name)),
          .init("sha256", .string(answer.policy.digest.hex)),
        ])),
      .init("currency", .string(chain.result.currency.code)),
      .init("bill", bill(answer)),
      .init("pools", .array(chain.pools.map(pool))),
      .init("steps", .array(chain.steps.map(step))),
      .init("lines", .array(chain.lines.map(line))),
      .init("amount", .string(text(chain.micros))),
      .init("statement", statement(answer)),
    ])
  }

  private static func bill(_ answer: ExplainAmount.Answer) -> JSONValue {
    let records = answer.records
    let groups = records.sortedGroups.map { group, tally in
      JSONValue.object([
        .init("invoice", .string(group.invoice)), .init("service", .string(group.service)),
        .init("charge_category", .string(group.category)),
        .init("currency", .string(group.currency.code)), .init("records", .integer(tally.records)),
        .init("billed", .string(tally.billed.description)),
        .init("effective", .string(tally.effective.description)),
      ])
    }
    let imports = answer.snapshots.map { snapshot in
      JSONValue.object([
        .init("import", .integer(snapshot.importID)), .init("source", .string(snapshot.source)),
        .init("sha256", .string(snapshot.digest.hex)),
      ])
    }
    return .object([
      .init("records", .integer(records.count)), .init("groups", .array(groups)),
      .init("listed", .array(records.listed.map(record))), .init("imports", .array(imports)),
    ])
  }

  private static func record(_ record: CostRecord) -> JSONValue {
    .object([
      .init("line", .integer(record.line)), .init("invoice", .text(record[.invoice])),
      .init("service", .text(record[.service])), .init("resource", .text(record[.resource])),
      .init("charge_category", .text(record[.chargeCategory])),
      .init("charge_from", .string(record.chargePeriodStart.description)),
      .init("billed", .string(record.billedCost.description)),
      .init("effective", .string(record.effectiveCost.description)),
      .init("currency", .string(record.currency.code)),
    ])
  }

  private static func pool(_ pool: PoolAllocation) -> JSONValue {
    .object([
      .init("pool", .string(pool.pool)), .init("method", .string(pool.method)),
      .init("exact", .string(pool.exact.description)), .init("posted", .string(pool.posted.text)),
      .init("owners", .integer(pool.shares.count)),
      .init(
        "drivers",
        .array(
          pool.drivers.map { driver in
            .object([
              .init("name", .string(driver.name)), .init("unit", .string(driver.unit)),
              .init("weight", .string(driver.weight.description)),
              .init("effective_weight", .string(driver.effectiveWeight)),
              .init("total", .string(driver.total)), .init("unit_cost", .text(driver.unitCost)),
            ])
          })),
      .init("notes", .array(pool.notes.map { .string($0) })),
    ])
  }

  private static func step(_ step: TraceStep) -> JSONValue {
    .object([
      .init("pool", .string(step.pool)), .init("kind", .string(step.kind.rawValue)),
      .init("text", .string(step.text)), .init("amount", .text(step.micros.map(text))),
    ])
  }

  private static func line(_ line: WhyChain.Line) -> JSONValue {
    .object([
      .init("pool", .string(line.pool)), .init("share", .string(line.share.share)),
      .init("amount", .string(line.share.amount.text)),
      .init("values", .array(line.share.values.map { .string($0) })),
      .init(
        "routes",
        .array(
          line.share.routes.map { route in
            .object([
              .init("route", .text(route.route)), .init("member", .text(route.member)),
              .init("share", .string(route.share)), .init("amount", .string(text(route.micros))),
            ])
          })),
    ])
  }

  private static func statement(_ answer: ExplainAmount.Answer) -> JSONValue {
    guard let posted = answer.statement else { return .null }
    return .object([
      .init("version", .integer(posted.version)), .init("amount", .string(text(posted.micros))),
      .init("agrees", .bool(posted.micros == answer.chain.micros)),
      .init("ledger_entries", .array(posted.entries.map { .string($0) })),
    ])
  }

  private static func text(_ micros: Int64) -> String {
    DecimalText.fixed(Int128(micros), digits: 6)
  }
}
