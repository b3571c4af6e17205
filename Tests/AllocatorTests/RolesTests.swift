import Accounting
import Allocator
import Foundation
import HTTPClient
import Logging
import Store
import Testing

@Suite struct RolesTests {
  /// The table that the reference prints: who may call what.
  static let table: [(method: String, path: String, roles: Set<Role>)] = [
    ("POST", "/v1/batches", [.ingest]),
    ("POST", "/v1/costs", [.operator]),
    ("GET", "/v1/costs/imports", [.operator, .reader]),
    ("GET", "/v1/costs/imports/{id}", [.operator, .reader]),
    ("GET", "/v1/costs/imports/{id}/quarantine", [.operator, .reader]),
    ("GET", "/v1/costs/imports/{id}/differences", [.operator, .reader]),
    ("GET", "/v1/costs/late", [.operator, .reader]),
    ("GET", "/v1/costs/invoices", [.operator, .reader]),
    ("POST", "/v1/costs/maps", [.operator]),
    ("POST", "/v1/costs/withdraw", [.operator]),
    ("GET", "/v1/skus", [.operator, .reader]),
    ("POST", "/v1/skus", [.operator]),
    ("GET", "/v1/skus/coverage", [.operator, .reader]),
    ("GET", "/v1/series", [.operator, .reader]),
    ("GET", "/v1/series/{name}", [.operator, .reader]),
    ("POST", "/v1/series", [.operator]),
    ("POST", "/v1/series/labels", [.operator]),
    ("POST", "/v1/series/{name}/fetch", [.operator]),
    ("GET", "/v1/policy", [.operator, .reader]),
    ("PUT", "/v1/policy", [.operator]),
    ("POST", "/v1/policy/check", [.operator, .reader]),
    ("POST", "/v1/policy/diff", [.operator, .reader]),
    ("GET", "/v1/rates", [.operator, .reader]),
    ("POST", "/v1/rates", [.operator]),
    ("GET", "/v1/tenants/history", [.operator, .reader]),
    ("PUT", "/v1/tenants/history", [.operator]),
    ("GET", "/v1/periods/{period}/why", [.operator, .reader]),
    ("GET", "/v1/tenants", [.operator, .reader]),
    ("POST", "/v1/tenants", [.operator]),
    ("GET", "/v1/periods", [.operator, .reader]),
    ("GET", "/v1/periods/{period}", [.operator, .reader]),
    ("POST", "/v1/periods/{period}/close", [.operator]),
    ("POST", "/v1/periods/{period}/soft-close", [.operator]),
    ("POST", "/v1/periods/{period}/restate", [.operator]),
    ("GET", "/v1/periods/{period}/seal", [.operator, .reader]),
    ("GET", "/v1/periods/{period}/late", [.operator, .reader]),
    ("GET", "/v1/periods/{period}/adjustments", [.operator, .reader]),
    ("POST", "/v1/periods/{period}/adjustments", [.operator]),
    ("GET", "/v1/orders", [.operator, .reader]),
    ("GET", "/v1/orders/{id}", [.operator, .reader]),
    ("POST", "/v1/orders/{id}/approve", [.operator]),
    ("POST", "/v1/orders/{id}/withdraw", [.operator]),
    ("GET", "/v1/disputes", [.operator, .reader]),
    ("POST", "/v1/disputes", [.operator]),
    ("GET", "/v1/disputes/{id}", [.operator, .reader]),
    ("POST", "/v1/disputes/{id}/answer", [.operator]),
    ("POST", "/v1/disputes/{id}/evidence", [.operator]),
    ("POST", "/v1/disputes/{id}/resolve", [.operator]),
    ("GET", "/v1/periods/{period}/reconciliation", [.operator, .reader]),
    ("GET", "/v1/periods/{period}/statements", [.operator, .reader, .tenant]),
    ("GET", "/v1/periods/{period}/statements/{tenant}", [.operator, .reader, .tenant]),
    ("GET", "/v1/periods/{period}/statements-zip", [.operator, .reader]),
    ("GET", "/v1/periods/{period}/exports/{format}", [.operator, .reader]),
    ("POST", "/v1/periods/{period}/exports/journal", [.operator, .reader]),
    ("GET", "/v1/usage", [.operator, .reader, .tenant]),
    ("GET", "/v1/ledger/entries", [.operator, .reader]),
    ("GET", "/v1/ledger/verify", [.operator, .reader]),
    ("GET", "/v1/status", [.operator, .reader]),
    ("GET", "/v1/audit", [.operator]),
    ("GET", "/v1/backup", [.operator]),
    ("GET", "/v1/tokens", [.operator]),
    ("POST", "/v1/tokens", [.operator]),
    ("DELETE", "/v1/tokens/{id}", [.operator]),
  ]

  @Test func `every endpoint lets in its roles and nobody else`() async throws {
    try await RunningAllocator.run { allocator in
      for (method, path, roles) in Self.table {
        let target = path.replacingOccurrences(of: "{period}", with: "2026-10")
          .replacingOccurrences(of: "{id}", with: "99").replacingOccurrences(
            of: "{tenant}", with: "acme"
          ).replacingOccurrences(of: "{format}", with: "hledger")
        for role in Role.allCases {
          let answer = try await allocator.call(method, target, as: role)
          let isRefused = answer.status == 403 && answer.code == "forbidden"
          #expect(
            isRefused == !roles.contains(role), "\(method) \(path) as \(role): \(answer.text)")
          #expect(answer.status != 401, "\(method) \(path) as \(role)")
        }
        let stranger = try await allocator.call(method, target, as: nil)
        #expect(stranger.status == 401 && stranger.code == "unauthorized", "\(method) \(path)")
      }
    }
  }

  @Test func `the table names every endpoint`() async throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("weir-roles-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let store = try await EmbeddedStore.open(
      at: folder.appendingPathComponent("weir.sqlite").path, create: true)
    let server = AllocatorServer(
      configuration: .init(), store: store, logger: .init(label: "test"),
      clock: { RunningAllocator.now })

    let served = Dictionary(
      uniqueKeysWithValues: server.endpoints.map { ("\($0.methodName) \($0.path)", $0.roles) })

    let listed = Dictionary(
      uniqueKeysWithValues: Self.table.map { ("\($0.method) \($0.path)", $0.roles) })
    #expect(served == listed)
  }

  @Test func `the reference names every endpoint and error code`() throws {
    let text = try Repository.text("docs/reference/api.md")
    for (method, path, roles) in Self.table {
      let line = text.split(separator: "\n").first { $0.hasPrefix("| `\(method) \(path)`") }
      let cells = line?.split(separator: "|") ?? []
      try #require(cells.count > 1, "\(method) \(path)")
      let listed = cells[1].split { !$0.isLetter }.map(String.init)
      for role in Role.allCases {
        #expect(
          listed.contains(role.rawValue) == roles.contains(role), "\(method) \(path) \(role)")
      }
    }
    for code in Repository.errorCodes { #expect(text.contains("`\(code)`"), "\(code)") }
  }

  @Test(arguments: [
    "Bearer ", "Bearer weir_00", "Basic b2xnYTp4",
    "Bearer weir_\(String(repeating: "0", count: 64))",
  ])
  func `a wrong credential is refused`(_ credential: String) async throws {
    try await RunningAllocator.run { allocator in
      let answer = try await allocator.call(
        "GET", "/v1/status", as: nil, headers: [.init("Authorization", credential)])

      #expect(answer.status == 401)
      #expect(answer.headers.contains { $0.name == "www-authenticate" && $0.value == "Bearer" })
    }
  }

  @Test func `a revoked token is refused at once`() async throws {
    try await RunningAllocator.run { allocator in
      let made = try await allocator.call(
        "POST", "/v1/tokens", text: #"{"role":"reader","name":"rita"}"#)
      #expect(made.status == 201)
      let secret = try #require(made.json?["secret"]?.asString)
      let id = try #require(made.json?["id"]?.asString)
      let field = [HTTPField("Authorization", "Bearer \(secret)")]
      #expect(try await allocator.call("GET", "/v1/status", as: nil, headers: field).status == 200)

      _ = try await allocator.call("DELETE", "/v1/tokens/\(id)")

      #expect(try await allocator.call("GET", "/v1/status", as: nil, headers: field).status == 401)
      let list = try await allocator.call("GET", "/v1/tokens").text
      #expect(list.contains(id) && !list.contains(secret))
    }
  }
}
