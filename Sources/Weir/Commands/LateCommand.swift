internal import Accounting
internal import ArgumentParser

/// `weir late PERIOD`.
struct LateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "late", abstract: "Show what came after the close of a period.",
    discussion: """
      Exits with 1 while something is taken in by neither an adjustment (`weir adjust late`) nor a \
      restatement (`weir restate`).
      """)

  @Argument(help: "The closed period, YYYY-MM.")
  var period: String

  @OptionGroup var connection: ConnectionOptions

  func validate() throws { try PeriodArgument.check(period) }

  func run() throws {
    let answer = try connection.client().json(.init(path: "/v1/periods/\(period)/late"))
    let open = JSONText.list(answer, "not_taken_in")
    if connection.json { Output.json(answer) } else { show(answer, open) }
    if !open.isEmpty { throw ExitCode(1) }
  }

  private func show(_ answer: JSONValue, _ open: [JSONValue]) {
    print("period \(period), version \(JSONText.text(answer, "version"))")
    if case .object(let members) = answer["late_usage"] {
      for member in members { print("  late usage  \(member.key) \(JSONText.plain(member.value))") }
    }
    for snapshot in JSONText.list(answer, "late_costs") {
      print(
        "  late cost   source \(JSONText.text(snapshot, "source")), "
          + "import \(JSONText.text(snapshot, "import")), "
          + "\(JSONText.text(snapshot, "records")) records")
    }
    OrderText.entries(JSONText.list(answer, "adjustments"))
    for change in open {
      print("not taken in: pool \(TextTable.printable(JSONText.text(change, "pool")))")
      for posting in JSONText.list(change, "postings") { OrderText.line(posting) }
    }
    if open.isEmpty { print("everything is taken in") }
    CloseText.variance(answer["variance"])
  }
}
