internal import Synchronization

/// Lets a bounded number of holders in; the next is refused, not queued, so that memory stays
/// bounded.
final class Gate: Sendable {
  private let name: String
  private let limit: Int
  private let held = Mutex(0)

  /// A gate for `limit` holders; `name` is what there are too many of.
  init(name: String, limit: Int) {
    precondition(limit > 0, "a gate that nobody passes")
    self.name = name
    self.limit = limit
  }

  /// Runs `body` as one holder; throws `busy` when the gate is full.
  func pass<Value>(_ body: () async throws -> Value) async throws -> Value {
    let isIn = held.withLock { count in
      guard count < limit else { return false }
      count += 1
      return true
    }
    guard isIn else { throw APIError.busy(what: name) }
    defer { held.withLock { $0 -= 1 } }
    return try await body()
  }
}
