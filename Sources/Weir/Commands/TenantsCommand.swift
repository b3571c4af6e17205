internal import Accounting
internal import ArgumentParser

/// `weir tenants import|list|history`.
struct TenantsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tenants", abstract: "Import or list the register of tenants.",
    subcommands: [Import.self, List.self, TenantHistoryCommand.self])

  /// `weir tenants import FILE`.
  struct Import: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "import", abstract: "Add the tenants of a CSV file, or update their names.",
      discussion: "The header is id,name,plan, of which id must be there.")

    @Argument(help: "The file.")
    var file: String

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
      let answer = try connection.client().json(
        .init(
          method: "POST", path: "/v1/tenants", body: try LocalFile.bytes(file),
          contentType: "text/csv"))
      if connection.json { return Output.json(answer) }
      print(
        """
        \(JSONText.text(answer, "read")) tenants read, \(JSONText.text(answer, "added")) added, \
        \(JSONText.text(answer, "updated")) known before
        """)
    }
  }

  /// `weir tenants list`.
  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "List the register.")

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
      let answer = try connection.client().json(.init(path: "/v1/tenants"))
      if connection.json { return Output.json(answer) }
      var table = TextTable(["ID", "NAME", "PLAN", "REGISTERED"])
      for tenant in JSONText.list(answer, "tenants") {
        table.add(["id", "name", "plan", "registered_at"].map { JSONText.text(tenant, $0) })
      }
      print(table.text)
    }
  }
}
