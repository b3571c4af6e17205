import Platform
import Synchronization

extension ProxyServer {
  /// Starts to look at memory and descriptors and to hand notices about tenants on, until `join`. Call once.
  ///
  /// `descriptorsMax` is the limit that `Syscalls.raiseDescriptorLimit` told. `report` runs on a thread of its own.
  public func startMonitor(
    descriptorsMax: Int, report: @escaping @Sendable (EnforcementEvent) -> Void
  ) throws(ProxyError) {
    let count = DescriptorCount(
      exactly: { [syscalls] in syscalls.openDescriptors() },
      listing: { [syscalls] in syscalls.listedDescriptors() })
    try startMonitor(descriptorsMax: descriptorsMax, count, report: report)
  }

  /// The same with another count, for tests.
  func startMonitor(
    descriptorsMax: Int, _ count: DescriptorCount,
    report: @escaping @Sendable (EnforcementEvent) -> Void
  ) throws(ProxyError) {
    let groupMax = syscalls.controlGroupMemoryBytesMax() ?? 0
    do throws(SystemError) {
      let monitor = try OverloadMonitor(
        tables.configuration.overload, enforcement, syscalls: syscalls,
        read: { [syscalls, counters] overload in
          let memoryMax = overload.memoryBytesMax > 0 ? overload.memoryBytesMax : groupMax
          var reading = OverloadReading()
          if memoryMax > 0 { reading.memoryBytes = syscalls.residentBytes() }
          reading.memoryBytesMax = memoryMax
          reading.descriptors = count.look(
            connections: counters.reduce(0) { $0 + Self.descriptors($1) })
          reading.descriptorsMax = descriptorsMax
          return reading
        }, report: report)
      try monitor.start()
      self.monitor.withLock { $0 = monitor }
    } catch {
      throw .system(error)
    }
  }

  /// Descriptors of a worker's connections and of its pipes in use, two each.
  private static func descriptors(_ counters: WorkerCounters) -> Int {
    Int(
      counters.value(of: .downstreamConnections) &+ counters.value(of: .upstreamConnections)
        &+ 2 &* counters.value(of: .lentPipes))
  }

  /// Descriptors that were open at the monitor's last look, and how many may be; 0 for unknown.
  public var descriptors: (open: Int, max: Int) { enforcement.overload.descriptors }

  /// The level of overload now: 0 none, 1 connections end, 2 low priority is refused, 3 nothing is accepted.
  public var overloadLevel: Int { enforcement.overload.level.rawValue }
}
