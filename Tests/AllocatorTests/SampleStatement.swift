import Accounting
import Foundation

/// Statements of any length, made as documents: that is what renderings start from.
enum SampleStatement {
  /// A statement of `lines` routes of one pool, two direct lines, and overhead.
  static func make(
    tenant: String = "acme", name: String? = "Acme GmbH", lines: Int = 3, note: String? = nil,
    currency: String = "USD", unit: Int = 2
  ) throws -> Statement {
    func printed(_ cents: Int) -> String {
      unit == 0 ? String(cents) : "\(cents / 100).\(String(cents % 100 + 100).dropFirst())"
    }
    func money(_ cents: Int) -> String { unit == 0 ? "\(cents).000000" : printed(cents) + "0000" }
    func line(
      _ pool: String, _ method: String, _ layer: String, _ route: String?, _ cents: Int,
      drivers: [JSONValue] = []
    ) -> JSONValue {
      let known = method == "direct" ? (cents, 0) : (0, cents)
      return .object([
        .init("pool", .string(pool)), .init("method", .string(method)),
        .init("layer", .string(layer)), .init("route", .text(route)),
        .init("drivers", .array(drivers)), .init("share", .string("0.123456789012")),
        .init("amount", .string(money(cents))), .init("printed", .string(printed(cents))),
        .init("confidence", confidence(known.0, known.1, money)),
        .init("previous", cents % 3 == 0 ? .null : .string(money(cents / 2))),
        .init("ledger_entry", .string(String(repeating: "ab", count: 32))),
        .init("notes", .array(note.map { [.string($0)] } ?? [])),
      ])
    }
    var all = [
      line("licences", "direct", "attributable", nil, 1_234_567),
      line("storage", "direct", "attributable", nil, 99),
    ]
    var total = 1_234_567 + 99 + 50_000
    for index in 0..<lines {
      let cents = 101 + index * 7
      total += cents
      all.append(
        line(
          "compute", "proportional", "attributable", "route-\(index)", cents,
          drivers: [driver("upstream_cpu_us", "us"), driver("response_bytes", "byte")]))
    }
    all.append(line("platform", "overhead", "shared", nil, 50_000))
    let text = JSONValue.object(
      head(tenant, name, currency) + [
        .init("total", .string(money(total))), .init("printed_total", .string(printed(total))),
        .init("confidence", confidence(0, total, money)),
        .init("previous_version", .integer(1)),
        .init("previous_total", .string(money(total / 2))),
        .init("previous_currency", .string(currency)), .init("lines", .array(all)),
        .init(
          "gone",
          .array([
            .object([
              .init("pool", .string("legacy")), .init("route", .string("v1")),
              .init("previous", .string(money(4_200))),
            ])
          ])), .init("usage", .array(usage)), .init("coverage", coverage),
        .init("reconciliation", .string("tied-out")),
      ])
    return try Statement(canonicalJSON: text.canonicalBytes)
  }

  private static func head(
    _ tenant: String, _ name: String?, _ currency: String
  ) -> [JSONValue.Member] {
    [
      .init("format", .string("weir-statement/2")), .init("tenant", .string(tenant)),
      .init("name", .text(name)), .init("registered", .bool(name != nil)),
      .init("period", .string("2026-10")), .init("version", .integer(1)),
      .init("issued_at", .string("2026-11-02T09:30:00Z")), .init("currency", .string(currency)),
      .init(
        "policy",
        .object([
          .init("name", .string("house")),
          .init("sha256", .string(String(repeating: "cd", count: 32))),
        ])),
    ]
  }

  private static func confidence(
    _ measured: Int, _ hinted: Int, _ money: (Int) -> String
  ) -> JSONValue {
    .object([
      .init("measured", .string(money(measured))),
      .init("hinted", .string(money(hinted - hinted / 5))),
      .init("modelled", .string(money(hinted / 5))),
    ])
  }

  private static func driver(_ name: String, _ unit: String) -> JSONValue {
    .object([
      .init("quantity", .string(name)), .init("unit", .string(unit)),
      .init("value", .string("1234567890")), .init("total", .string("98765432109876")),
      .init("weight", .string("0.500000000000")),
      .init("unit_cost", .string("0.000000012345678901")),
    ])
  }

  private static let usage = ["api", "files"].flatMap { route in
    ["requests", "response_bytes", "upstream_cpu_us"].map { quantity in
      JSONValue.object([
        .init("route", .string(route)), .init("quantity", .string(quantity)),
        .init("unit", .string(quantity == "requests" ? "1" : "byte")),
        .init("value", .string("18446744073709551615")),
      ])
    }
  }

  private static let coverage = JSONValue.object([
    .init("complete", .bool(false)),
    .init(
      "proxies",
      .array([
        .object([
          .init("instance", .string("edge-1")), .init("batches", .integer(267_840)),
          .init("from", .string("2026-10-01T00:00:00Z")),
          .init("to", .string("2026-10-31T23:59:50Z")),
          .init(
            "holes",
            .array([
              .object([
                .init("from", .string("2026-10-09T12:00:00Z")),
                .init("to", .string("2026-10-09T12:10:00Z")), .init("reason", .string("no batch")),
              ])
            ])),
        ])
      ])),
  ])
}
