/// What Weir writes into heads beside the tenant, and what it makes of what is there.
public struct HeaderConfiguration: Sendable, Equatable {
  /// In which fields the upstream is told of the client.
  public enum Forwarding: String, Sendable, CaseIterable {
    /// `X-Forwarded-For`, `-Proto` and `-Host`.
    case xForwarded = "x_forwarded"
    /// `Forwarded` (RFC 7239).
    case rfc7239
    /// All of them.
    case both
  }

  /// What becomes of `traceparent` and `tracestate` (W3C Trace Context).
  public enum Trace: String, Sendable, CaseIterable {
    /// A valid one is passed on; without one, a new trace begins.
    case create
    /// A valid one is passed on, others are removed.
    case pass
    /// Neither looked at nor changed.
    case off
  }

  /// Default `X-Forwarded-*`: what most upstreams read.
  public var forwarding = Forwarding.xForwarded
  /// Default `create`, with the sampled flag: what an upstream does with a request that has no trace.
  public var trace = Trace.create
  /// The field that carries the request's id, nil for none. Default `X-Request-Id`.
  public var requestID: String? = "X-Request-Id"
  /// Whether the client gets the id in the same field. Default false.
  public var returnsRequestID = false

  /// The defaults.
  public init() {}

  func validate(tenantHeader: String) -> [String] {
    guard let name = requestID else {
      return returnsRequestID ? ["headers.request_id_to_client: needs headers.request_id"] : []
    }
    guard ProxyConfiguration.isToken(name), name.utf8.count <= 128,
      !ProxyConfiguration.isReservedField(name), name.lowercased() != tenantHeader.lowercased()
    else { return ["headers.request_id: \"\(name)\" cannot carry a request id"] }
    return []
  }
}
