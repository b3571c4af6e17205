internal import Accounting
internal import ArgumentParser

/// `weir usage --from TIME --to TIME`.
struct UsageCommand: ParsableCommand {
  /// What a row stands for.
  enum Grouping: String, ExpressibleByArgument, CaseIterable {
    /// A tenant.
    case tenant
    /// A route.
    case route
    /// A tenant and route.
    case tenantRoute = "tenant,route"
    /// An hour.
    case hour
    /// A UTC day.
    case day
  }

  static let configuration = CommandConfiguration(
    commandName: "usage", abstract: "Show who used what in a window.",
    discussion: "Times are UTC, such as 2026-10-01 or 2026-10-01T13:00:00Z; hours are whole.")

  @Option(help: "Start of the window.")
  var from: String

  @Option(help: "End of the window, exclusive.")
  var to: String

  @Option(help: "Only this tenant.")
  var tenant: String?

  @Option(help: "Only this route.")
  var route: String?

  @Option(name: .customLong("by"), help: "tenant, route, tenant,route, hour or day.")
  var grouping: Grouping = .tenant

  @Option(help: "The most rows.")
  var limit = 1_000

  @OptionGroup var connection: ConnectionOptions

  func run() throws {
    let answer = try connection.client().json(
      .init(
        path: "/v1/usage",
        query: [
          ("from", from), ("to", to), ("tenant", tenant), ("route", route),
          ("group", grouping.rawValue), ("limit", String(limit)),
        ]))
    if connection.json { return Output.json(answer) }
    let keys = grouping.rawValue.split(separator: ",").map(String.init)
    let keyNames = keys.map { $0 == "day" ? "hour" : $0 }
    let figures = [
      "requests", "request_bytes", "response_bytes", "upstream_cpu_us", "stream_ms", "p95_us",
    ]
    var table = TextTable(
      (keys + figures).map { $0.uppercased() },
      figures: Set(keys.count..<keys.count + figures.count))
    for row in JSONText.list(answer, "rows") {
      table.add((keyNames + figures).map { JSONText.text(row, $0) })
    }
    print(table.text)
  }
}
