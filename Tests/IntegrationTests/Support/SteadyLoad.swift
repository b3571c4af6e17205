import PlainHTTP
import Synchronization
import TestSupport

/// Clients that keep their connections and ask without a pause, as long as they are let.
///
/// A connection is given up only after an answer that says `Connection: close`. Anything else that goes wrong, a
/// refused connection, a reset, an end instead of an answer, a status other than 200, is a failed request.
final class SteadyLoad: Sendable {
  private struct Books {
    var answered: UInt64 = 0
    var connections: UInt64 = 0
    var failures: [String] = []
  }

  /// The tenant of all requests.
  static let tenant = "steady"

  private let port: UInt16
  private let books = Mutex(Books())
  private let stopping = Atomic<Bool>(false)
  private let threads = Mutex<[SpawnedThread]>([])

  /// Starts so many clients.
  init(port: UInt16, clients: Int) throws {
    self.port = port
    for _ in 0..<clients {
      let thread = try SpawnedThread { [self] in run() }
      threads.withLock { $0.append(thread) }
    }
  }

  /// Requests that were answered in full, by 200.
  var answered: UInt64 { books.withLock { $0.answered } }
  /// Connections that were made.
  var connections: UInt64 { books.withLock { $0.connections } }
  /// Requests that were not.
  var failures: [String] { books.withLock { $0.failures } }

  /// Lets every client finish its request, and waits for it.
  func stop() {
    stopping.store(true, ordering: .relaxed)
    for thread in threads.withLock({ $0 }) { thread.join() }
    threads.withLock { $0 = [] }
  }

  private func run() {
    while !stopping.load(ordering: .relaxed) {
      do {
        try useConnection()
      } catch {
        books.withLock { $0.failures.append("\(error)") }
      }
    }
  }

  private func useConnection() throws {
    let client = try RawClient(port: port)
    defer { client.close() }
    books.withLock { $0.connections += 1 }
    while !stopping.load(ordering: .relaxed) {
      try client.send("GET /api/items HTTP/1.1\r\nHost: a\r\nX-Tenant: \(Self.tenant)\r\n\r\n")
      let response = try client.readResponse()
      books.withLock { books in
        if response.status == 200 {
          books.answered += 1
        } else {
          books.failures.append("status \(response.status)")
        }
      }
      if response.head.value("connection")?.lowercased() == "close" { return }
    }
  }
}
