internal import Accounting
internal import ArgumentParser

/// `weir imports list|show|diffs|late|invoices|withdraw`.
struct ImportsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "imports", abstract: "What was imported, what it changed, and what came late.",
    subcommands: [List.self, Show.self, Differences.self, Late.self, Invoices.self, Withdraw.self])

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "The latest imports.")

    @Option(help: "How many, 1 to 1000.")
    var limit = 50

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
      let answer = try connection.client().json(
        .init(path: "/v1/costs/imports", query: [("limit", String(limit))]))
      if connection.json { return Output.json(answer) }
      let keys = [
        "id", "source", "format", "status", "rows_good", "rows_quarantined", "received_at",
      ]
      var table = TextTable(
        ["IMPORT", "SOURCE", "FORMAT", "STATUS", "GOOD", "QUARANTINED", "RECEIVED"],
        figures: [0, 4, 5])
      for one in JSONText.list(answer, "imports") { table.add(keys.map { JSONText.text(one, $0) }) }
      print(table.text)
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "show", abstract: "One import with its totals, changes and first faults.")

    @Argument(help: "The number of the import.")
    var id: Int

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
      let answer = try connection.client().json(.init(path: "/v1/costs/imports/\(id)"))
      if connection.json { return Output.json(answer) }
      ImportText.printImport(answer)
    }
  }

  struct Differences: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "diffs",
      abstract: "What an import changed, by service and charge category.")

    @Argument(help: "The number of the import.")
    var id: Int

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
      let answer = try connection.client().json(.init(path: "/v1/costs/imports/\(id)/differences"))
      if connection.json { return Output.json(answer) }
      if JSONText.list(answer, "differences").isEmpty { return print("it replaced nothing") }
      ImportText.printDifferences(answer)
    }
  }

  struct Late: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "late",
      abstract: "Costs of a closed period that its close did not count, by pool.")

    @Argument(help: "The period, YYYY-MM.")
    var period: String

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
      let answer = try connection.client().json(
        .init(path: "/v1/costs/late", query: [("period", period)]))
      if connection.json { return Output.json(answer) }
      guard answer["closed"] == .bool(true) else { return print("\(period) is not closed") }
      if JSONText.list(answer, "sources").isEmpty {
        return print("nothing came late for \(period)")
      }
      for source in JSONText.list(answer, "sources") {
        print(
          "\(JSONText.text(source, "source")): the close counted import "
            + "\(JSONText.text(source, "closed_import")), now there is "
            + JSONText.text(source, "current_import"))
      }
      var table = TextTable(["POOL", "CLOSED", "NOW", "CHANGE"], figures: [1, 2, 3])
      for pool in JSONText.list(answer, "pools") {
        table.add(
          ["pool", "effective_closed", "effective_current", "effective_change"].map {
            JSONText.text(pool, $0)
          })
      }
      print(table.text)
    }
  }

  struct Invoices: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "invoices",
      abstract: "Control totals of a period: what its invoices ask for.")

    @Argument(help: "The period, YYYY-MM.")
    var period: String

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
      let answer = try connection.client().json(
        .init(path: "/v1/costs/invoices", query: [("period", period)]))
      if connection.json { return Output.json(answer) }
      var table = TextTable(
        ["SOURCE", "INVOICE", "ISSUER", "STATUS", "CURRENCY", "LINES", "BILLED"], figures: [5, 6])
      for one in JSONText.list(answer, "invoices") {
        table.add(
          ["source", "invoice", "issuer", "status", "currency", "lines", "billed"].map {
            JSONText.text(one, $0)
          })
      }
      print(table.text)
      for state in JSONText.list(answer, "billing_periods") {
        print(
          "\(JSONText.text(state, "issuer")): the bill is "
            + (state["closed"] == .bool(true) ? "closed" : "open")
            + ", said at \(JSONText.text(state, "updated_at"))")
      }
    }
  }

  struct Withdraw: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "withdraw",
      abstract: "Take back what a source says of a period, such as a bill imported twice.",
      discussion: """
        The records stay stored and no longer count. Of a closed period they show as late. An \
        import of the same source brings them back.
        """)

    @Argument(help: "The source.")
    var source: String

    @Argument(help: "The period, YYYY-MM.")
    var period: String

    @Flag(help: "Withdraw the invoices that it states, not its records.")
    var invoices = false

    @Option(help: "Why, for the audit trail.")
    var reason: String

    @OptionGroup var connection: ConnectionOptions

    func validate() throws { try PeriodArgument.check(period) }

    func run() throws {
      let what = invoices ? "invoices" : "costs"
      let body = JSONValue.object([
        .init("source", .string(source)), .init("period", .string(period)),
        .init("what", .string(what)), .init("reason", .string(reason)),
      ])
      let answer = try connection.client().json(
        .init(
          method: "POST", path: "/v1/costs/withdraw", body: body.canonicalBytes,
          contentType: "application/json"))
      if connection.json { return Output.json(answer) }
      print("\(what) of \(source) in \(period) no longer count")
    }
  }
}
