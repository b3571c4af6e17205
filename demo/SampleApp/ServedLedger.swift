import PlainHTTP
import Synchronization

/// What one tenant was served.
struct ServedTally: Sendable {
  /// Requests whose head was read.
  var requests: UInt64 = 0
  /// Bytes of heads and bodies with their framing; a tunnel's bytes are among them.
  var requestBytes: UInt64 = 0
  var responseBytes: UInt64 = 0
  /// Content alone, without framing and without tunnels.
  var requestBodyBytes: UInt64 = 0
  var responseBodyBytes: UInt64 = 0
  /// Raw bytes after a 101.
  var tunnelBytesIn: UInt64 = 0
  var tunnelBytesOut: UInt64 = 0
  /// Sum of the `Server-Timing` values that count: the trailer's where one was sent, else the header's.
  var cpuMicroseconds: UInt64 = 0

  static func += (left: inout ServedTally, right: ServedTally) {
    left.requests += right.requests
    left.requestBytes += right.requestBytes
    left.responseBytes += right.responseBytes
    left.requestBodyBytes += right.requestBodyBytes
    left.responseBodyBytes += right.responseBodyBytes
    left.tunnelBytesIn += right.tunnelBytesIn
    left.tunnelBytesOut += right.tunnelBytesOut
    left.cpuMicroseconds += right.cpuMicroseconds
  }

  /// The tally as one line of JSON.
  var json: String {
    JSONText.counts([
      ("requests", requests), ("request_bytes", requestBytes), ("response_bytes", responseBytes),
      ("request_body_bytes", requestBodyBytes), ("response_body_bytes", responseBodyBytes),
      ("tunnel_bytes_in", tunnelBytesIn), ("tunnel_bytes_out", tunnelBytesOut),
      ("cpu_us", cpuMicroseconds),
    ])
  }
}

/// The app's own record per value of the tenant header; `~none` stands for requests without one.
final class ServedLedger: Sendable {
  private let name: String
  private let tallies = Mutex<[String: ServedTally]>([:])

  init(name: String) { self.name = name }

  /// Adds one finished request.
  func add(_ tally: ServedTally, tenant: String) {
    tallies.withLock { $0[tenant, default: ServedTally()] += tally }
  }

  /// The whole ledger, tenants in order.
  func json() -> String {
    let copy = tallies.withLock { $0 }
    let total = copy.values.reduce(into: ServedTally()) { $0 += $1 }
    let tenants = copy.sorted { $0.key < $1.key }.map { ($0.key, $0.value.json) }
    return JSONText.object([
      ("name", JSONText.string(name)),
      ("total", total.json),
      ("tenants", JSONText.object(tenants, level: 1)),
    ])
  }
}
