extension ProgramConfiguration {
  mutating func takeLifeCycle(_ root: ConfigurationNode) {
    upgradeSocket = root["upgrade_socket"].optionalString()
    upgradeTimeoutMilliseconds = root["upgrade_timeout_ms"].integer(upgradeTimeoutMilliseconds)
    watchdogSeconds = root["watchdog_seconds"].integer(watchdogSeconds)
  }

  func lifeCycleFaults() -> [String] {
    var faults: [String] = []
    if let path = upgradeSocket, !path.hasPrefix("/") || !(2...90).contains(path.utf8.count) {
      faults.append("upgrade_socket: must be an absolute path of at most 90 bytes")
    }
    if !(100...3_600_000).contains(upgradeTimeoutMilliseconds) {
      faults.append("upgrade_timeout_ms: must be 100 to 3600000")
    }
    if !(0...3_600).contains(watchdogSeconds) {
      faults.append("watchdog_seconds: must be 0 (off) to 3600")
    }
    return faults
  }
}
