public import Usage

/// What a meter counts for, and where its segments live.
public struct MeteringConfiguration: Sendable, Equatable {
  /// Name of this proxy in all batches; nil for one that is made once and kept in `sealedDirectory`.
  public var instance: String?
  /// Worker threads; each has a meter of its own.
  public var workers: Int
  /// Length of an interval, a divisor of 3600 up to 60. Intervals are cut at multiples of it in UTC, so an
  /// hour never shares one.
  public var intervalSeconds: Int
  /// Where active segments live: a file system in memory, so that no store waits for a disk.
  public var activeDirectory: String
  /// Where sealed segments live until they are removed: a disk.
  public var sealedDirectory: String
  /// Most (tenant, route) pairs of an interval, shared equally by the workers.
  public var cardinalityLimit: Int
  /// Configured routes; the index is the `route` argument of `Meter.row`. `~none` follows as the last.
  public var routes: [RouteName]
  /// Configured listeners; the index is the `listener` argument of `Meter.record`.
  public var listeners: [String]
  /// Names of `units_0` … `units_3`.
  public var units: [UnitDeclaration]

  /// A configuration, with these defaults: intervals of 10 s (an hour's figures are then late by 10 s at
  /// most, and a loss of power costs at most that), active segments in `/dev/shm/weir`, and 1,000,000
  /// tenants x routes, about 450 MB if they were all active at once.
  public init(
    instance: String? = nil, workers: Int, intervalSeconds: Int = 10,
    activeDirectory: String = "/dev/shm/weir", sealedDirectory: String,
    cardinalityLimit: Int = 1_000_000, routes: [RouteName], listeners: [String],
    units: [UnitDeclaration] = []
  ) {
    self.instance = instance
    self.workers = workers
    self.intervalSeconds = intervalSeconds
    self.activeDirectory = activeDirectory
    self.sealedDirectory = sealedDirectory
    self.cardinalityLimit = cardinalityLimit
    self.routes = routes
    self.listeners = listeners
    self.units = units
  }

  /// Index of `~none`, the route of requests that matched no route. Routes that come later stand behind it.
  public var noneRoute: Int { routes.count }

  /// All faults, each with its key; empty when the configuration can be used.
  public func faults() -> [String] {
    var faults: [String] = []
    func require(_ holds: Bool, _ fault: String) { if !holds { faults.append(fault) } }
    if let instance {
      require(
        RouteName(instance) != nil,
        "instance: 1 to 64 of A-Z a-z 0-9 . _ -, the first a letter or digit")
    }
    require((1...1024).contains(workers), "workers: 1 to 1024")
    require(
      (1...60).contains(intervalSeconds) && 3600 % max(1, intervalSeconds) == 0,
      "intervalSeconds: 1 to 60, a divisor of 3600")
    require(activeDirectory.hasPrefix("/"), "activeDirectory: an absolute path")
    require(sealedDirectory.hasPrefix("/"), "sealedDirectory: an absolute path")
    require(activeDirectory != sealedDirectory, "activeDirectory: not the sealed directory")
    require((1...16_777_216).contains(cardinalityLimit), "cardinalityLimit: 1 to 16777216")
    faults += Self.faults(listeners: listeners, routes: routes)
    require(units.count <= 4, "units: at most 4")
    require(
      units.allSatisfy { Self.isLabel($0.name) && Self.isLabel($0.unit) },
      "units: 1 to 64 printable ASCII characters")
    require(Set(units.map(\.name)).count == units.count, "units: a name stands twice")
    return faults
  }

  /// What is wrong with tables of names, those of the start or grown ones.
  static func faults(listeners: [String], routes: [RouteName]) -> [String] {
    var faults: [String] = []
    func require(_ holds: Bool, _ fault: String) { if !holds { faults.append(fault) } }
    require(routes.count < 65_535, "routes: at most 65534")
    require(Set(routes).count == routes.count, "routes: a name stands twice")
    require(!routes.contains(.none), "routes: ~none is added by itself")
    require((1...4096).contains(listeners.count), "listeners: 1 to 4096")
    require(Set(listeners).count == listeners.count, "listeners: a name stands twice")
    require(listeners.allSatisfy(isLabel), "listeners: 1 to 64 printable ASCII characters")
    return faults
  }

  private static func isLabel(_ text: String) -> Bool {
    (1...64).contains(text.utf8.count) && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
  }
}
