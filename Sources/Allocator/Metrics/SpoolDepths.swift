internal import Synchronization

/// How much each proxy said was still waiting in its spool, with its latest delivery.
///
/// Kept in memory: after a restart it is unknown until the proxy delivers again.
final class SpoolDepths: Sendable {
  /// What a proxy said.
  struct Depth: Sendable, Equatable {
    /// Batches not yet acknowledged, the one that was delivered included.
    var batches: Int
    /// Their bytes.
    var bytes: Int
  }

  /// Proxies remembered at most; further ones stay unknown.
  static let instancesMax = 4_096

  private let state = Mutex<[String: Depth]>([:])

  /// Nothing known.
  init() {}

  /// Remembers what a proxy said.
  func note(_ depth: Depth, of instance: String) {
    state.withLock { depths in
      // Bound: instancesMax.
      guard depths[instance] != nil || depths.count < Self.instancesMax else { return }
      depths[instance] = depth
    }
  }

  /// What a proxy said last; nil when it has said nothing since the start.
  subscript(instance: String) -> Depth? { state.withLock { $0[instance] } }
}

extension SpoolDepths.Depth {
  /// Reads `<batches> <bytes>`, two decimal numbers; nil for anything else.
  init?(field: String) {
    let parts = field.split(separator: " ", omittingEmptySubsequences: false)
    guard parts.count == 2, let batches = Int(parts[0]), let bytes = Int(parts[1]), batches >= 0,
      bytes >= 0
    else { return nil }
    self.init(batches: batches, bytes: bytes)
  }
}
