internal import Accounting
internal import ArgumentParser

/// `weir why TENANT POOL --period PERIOD`.
struct WhyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "why", abstract: "Show why a tenant bears what it bears of a pool.",
    discussion: """
      Prints the chain from the bill's lines over the pool, its drivers and their weights to the \
      tenant's amount, with the arithmetic. Exits with 1 when the stored statement says another \
      amount.
      """)

  @Argument(help: "The tenant.")
  var tenant: String

  @Argument(help: "The pool.")
  var pool: String

  @Option(help: "The period, YYYY-MM.")
  var period: String

  @Option(help: "How many lines of the bill to list.")
  var records = 20

  @OptionGroup var connection: ConnectionOptions

  func validate() throws { try PeriodArgument.check(period) }

  func run() throws {
    let answer = try connection.client().json(
      .init(
        path: "/v1/periods/\(period)/why",
        query: [
          (name: "tenant", value: tenant), (name: "pool", value: pool),
          (name: "records", value: String(records)),
        ]))
    if connection.json { Output.json(answer) } else { explain(answer) }
    if answer["statement"]?["agrees"] == .bool(false) { throw ExitCode(1) }
  }

  private func explain(_ answer: JSONValue) {
    let currency = JSONText.text(answer, "currency")
    print(
      "\(TextTable.printable(tenant)) bears \(JSONText.text(answer, "amount")) \(currency) of "
        + "\(TextTable.printable(pool)) in \(period)")
    print(
      "policy \(TextTable.printable(JSONText.text(answer["policy"], "name"))), "
        + JSONText.text(answer["policy"], "sha256"))
    bill(answer["bill"])
    for part in JSONText.list(answer, "pools") {
      print(
        "\npool \(JSONText.text(part, "pool")), \(JSONText.text(part, "method")): exactly "
          + "\(JSONText.text(part, "exact")), posted \(JSONText.text(part, "posted"))")
    }
    print("\nsteps")
    for (index, step) in JSONText.list(answer, "steps").enumerated() {
      print("\(index + 1). \(TextTable.printable(JSONText.text(step, "text")))")
    }
    guard let statement = answer["statement"], statement != .null else {
      return print("\nno statement is stored yet")
    }
    print(
      "\nstatement version \(JSONText.text(statement, "version")) says "
        + "\(JSONText.text(statement, "amount")); the same: \(JSONText.text(statement, "agrees"))")
    for entry in JSONText.list(statement, "ledger_entries") {
      print("ledger entry \(JSONText.plain(entry))")
    }
  }

  private func bill(_ bill: JSONValue?) {
    print("\nthe bill: \(JSONText.text(bill, "records")) records")
    var groups = TextTable(
      ["INVOICE", "SERVICE", "CATEGORY", "RECORDS", "BILLED", "EFFECTIVE", ""],
      figures: [3, 4, 5])
    let names = [
      "invoice", "service", "charge_category", "records", "billed", "effective", "currency",
    ]
    for group in JSONText.list(bill, "groups") {
      groups.add(names.map { JSONText.text(group, $0) })
    }
    print(groups.text)
    let listed = JSONText.list(bill, "listed")
    guard !listed.isEmpty else { return }
    var lines = TextTable(
      ["LINE", "CHARGE FROM", "SERVICE", "RESOURCE", "EFFECTIVE", ""], figures: [0, 4])
    for line in listed {
      lines.add(
        ["line", "charge_from", "service", "resource", "effective", "currency"]
          .map { JSONText.text(line, $0) })
    }
    print("\n" + lines.text)
  }
}
