/// What Weir counts for each (tenant, route) and interval. See docs/metering.md for the meaning of each.
///
/// The raw value is the position of the counter in a segment and in a batch: it is part of both file
/// formats and is never reused. All are unsigned 64-bit sums, mergeable by addition.
public enum Quantity: UInt8, CaseIterable, Sendable {
  case requests = 0
  case responses2xx
  case responses3xx
  case responses4xx
  case responses5xx
  case endedCompleted
  case endedClientAbort
  case endedUpstreamFailure
  case endedRejected
  case endedDrained
  case endedCrashed
  case attempts
  case failedAttempts
  case requestBytes
  case responseBytes
  case requestBodyBytes
  case responseBodyBytes
  case upstreamRequestBytes
  case upstreamResponseBytes
  case durationMicroseconds
  case upstreamMicroseconds
  case upstreamCPUMicroseconds
  case streamMilliseconds
  case units0
  case units1
  case units2
  case units3
  /// Requests for which a cost hint gave `upstreamCPUMicroseconds`: an absent hint is not a zero.
  case cpuHintedRequests
  /// Calls of gRPC by the class of their status, see `docs/metering.md`.
  case grpcOK
  case grpcClientErrors
  case grpcServerErrors

  /// How many quantities there are; a row holds exactly this many counters.
  public static let count = 31

  /// The quantities that say why an exchange ended; each exchange has exactly one.
  public static let ended: [Quantity] = [
    .endedCompleted, .endedClientAbort, .endedUpstreamFailure, .endedRejected, .endedDrained,
    .endedCrashed,
  ]

  /// The name used in policies, APIs, statements and metrics, for example `upstream_cpu_us`.
  public var name: String { Self.names[Int(rawValue)] }

  /// The unit of one count: `1`, `byte`, `us`, `ms` or `micro` (10^-6 of a declared unit).
  public var unit: String {
    switch self {
    case .requestBytes, .responseBytes, .requestBodyBytes, .responseBodyBytes,
      .upstreamRequestBytes, .upstreamResponseBytes:
      "byte"
    case .durationMicroseconds, .upstreamMicroseconds, .upstreamCPUMicroseconds: "us"
    case .streamMilliseconds: "ms"
    case .units0, .units1, .units2, .units3: "micro"
    default: "1"
    }
  }

  /// The quantity of that name, or nil.
  public init?(name: String) {
    guard let index = Self.names.firstIndex(of: name) else { return nil }
    self.init(rawValue: UInt8(index))
  }

  private static let names: [String] = [
    "requests", "responses_2xx", "responses_3xx", "responses_4xx", "responses_5xx",
    "ended_completed", "ended_client_abort", "ended_upstream_failure", "ended_rejected",
    "ended_drained", "ended_crashed", "attempts", "failed_attempts", "request_bytes",
    "response_bytes", "request_body_bytes", "response_body_bytes", "upstream_request_bytes",
    "upstream_response_bytes", "duration_us", "upstream_us", "upstream_cpu_us", "stream_ms",
    "units_0", "units_1", "units_2", "units_3", "cpu_hinted_requests", "grpc_ok",
    "grpc_client_errors", "grpc_server_errors",
  ]
}
