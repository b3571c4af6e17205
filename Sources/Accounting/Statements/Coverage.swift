/// Which proxies and intervals the usage of a period is made of, and which are missing.
public struct Coverage: Hashable, Sendable {
  /// The proxies, in byte order of their names.
  public let proxies: [ProxyCoverage]

  /// A coverage.
  public init(_ proxies: [ProxyCoverage]) {
    self.proxies = proxies.sorted { KeyOrder.precedes($0.instance, $1.instance) }
  }

  /// Bound: a statement lists so many holes of a proxy and tells the number of the others, which stand in the
  /// period's summary.
  public static let holesListedMax = 100

  /// The coverage as each statement shows it.
  var ofStatement: Coverage {
    Coverage(
      proxies.map { proxy in
        ProxyCoverage(
          instance: proxy.instance, batches: proxy.batches, from: proxy.from, to: proxy.to,
          holes: Array(proxy.holes.prefix(Self.holesListedMax)),
          furtherHoles: max(0, proxy.holes.count - Self.holesListedMax))
      })
  }

  /// Whether no hole is known.
  public var isComplete: Bool { proxies.allSatisfy(\.holes.isEmpty) }
}

/// What came from one proxy.
public struct ProxyCoverage: Hashable, Sendable {
  /// The proxy's instance name.
  public let instance: String
  /// How many batches of the period were stored.
  public let batches: UInt64
  /// Start of the first interval; `nil` when nothing came.
  public let from: UTCInstant?
  /// End of the last interval; `nil` when nothing came.
  public let to: UTCInstant?
  /// The times for which something is missing, in order.
  public let holes: [CoverageHole]
  /// How many more there are that are not listed here.
  public let furtherHoles: Int

  /// The coverage of one proxy.
  public init(
    instance: String, batches: UInt64, from: UTCInstant?, to: UTCInstant?,
    holes: [CoverageHole], furtherHoles: Int = 0
  ) {
    self.instance = instance
    self.batches = batches
    self.from = from
    self.to = to
    self.holes = holes.sorted { ($0.from, $0.to) < ($1.from, $1.to) }
    self.furtherHoles = furtherHoles
  }
}

/// A time for which usage is missing.
public struct CoverageHole: Hashable, Sendable {
  /// Its start.
  public let from: UTCInstant
  /// Its end.
  public let to: UTCInstant
  /// What is known about it, for example `missing batches 17..19 of worker 1`.
  public let reason: String

  /// A hole.
  public init(from: UTCInstant, to: UTCInstant, reason: String) {
    self.from = from
    self.to = to
    self.reason = reason
  }
}
