public import Platform

/// What the threads that watch upstreams have to say, for the log.
public enum UpstreamEvent: Sendable, Equatable {
  /// Checks found that an address is well again.
  case isUp(upstream: String, Endpoint)
  /// Checks found that an address is not well; the last one's reason in words.
  case isDown(upstream: String, Endpoint, reason: String)
  /// A name has other addresses than before.
  case resolved(upstream: String, name: String, addresses: [Endpoint])
  /// A name could not be resolved; the addresses that it had are kept, if it had any.
  case resolutionFailed(upstream: String, name: String, reason: String)
}
