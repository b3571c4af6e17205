internal import Accounting
internal import ArgumentParser

/// `weir policy diff OLD NEW --period PERIOD`.
struct PolicyDiffCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff", abstract: "Show who would bear what of a past month under another policy.",
    discussion: "OLD or NEW may be the word current: the policy that is set. Nothing is stored.")

  @Argument(help: "The policy to compare with (YAML), or current.")
  var old: String

  @Argument(help: "The other policy (YAML), or current.")
  var new: String

  @Option(help: "The period, YYYY-MM.")
  var period: String

  @Flag(help: "Show accounts that stay the same too.")
  var all = false

  @OptionGroup var connection: ConnectionOptions

  func validate() throws { try PeriodArgument.check(period) }

  func run() throws {
    let body = JSONValue.object([
      .init("period", .string(period)), .init("old", try document(old)),
      .init("new", try document(new)),
    ])
    let answer = try connection.client().json(
      .init(
        method: "POST", path: "/v1/policy/diff", body: body.canonicalBytes,
        contentType: "application/json"))
    if connection.json { return Output.json(answer) }
    let currency = JSONText.text(answer, "currency")
    print("period \(period), \(currency)")
    for (list, name) in [("accounts", "account"), ("pools", "pool")] {
      var table = TextTable([name.uppercased(), "BEFORE", "AFTER", "CHANGE"], figures: [1, 2, 3])
      let rows = JSONText.list(answer, list)
      let shown = all ? rows : rows.filter { $0["change"]?.asString != "0.000000" }
      for row in shown {
        table.add([name, "before", "after", "change"].map { JSONText.text(row, $0) })
      }
      print("\n" + table.text)
      if shown.count < rows.count { print("\(rows.count - shown.count) more stay the same") }
    }
  }

  private func document(_ path: String) throws(CommandFailure) -> JSONValue {
    path == "current" ? .null : .string(try LocalFile.text(path))
  }
}
