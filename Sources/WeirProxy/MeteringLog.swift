import Logging
import Metering

/// The meter's events as log lines: a person must act on errors; warnings are degraded service.
enum MeteringLog {
  static func write(_ event: MeteringEvent, to logger: Logger) {
    switch event {
    case .segmentIsVolatile(let name, let error):
      logger.error(
        "counting in memory that a kill would lose: a segment could not be allocated",
        metadata: ["segment": "\(name)", "error": "\(error)"])
    case .segmentIsMissing(let name, let error):
      logger.error(
        "no memory for the next interval; the current one goes on",
        metadata: ["segment": "\(name)", "error": "\(error)"])
    case .growthFailed(let name, let error):
      logger.error(
        "new tenants are counted as ~overflow: a segment could not be extended",
        metadata: ["segment": "\(name)", "error": "\(error)"])
    case .sealFailed(let name, let error):
      logger.error(
        "a sealed segment is not on disk; it is delivered from memory",
        metadata: ["segment": "\(name)", "error": "\(error)"])
    case .workerIsLate(let worker, let seconds):
      logger.error(
        "a worker is stuck", metadata: ["worker": "\(worker)", "seconds": "\(seconds)"])
    case .workerIsBack(let worker):
      logger.warning("a stuck worker is back", metadata: ["worker": "\(worker)"])
    case .clockStepped(let name):
      logger.warning("the wall clock was stepped", metadata: ["segment": "\(name)"])
    case .openAtClose(let name, let exchanges):
      logger.error(
        "exchanges were open when a worker ended",
        metadata: ["segment": "\(name)", "exchanges": "\(exchanges)"])
    case .conservationBroken(let name, let quantities):
      logger.error(
        "the tenants' sum is not the listeners' total: report this bug",
        metadata: ["segment": "\(name)", "quantities": "\(quantities.joined(separator: ","))"])
    case .recovered(let name, let orphans):
      logger.warning(
        "recovered a segment of a killed process",
        metadata: ["segment": "\(name)", "orphans": "\(orphans)"])
    case .refused(let error):
      logger.error("a segment file was set aside", metadata: ["error": "\(error)"])
    case .recoveryFailed(let error):
      logger.error(
        "a former process's segments could not be taken over; the next start tries again",
        metadata: ["error": "\(error)"])
    }
  }
}
