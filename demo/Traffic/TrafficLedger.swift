import PlainHTTP
import Synchronization

/// The client's own books: tallies by tenant and path family, and the sockets' totals to hold them against.
final class TrafficLedger: Sendable {
  private struct Books {
    var tenants: [String: Account] = [:]
    var bytesSent: UInt64 = 0
    var bytesReceived: UInt64 = 0
    var connections: UInt64 = 0
    var faults: [String] = []
    var faultCount: UInt64 = 0
  }

  private struct Account {
    let kind: String
    let shape: String
    var paths: [String: TrafficTally] = [:]

    var total: TrafficTally { paths.values.reduce(into: TrafficTally()) { $0 += $1 } }
  }

  private let books = Mutex(Books())

  /// Adds one request of a session.
  func add(_ tally: TrafficTally, path: String, session: Session) {
    books.withLock {
      let name = session.identity.ledgerName
      let fresh = Account(kind: session.identity.kind, shape: session.shape)
      $0.tenants[name, default: fresh].paths[path, default: TrafficTally()] += tally
    }
  }

  /// Adds what a closed socket moved.
  func close(_ socket: Socket) {
    books.withLock {
      $0.bytesSent += socket.bytesSent
      $0.bytesReceived += socket.bytesReceived
      $0.connections += 1
    }
    socket.close()
  }

  /// Notes something that should not have happened; the first twenty are kept in words.
  func fault(_ text: String) {
    books.withLock {
      $0.faultCount += 1
      if $0.faults.count < 20 { $0.faults.append(text) }
    }
  }

  /// The sum over all tenants.
  var total: TrafficTally {
    books.withLock { $0.tenants.values.reduce(into: TrafficTally()) { $0 += $1.total } }
  }

  /// Everything that speaks against the run, in words; empty when it went as planned.
  func objections(requestsPlanned: Int) -> [String] {
    let total = total
    var found = books.withLock { $0.faults }
    books.withLock {
      if $0.bytesSent != total.requestBytes || $0.bytesReceived != total.responseBytes {
        found.append(
          "tallies say \(total.requestBytes) bytes out and \(total.responseBytes) in, "
            + "sockets say \($0.bytesSent) and \($0.bytesReceived)")
      }
    }
    if total.requests != UInt64(requestsPlanned) {
      found.append("\(total.requests) of \(requestsPlanned) planned requests were made")
    }
    return found
  }

  /// The whole ledger; `run` are members that describe the run itself.
  func json(run: [(String, String)], objections: [String]) -> String {
    let total = total
    let copy = books.withLock { $0 }
    let tenants = copy.tenants.sorted { $0.key < $1.key }.map { name, account in
      let paths = account.paths.sorted { $0.key < $1.key }.map { ($0.key, $0.value.json) }
      let members = [
        ("identity", JSONText.string(account.kind)), ("shape", JSONText.string(account.shape)),
        ("total", account.total.json), ("paths", JSONText.object(paths, level: 3)),
      ]
      return (name, JSONText.object(members, level: 2))
    }
    let sockets = JSONText.counts([
      ("connections", copy.connections), ("bytes_sent", copy.bytesSent),
      ("bytes_received", copy.bytesReceived),
    ])
    return JSONText.object([
      ("run", JSONText.object(run, level: 1)),
      ("objections", "[" + objections.map(JSONText.string).joined(separator: ", ") + "]"),
      ("total", total.json), ("sockets", sockets),
      ("tenants", JSONText.object(tenants, level: 1)),
    ])
  }
}
