import Metering
import Platform
import Proxy
import Usage

extension ProgramConfiguration {
  /// Reads a configuration file: the configuration when it is good, else every fault with its place.
  static func load(_ path: String, syscalls: Syscalls) -> (ProgramConfiguration?, [String]) {
    let bytes: [UInt8]
    do throws(SystemError) {
      bytes = try syscalls.readFile(path, bytesMax: 4 << 20)
    } catch {
      return (nil, ["the file cannot be read: \(error)"])
    }
    let (configuration, faults) = read(String(decoding: bytes, as: UTF8.self))
    return (faults.isEmpty ? configuration : nil, faults)
  }

  /// What a running process with this configuration cannot change to become `next`, each with its place.
  func faults(changingTo next: ProgramConfiguration) -> [String] {
    var faults = ProxyServer.faults(changing: proxy, to: next.proxy)
    func keep(_ isSame: Bool, _ place: String) {
      if !isSame { faults.append("\(place): needs a restart or an upgrade") }
    }
    keep(metering.instance == next.metering.instance, "instance")
    keep(admin == next.admin, "admin.address")
    keep(metering.sealedDirectory == next.metering.sealedDirectory, "metering.directory")
    keep(metering.activeDirectory == next.metering.activeDirectory, "metering.active_directory")
    keep(metering.intervalSeconds == next.metering.intervalSeconds, "metering.interval_seconds")
    keep(metering.cardinalityLimit == next.metering.cardinalityLimit, "metering.cardinality_limit")
    keep(metering.units == next.metering.units, "metering.units")
    keep(isShippingOn == next.isShippingOn && shipping == next.shipping, "shipping")
    keep(logLevel == next.logLevel, "log.level")
    keep(upgradeSocket == next.upgradeSocket, "upgrade_socket")
    keep(
      upgradeTimeoutMilliseconds == next.upgradeTimeoutMilliseconds, "upgrade_timeout_ms")
    keep(watchdogSeconds == next.watchdogSeconds, "watchdog_seconds")
    return faults
  }
}
