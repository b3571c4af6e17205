/// Why there is no response. Whether the request arrived is unknown unless said.
public enum HTTPClientError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Not sent: the request cannot be put into HTTP, or libcurl refuses an option.
  case invalidRequest(String)
  /// Not sent: no connection to the server.
  case unreachable(String)
  /// The time was over, connecting or waiting.
  case timedOut(String)
  /// The connection ended before the response did.
  case connectionLost(String)
  /// Not sent: the server's certificate is not trusted, or TLS could not be agreed on.
  case notTrusted(String)
  /// The response body is longer than the limit.
  case responseTooLarge(limit: Int)
  /// The response is not HTTP.
  case malformedResponse(String)

  /// Whether the same request may succeed later with nobody doing anything.
  public var mayRetry: Bool {
    switch self {
    case .unreachable, .timedOut, .connectionLost, .malformedResponse: true
    case .invalidRequest, .notTrusted, .responseTooLarge: false
    }
  }

  /// One line; holds no header and no body.
  public var description: String {
    switch self {
    case .invalidRequest(let reason): "request cannot be sent: \(reason)"
    case .unreachable(let reason): "server not reached: \(reason)"
    case .timedOut(let reason): "timed out: \(reason)"
    case .connectionLost(let reason): "connection lost: \(reason)"
    case .notTrusted(let reason): "TLS: \(reason)"
    case .responseTooLarge(let limit): "response body is longer than \(limit) bytes"
    case .malformedResponse(let reason): "response is not HTTP: \(reason)"
    }
  }
}
