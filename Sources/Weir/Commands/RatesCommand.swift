internal import Accounting
internal import ArgumentParser

/// `weir rates import|list`.
struct RatesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rates", abstract: "Load or list rates between currencies.",
    subcommands: [Import.self, List.self])

  /// `weir rates import FILE --source NAME`.
  struct Import: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "import", abstract: "Add the rates of a CSV file.",
      discussion: """
        The header is date,from,to,rate, and source and invoice if wanted. A rate is what one unit \
        of from is worth in units of to. Of two rates for one day the one loaded later holds.
        """)

    @Argument(help: "The file.")
    var file: String

    @Option(help: "Who published the rates.")
    var source: String

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
      let answer = try connection.client().json(
        .init(
          method: "POST", path: "/v1/rates", query: [(name: "source", value: source)],
          body: try LocalFile.bytes(file), contentType: "text/csv"))
      if connection.json { return Output.json(answer) }
      print("\(JSONText.text(answer, "rates")) rates, \(JSONText.text(answer, "status"))")
    }
  }

  /// `weir rates list`.
  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "List the latest rates.")

    @Option(help: "How many.")
    var limit = 100

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
      let answer = try connection.client().json(
        .init(path: "/v1/rates", query: [(name: "limit", value: String(limit))]))
      if connection.json { return Output.json(answer) }
      var table = TextTable(["DATE", "FROM", "TO", "RATE", "SOURCE", "INVOICE"], figures: [3])
      for rate in JSONText.list(answer, "rates") {
        table.add(
          ["date", "from", "to", "rate", "source", "invoice"].map { JSONText.text(rate, $0) })
      }
      print(table.text)
    }
  }
}
