import Logging
import Platform
import Proxy

/// What the watch over upstreams has to say, as log lines.
enum UpstreamLog {
  /// Writes one event.
  static func write(_ event: UpstreamEvent, to logger: Logger) {
    switch event {
    case .isUp(let upstream, let address):
      logger.info(
        "an upstream's address is well again",
        metadata: ["upstream": "\(upstream)", "address": "\(address)"])
    case .isDown(let upstream, let address, let reason):
      logger.warning(
        "an upstream's address fails its checks",
        metadata: [
          "upstream": "\(upstream)", "address": "\(address)", "reason": "\(reason)",
        ])
    case .resolved(let upstream, let name, let addresses):
      logger.info(
        "a name has new addresses",
        metadata: [
          "upstream": "\(upstream)", "name": "\(name)",
          "addresses": "\(addresses.map(\.description).joined(separator: " "))",
        ])
    case .resolutionFailed(let upstream, let name, let reason):
      logger.warning(
        "a name cannot be resolved; the addresses that it had are kept",
        metadata: ["upstream": "\(upstream)", "name": "\(name)", "reason": "\(reason)"])
    }
  }
}
