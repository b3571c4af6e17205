import Platform

/// Requests of one worker that wait for a connection to one upstream, oldest first. The pool bounds them.
struct WaitingRequests {
  /// A request and its head as the upstream is to get it.
  struct Entry {
    let connection: DownstreamConnection
    let head: Buffer
  }

  private var entries: [Entry] = []

  /// How many there are.
  var count: Int { entries.count }
  /// Whether nobody waits.
  var isEmpty: Bool { entries.isEmpty }

  /// Adds one at the end.
  mutating func append(_ entry: Entry) { entries.append(entry) }

  /// Takes the one that has waited longest. At most `pending_max` words are moved.
  mutating func popFirst() -> Entry? { entries.isEmpty ? nil : entries.removeFirst() }

  /// Takes a client's request out and returns its head; nil when it does not wait.
  mutating func remove(_ connection: DownstreamConnection) -> Buffer? {
    guard let index = entries.firstIndex(where: { $0.connection === connection }) else {
      return nil
    }
    return entries.remove(at: index).head
  }
}
