internal import Accounting
internal import ArgumentParser

/// `weir skus set|show|coverage`.
struct SKUsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "skus",
    abstract: "What you call the SKUs of providers, and what is not named yet.",
    subcommands: [Set.self, Show.self, Coverage.self])

  struct Set: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "set", abstract: "Make a file the SKU map of all periods that are not closed.",
      discussion: """
        CSV: normalized_service, and provider, service, sku (patterns, * at the end for any \
        rest), unit, from, until. The first row that fits a record names it. config/skus.example.csv
        """)

    @Argument(help: "The file.")
    var file: String

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
      let answer = try connection.client().json(
        .init(
          method: "POST", path: "/v1/skus", body: try LocalFile.bytes(file),
          contentType: "text/csv"))
      if connection.json { return Output.json(answer) }
      print("SKU map with \(JSONText.text(answer, "entries")) rows is set")
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "show", abstract: "Print the SKU map.")

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
      try Output.write(try connection.client().bytes(.init(path: "/v1/skus")), to: nil)
    }
  }

  struct Coverage: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "coverage",
      abstract: "How much of a period's money the map names, and the SKUs that it does not.")

    @Argument(help: "The period, YYYY-MM.")
    var period: String

    @Option(help: "How many unknown SKUs, 1 to 50000.")
    var limit = 100

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
      let answer = try connection.client().json(
        .init(
          path: "/v1/skus/coverage", query: [("period", period), ("limit", String(limit))]))
      if connection.json { return Output.json(answer) }
      for one in JSONText.list(answer, "coverage") {
        print("\(JSONText.text(one, "percent")) % of \(JSONText.text(one, "currency")) is named")
      }
      print("\(JSONText.text(answer, "records_unknown")) records are of unknown SKUs")
      var table = TextTable(
        ["PROVIDER", "SERVICE", "SKU", "CURRENCY", "RECORDS", "EFFECTIVE"], figures: [4, 5])
      for one in JSONText.list(answer, "unknown") {
        table.add(
          ["provider", "service", "sku", "currency", "records", "effective"].map {
            JSONText.text(one, $0)
          })
      }
      print(table.text)
    }
  }
}
