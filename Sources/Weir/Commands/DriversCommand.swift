internal import Accounting
internal import ArgumentParser

/// `weir drivers list|import|fetch`.
struct DriversCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drivers", abstract: "External series: drivers that Weir did not meter.",
    subcommands: [List.self, Import.self, Fetch.self])

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "The series of a period.")

    @Option(help: "The period, YYYY-MM.")
    var period: String

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
      let answer = try connection.client().json(
        .init(path: "/v1/series", query: [("period", period)]))
      if connection.json { return Output.json(answer) }
      for one in JSONText.list(answer, "series") { DriversCommand.show(one, status: nil) }
    }
  }

  struct Import: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "import", abstract: "Load a series of a period from a file.",
      discussion: """
        csv: columns tenant (or label), quantity, unit, and period or hour. opencost: an answer \
        of the allocation endpoint, with --measure cpu, gpu, ram or storage. prometheus: an \
        answer of a range query, with --sample, --unit, --label and --step-seconds. Labels that \
        are no tenant ids need --labels, a CSV of label,tenant.
        """)

    @Argument(help: "The file.")
    var file: String

    @Option(help: "The name by which policies use the series.")
    var name: String

    @Option(help: "The period, YYYY-MM.")
    var period: String

    @Option(help: "csv, opencost or prometheus.")
    var format = "csv"

    @Option(help: "The unit that is wanted, for example CPU-hour or GB-month.")
    var unit: String?

    @Option(
      help: "opencost: name, a property such as namespace, or label:KEY. prometheus: the label.")
    var label: String?

    @Option(help: "A CSV file of label,tenant.")
    var labels: String?

    @Option(help: "prometheus: cores, gpus, bytes, messages, minutes, seconds or count.")
    var sample: String?

    @Option(help: "opencost: cpu, gpu, ram or storage.")
    var measure: String?

    @Option(help: "prometheus: seconds between samples.")
    var stepSeconds: Int?

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
      let client = try connection.client()
      var digest: String?
      if let labels {
        digest = try client.json(
          .init(
            method: "POST", path: "/v1/series/labels", body: try LocalFile.bytes(labels),
            contentType: "text/csv"))["sha256"]?.asString
      }
      let answer = try client.json(
        .init(
          method: "POST", path: "/v1/series",
          query: [
            ("name", name), ("period", period), ("format", format), ("unit", unit),
            ("label", label), ("labels", digest), ("sample", sample), ("measure", measure),
            ("step_seconds", stepSeconds.map(String.init)),
          ], body: try LocalFile.bytes(file)))
      if connection.json { return Output.json(answer) }
      DriversCommand.show(answer, status: answer["status"]?.asString)
    }
  }

  struct Fetch: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "fetch",
      abstract: "Let the allocator fetch a series from its Prometheus (series.sources).")

    @Argument(help: "The name of the series.")
    var name: String

    @Option(help: "The period, YYYY-MM.")
    var period: String

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
      let answer = try connection.client().json(
        .init(
          method: "POST", path: "/v1/series/\(APIClient.escaped(name))/fetch",
          query: [("period", period)]))
      if connection.json { return Output.json(answer) }
      DriversCommand.show(answer, status: answer["status"]?.asString)
    }
  }

  /// A series in a few lines.
  static func show(_ series: JSONValue, status: String?) {
    let late = series["late"] == .bool(true) ? " (LATE: the period is closed)" : ""
    print(
      "\(JSONText.text(series, "name")) of \(JSONText.text(series, "period")): "
        + (status.map { "\($0), " } ?? "")
        + "\(JSONText.text(series, "total")) \(JSONText.text(series, "unit")) of "
        + "\(JSONText.text(series, "tenants")) tenants, from \(JSONText.text(series, "origin"))\(late)"
    )
    let expected = series["expected_hours"]?.asInteger ?? 0
    if expected > 0 {
      print("  \(JSONText.text(series, "missing_hours")) of \(expected) hours are missing")
    }
    for range in JSONText.list(series, "missing").prefix(20) {
      print("  missing: \(JSONText.text(range, "from")) to \(JSONText.text(range, "to"))")
    }
    for label in JSONText.list(series, "unmapped").prefix(20) {
      print(
        "  no tenant: \(TextTable.printable(JSONText.text(label, "label"))) with "
          + JSONText.text(label, "quantity"))
    }
  }
}
