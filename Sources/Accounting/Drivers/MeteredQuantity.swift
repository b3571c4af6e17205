/// The quantities that Weir meters, by the names that policies and statements use.
///
/// The list is the one of the metering contract (`docs/metering.md`). Units of the operator's own
/// come beside them under the name that the operator declared.
public enum MeteredQuantity: String, CaseIterable, Hashable, Sendable {
  /// Request heads accepted.
  case requests
  /// Final responses of class 2xx.
  case responses2xx = "responses_2xx"
  /// Final responses of class 3xx.
  case responses3xx = "responses_3xx"
  /// Final responses of class 4xx.
  case responses4xx = "responses_4xx"
  /// Final responses of class 5xx.
  case responses5xx = "responses_5xx"
  /// Exchanges whose whole response reached the client's transport.
  case endedCompleted = "ended_completed"
  /// Exchanges that the client left.
  case endedClientAbort = "ended_client_abort"
  /// Exchanges without a usable response.
  case endedUpstreamFailure = "ended_upstream_failure"
  /// Exchanges that Weir answered itself.
  case endedRejected = "ended_rejected"
  /// Exchanges cut off by shutdown.
  case endedDrained = "ended_drained"
  /// Exchanges orphaned by a kill.
  case endedCrashed = "ended_crashed"
  /// Tries at an upstream.
  case attempts
  /// Tries that failed.
  case failedAttempts = "failed_attempts"
  /// Bytes from the client.
  case requestBytes = "request_bytes"
  /// Bytes to the client.
  case responseBytes = "response_bytes"
  /// Content bytes from the client.
  case requestBodyBytes = "request_body_bytes"
  /// Content bytes to the client.
  case responseBodyBytes = "response_body_bytes"
  /// Bytes to upstreams, all attempts.
  case upstreamRequestBytes = "upstream_request_bytes"
  /// Bytes from upstreams, all attempts.
  case upstreamResponseBytes = "upstream_response_bytes"
  /// Time from the first request byte to the last response byte.
  case durationUs = "duration_us"
  /// Time that upstreams took, all attempts.
  case upstreamUs = "upstream_us"
  /// CPU time that upstreams reported.
  case upstreamCpuUs = "upstream_cpu_us"
  /// Open time of streams and tunnels.
  case streamMs = "stream_ms"
  /// Requests whose CPU time an upstream reported.
  case cpuHintedRequests = "cpu_hinted_requests"
  /// Calls of gRPC whose status was OK.
  case grpcOK = "grpc_ok"
  /// Calls of gRPC that failed by the client's fault.
  case grpcClientErrors = "grpc_client_errors"
  /// Calls of gRPC that failed by the server's fault.
  case grpcServerErrors = "grpc_server_errors"

  /// The unit of the quantity: `1`, `byte`, `us` or `ms`.
  public var unit: String {
    if rawValue.hasSuffix("_bytes") { return "byte" }
    if rawValue.hasSuffix("_us") { return "us" }
    if rawValue.hasSuffix("_ms") { return "ms" }
    return "1"
  }

  /// The unit of any quantity by name; operator's own units are counted in millionths.
  public static func unit(of name: String) -> String {
    MeteredQuantity(rawValue: name)?.unit ?? "10^-6 \(name)"
  }
}
