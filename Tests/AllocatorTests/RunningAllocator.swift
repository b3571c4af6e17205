import Accounting
import Allocator
import Foundation
import HTTPClient
import Logging
import Store
import Synchronization
import Testing
import Usage

/// An allocator on loopback with a store of its own, one token a role, and a clock that stands
/// still.
struct RunningAllocator: Sendable {
  let store: EmbeddedStore
  let apiPort: Int
  let adminPort: Int
  let tokens: [Role: String]
  let folder: URL

  /// 2026-11-02T00:00:00Z: October is over.
  static let now = UTCInstant(microseconds: 1_793_577_600_000_000)
  static let october = try! Period(parsing: "2026-10")

  /// Starts one, runs `body`, and stops it again.
  static func run(
    _ configuration: AllocatorConfiguration = .onePerson,
    _ body: @escaping @Sendable (RunningAllocator) async throws -> Void
  ) async throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("weir-allocator-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    var configuration = configuration
    configuration.listen = .init(host: "127.0.0.1", port: 0)
    configuration.admin = .init(host: "127.0.0.1", port: 0)
    configuration.store = folder.appendingPathComponent("weir.sqlite").path
    let store = try await EmbeddedStore.open(at: configuration.store, create: true)
    var tokens: [Role: String] = [:]
    for role in Role.allCases {
      tokens[role] = try await store.tokens.create(
        name: role.rawValue, role: role, tenant: role == .tenant ? "acme" : nil, by: "test", at: now
      ).secret
    }
    let (ports, note) = AsyncStream.makeStream(of: AllocatorServer.Listening.self)
    let server = AllocatorServer(
      configuration: configuration, store: store,
      logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
      clock: { now }, noteListening: { note.yield($0) })
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        do {
          try await server.run()
        } catch is CancellationError {
        } catch {
          note.finish()
          throw error
        }
      }
      var api = 0
      var admin = 0
      var iterator = ports.makeAsyncIterator()
      while api == 0 || admin == 0, let port = await iterator.next() {
        switch port {
        case .api(let number): api = number
        case .admin(let number): admin = number
        }
      }
      let running = RunningAllocator(
        store: store, apiPort: api, adminPort: admin, tokens: tokens, folder: folder)
      if api > 0, admin > 0 {
        do {
          try await body(running)
        } catch {
          group.cancelAll()
          throw error
        }
      }
      group.cancelAll()
      try await group.waitForAll()
    }
    try store.close()
  }

  /// The token of a further person.
  func token(named name: String, role: Role = .operator) async throws -> HTTPRequest.Field {
    let made = try await store.tokens.create(name: name, role: role, by: "test", at: Self.now)
    return .init("Authorization", "Bearer \(made.secret)")
  }

  /// One answer.
  struct Answer: Sendable {
    let status: Int
    let headers: [HTTPRequest.Field]
    let body: [UInt8]

    var text: String { String(decoding: body, as: UTF8.self) }
    var json: JSONValue? { try? JSONValue(parsing: body) }
    var code: String? { json?["error"]?["code"]?.asString }
  }

  /// One call of the API.
  func call(
    _ method: String, _ path: String, as role: Role? = .operator, body: [UInt8] = [],
    headers: [HTTPRequest.Field] = []
  ) async throws -> Answer {
    var fields = headers
    if let role, let token = tokens[role] {
      fields.append(.init("Authorization", "Bearer \(token)"))
    }
    return try await send(method, "http://127.0.0.1:\(apiPort)\(path)", fields, body)
  }

  func call(_ method: String, _ path: String, as role: Role? = .operator, text: String)
    async throws -> Answer
  {
    try await call(method, path, as: role, body: Array(text.utf8))
  }

  /// One call of the admin port.
  func admin(_ path: String) async throws -> Answer {
    try await send("GET", "http://127.0.0.1:\(adminPort)\(path)", [], [])
  }

  /// The client blocks, so it gets a thread outside the pool that the server runs on.
  private func send(
    _ method: String, _ url: String, _ headers: [HTTPRequest.Field], _ body: [UInt8]
  ) async throws -> Answer {
    try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread {
        continuation.resume(
          with: Result {
            let client = try HTTPClient(
              .init(totalTimeoutMilliseconds: 120_000, bodyBytesMax: 64 << 20))
            let response = try client.send(
              HTTPRequest(method: method, url: url, headers: headers, body: body))
            return Answer(
              status: response.status, headers: response.headers, body: response.body)
          })
      }
    }
  }
}

extension AllocatorConfiguration {
  /// Whoever asks may post: for tests that are not about the second person.
  static var onePerson: AllocatorConfiguration {
    var configuration = AllocatorConfiguration()
    configuration.approvals.people = 1
    return configuration
  }
}
