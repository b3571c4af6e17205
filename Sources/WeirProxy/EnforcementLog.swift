import Logging
import Proxy

/// What the proxy refuses and does without, as log lines.
enum EnforcementLog {
  static func write(_ event: EnforcementEvent, to logger: Logger) {
    switch event {
    case .limited(let notice):
      logger.warning(
        "a tenant has met its limit",
        metadata: ["tenant": "\(notice.tenant)", "code": "\(notice.code)"])
    case .limitedNotTold(let count):
      logger.warning(
        "more tenants have met their limits than are told one by one",
        metadata: ["tenants": "\(count)"])
    case .level(let level, let reading):
      logger.log(
        level: level == 0 ? .warning : .error, "the level of overload has changed",
        metadata: [
          "level": "\(level)", "memory_bytes": "\(reading.memoryBytes)",
          "memory_bytes_max": "\(reading.memoryBytesMax)",
          "descriptors": "\(reading.descriptors)", "descriptors_max": "\(reading.descriptorsMax)",
        ])
    }
  }
}
