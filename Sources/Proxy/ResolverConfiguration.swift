public import Platform

/// How the names among upstreams' addresses are resolved.
public struct ResolverConfiguration: Sendable, Equatable {
  /// Servers to ask; none stands for those of `/etc/resolv.conf`. Default none.
  public var servers: [SocketAddress] = []
  /// An answer is kept at least so long whatever its time to live is, and so long after a failure, in ms.
  /// Default 1 s.
  public var keepMinMilliseconds = 1_000
  /// An answer is kept at most so long whatever its time to live is, in ms. Default 5 min.
  public var keepMaxMilliseconds = 300_000
  /// How long the first round of questions waits for an answer, in ms; each further one longer. Default 2 s.
  public var timeoutMilliseconds = 2_000
  /// Rounds of questions. Default 2.
  public var tries = 2

  /// The defaults.
  public init() {}

  func validate() -> [String] {
    var faults: [String] = []
    func check(_ isGood: Bool, _ key: String, _ rule: String) {
      if !isGood { faults.append("resolver.\(key): \(rule)") }
    }
    let day = 86_400_000
    check(servers.count <= 8, "servers", "at most 8")
    check((1...day).contains(keepMinMilliseconds), "keep_min_ms", "must be 1 to 86400000")
    check(
      (keepMinMilliseconds...max(day, keepMinMilliseconds)).contains(keepMaxMilliseconds),
      "keep_max_ms", "must be keep_min_ms to 86400000")
    check((1...60_000).contains(timeoutMilliseconds), "timeout_ms", "must be 1 to 60000")
    check((1...10).contains(tries), "tries", "must be 1 to 10")
    return faults
  }
}
