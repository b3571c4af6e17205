internal import Accounting
internal import ArgumentParser

/// `weir tenants history [FILE]`.
struct TenantHistoryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "history", abstract: "Show or replace names and parents of tenants over time.",
    discussion: """
      The file is CSV with the header kind,tenant,target,from,to. alias: the tenant is another \
      name of the target; parent: its cost stands on the target's statement. from and to are \
      days, to is the first day on which it no longer holds, or empty. The file replaces the one \
      before.
      """)

  @Argument(help: "The file; without it, what holds now is printed.")
  var file: String?

  @OptionGroup var connection: ConnectionOptions

  func run() throws {
    guard let file else { return try show() }
    let answer = try connection.client().json(
      .init(
        method: "PUT", path: "/v1/tenants/history", body: try LocalFile.bytes(file),
        contentType: "text/csv"))
    if connection.json { return Output.json(answer) }
    print("\(JSONText.text(answer, "relations")) relations")
  }

  private func show() throws {
    let answer = try connection.client().json(.init(path: "/v1/tenants/history"))
    if connection.json { return Output.json(answer) }
    var table = TextTable(["KIND", "TENANT", "TARGET", "FROM", "TO"])
    for relation in JSONText.list(answer, "relations") {
      table.add(["kind", "tenant", "target", "from", "to"].map { JSONText.text(relation, $0) })
    }
    print(table.text)
  }
}
