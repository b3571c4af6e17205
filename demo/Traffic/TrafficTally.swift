import PlainHTTP

/// What the client saw of one tenant on one family of paths.
struct TrafficTally: Sendable, Equatable {
  /// Requests begun.
  var requests: UInt64 = 0
  /// Bytes of heads and bodies with their framing; interim responses and tunnels are among them.
  var requestBytes: UInt64 = 0
  var responseBytes: UInt64 = 0
  /// Content alone: after de-chunking, without framing, without tunnels.
  var requestBodyBytes: UInt64 = 0
  var responseBodyBytes: UInt64 = 0
  /// Raw bytes after a 101.
  var tunnelBytesSent: UInt64 = 0
  var tunnelBytesReceived: UInt64 = 0
  /// Final responses by class, 101 among the 2xx; index 0 is 2xx.
  var statuses: [UInt64] = [0, 0, 0, 0]
  /// Interim responses (100).
  var interims: UInt64 = 0
  /// Requests without a whole answer.
  var failures: UInt64 = 0

  /// Counts one final status.
  mutating func count(status: Int) {
    switch status {
    case 101, 200..<300: statuses[0] += 1
    case 300..<400: statuses[1] += 1
    case 400..<500: statuses[2] += 1
    default: statuses[3] += 1
    }
  }

  static func += (left: inout TrafficTally, right: TrafficTally) {
    left.requests += right.requests
    left.requestBytes += right.requestBytes
    left.responseBytes += right.responseBytes
    left.requestBodyBytes += right.requestBodyBytes
    left.responseBodyBytes += right.responseBodyBytes
    left.tunnelBytesSent += right.tunnelBytesSent
    left.tunnelBytesReceived += right.tunnelBytesReceived
    for index in left.statuses.indices { left.statuses[index] += right.statuses[index] }
    left.interims += right.interims
    left.failures += right.failures
  }

  /// The tally as one line of JSON.
  var json: String {
    JSONText.counts([
      ("requests", requests), ("request_bytes", requestBytes), ("response_bytes", responseBytes),
      ("request_body_bytes", requestBodyBytes), ("response_body_bytes", responseBodyBytes),
      ("tunnel_bytes_sent", tunnelBytesSent), ("tunnel_bytes_received", tunnelBytesReceived),
      ("responses_2xx", statuses[0]), ("responses_3xx", statuses[1]),
      ("responses_4xx", statuses[2]), ("responses_5xx", statuses[3]), ("interims", interims),
      ("failures", failures),
    ])
  }
}
