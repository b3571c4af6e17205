import Glibc
import Logging
import Platform

/// Tells the service manager about the process's life: datagrams to the socket in `NOTIFY_SOCKET` (sd_notify(3)).
///
/// Does nothing without it. Main thread only.
struct ServiceNotifier {
  /// How often the service manager wants to hear that the process is well, nil for not at all.
  let watchdogMicroseconds: UInt64?
  private let path: String?
  private let syscalls: Syscalls
  private let logger: Logger

  /// Reads the environment that the service manager has set.
  init(syscalls: Syscalls, logger: Logger) {
    path = Self.variable("NOTIFY_SOCKET")
    let isForUs = Self.variable("WATCHDOG_PID").map { $0 == "\(getpid())" } ?? true
    watchdogMicroseconds = isForUs ? Self.variable("WATCHDOG_USEC").flatMap(UInt64.init) : nil
    self.syscalls = syscalls
    self.logger = logger
  }

  /// The process serves; `pid` becomes the service's main process.
  func ready() { tell("READY=1\nMAINPID=\(getpid())\nSTATUS=serving") }

  /// A reload begins; `ready` or `reloaded` ends it.
  func reloading() {
    var time = timespec()
    // Safe: clock_gettime fills the struct it is given. The manager compares with its own CLOCK_MONOTONIC.
    _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    let monotonicMicroseconds = time.tv_sec * 1_000_000 + time.tv_nsec / 1_000
    tell("RELOADING=1\nMONOTONIC_USEC=\(monotonicMicroseconds)\nSTATUS=reloading")
  }

  /// A reload has ended, well or not.
  func reloaded(_ status: String) { tell("READY=1\nSTATUS=\(status)") }

  /// The process ends after its drain.
  func stopping() { tell("STOPPING=1\nSTATUS=draining") }

  /// Another process has taken over: its `ready` names it, so this one does not say that the service stops.
  func handedOver(to pid: Int32) { tell("STATUS=process \(pid) has taken over; draining") }

  /// Every worker has turned lately.
  func alive() { tell("WATCHDOG=1") }

  private func tell(_ text: String) {
    guard let path else { return }
    do throws(SystemError) {
      try syscalls.sendDatagram(text, to: path)
    } catch {
      logger.warning(
        "the service manager was not told",
        metadata: ["socket": "\(path)", "error": "\(error)"])
    }
  }

  private static func variable(_ name: String) -> String? {
    // Safe: the string of the environment is copied at once; nothing changes the environment.
    guard let value = unsafe getenv(name) else { return nil }
    return unsafe String(cString: value)
  }
}
