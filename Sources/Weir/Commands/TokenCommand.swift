internal import Accounting
internal import Allocator
internal import ArgumentParser
internal import Store

/// `weir token create|revoke|list`.
struct TokenCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "token", abstract: "Create, revoke or list bearer tokens.",
    subcommands: [Create.self, Revoke.self, List.self])

  /// `weir token create --role ROLE`.
  struct Create: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "create", abstract: "Create a token and print its secret, this once.",
      discussion: """
        The first token is made without a server: --store names the store, which is made when it \
        is not there. Later tokens are made through the API by an operator, or with --store again: \
        a token made through the API cannot approve what its maker asked for.
        """)

    @Option(help: "ingest (a proxy), operator, reader, or tenant (reads what is one tenant's).")
    var role: String

    @Option(help: "For role tenant: whose statements and usage it may read.")
    var tenant: String?

    @Option(help: "Who holds it: the name in the audit trail.")
    var name: String?

    @Option(help: "A store to open instead of asking the allocator.")
    var store: String?

    @Option(name: .shortAndLong, help: "A new file for the secret instead of standard output.")
    var output: String?

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
      guard Role(rawValue: role) != nil else {
        throw ValidationError(
          "The role is ingest, operator, reader or tenant, not \"\(role)\".")
      }
      guard (role == Role.tenant.rawValue) == (tenant != nil) else {
        throw ValidationError("Role tenant goes with --tenant, and no other role does.")
      }
      if let tenant, !TenantNaming.isValid(tenant) {
        throw ValidationError("\"\(tenant)\" is not a tenant id.")
      }
      guard TokenDocument.isName(name ?? role) else {
        throw ValidationError(
          "The name is 1 to 64 printable ASCII characters, no blank at its ends.")
      }
    }

    func run() async throws {
      let answer = try await create()
      guard let secret = answer["secret"]?.asString else {
        throw CommandFailure.failed("the answer holds no secret")
      }
      if let output {
        try LocalFile.writeSecret(secret, to: output)
        print("token \(JSONText.text(answer, "id")) (\(role)) written to \(output)")
      } else if connection.json {
        Output.json(answer)
      } else {
        print(secret)
      }
    }

    private func create() async throws -> JSONValue {
      let holder = name ?? role
      guard let store, let known = Role(rawValue: role) else {
        var members: [JSONValue.Member] = [
          .init("role", .string(role)), .init("name", .string(holder)),
        ]
        if let tenant { members.append(.init("tenant", .string(tenant))) }
        let body = JSONValue.object(members)
        return try connection.client().json(
          .init(
            method: "POST", path: "/v1/tokens", body: body.canonicalBytes,
            contentType: "application/json"))
      }
      return try await LocalStore.use(store, create: true) { open in
        TokenDocument.json(
          try await open.tokens.create(
            name: holder, role: known, tenant: tenant, by: WallClock.user(), at: WallClock.now()))
      }
    }
  }

  /// `weir token revoke ID`.
  struct Revoke: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "revoke", abstract: "Revoke a token at once.")

    @Argument(help: "The token's id, from `weir token list`.")
    var id: String

    @Option(help: "A store to open instead of asking the allocator.")
    var store: String?

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      if let store {
        try await LocalStore.use(store) { open in
          try await open.tokens.revoke(id: id, by: WallClock.user(), at: WallClock.now())
        }
      } else {
        _ = try connection.client().json(
          .init(method: "DELETE", path: "/v1/tokens/\(APIClient.escaped(id))"))
      }
      print("token \(id) is revoked")
    }
  }

  /// `weir token list`.
  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "List tokens, without their secrets.")

    @Option(help: "A store to open instead of asking the allocator.")
    var store: String?

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let answer = try await tokens()
      if connection.json { return Output.json(answer) }
      var table = TextTable(["ID", "NAME", "ROLE", "TENANT", "CREATED BY", "CREATED", "REVOKED"])
      for token in JSONText.list(answer, "tokens") {
        table.add(
          ["id", "name", "role", "tenant", "created_by", "created_at", "revoked_at"]
            .map { JSONText.text(token, $0) })
      }
      print(table.text)
    }

    private func tokens() async throws -> JSONValue {
      guard let store else { return try connection.client().json(.init(path: "/v1/tokens")) }
      return try await LocalStore.use(store) { open in
        .object([
          .init("tokens", .array(try await open.tokens.list().map(TokenDocument.json)))
        ])
      }
    }
  }
}
