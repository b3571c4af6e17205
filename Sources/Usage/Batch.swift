/// What happened to a segment on its way, so that nobody takes a patched interval for a plain one.
public struct BatchFlags: OptionSet, Sendable, Hashable {
  /// Bits of the wire format.
  public let rawValue: UInt32
  /// Flags from the wire.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Counted in memory that a kill would have lost: the segment's file could not be allocated.
  public static let volatile = BatchFlags(rawValue: 1 << 0)
  /// Found after a kill; its open exchanges were ended as crashed.
  public static let recovered = BatchFlags(rawValue: 1 << 1)
  /// The wall clock moved by more than a second against the monotonic one in this interval.
  public static let clockStepped = BatchFlags(rawValue: 1 << 2)
  /// The worker's last segment of this boot.
  public static let final = BatchFlags(rawValue: 1 << 3)
  /// Stands for several names, merged because the spool reached its limit.
  public static let merged = BatchFlags(rawValue: 1 << 4)
}

/// The time a batch covers.
public struct BatchInterval: Equatable, Sendable {
  /// Wall clock at the start, microseconds since 1970 UTC.
  public var startMicroseconds: Int64
  /// Wall clock at the end, exclusive, microseconds since 1970 UTC.
  public var endMicroseconds: Int64
  /// Length by the monotonic clock, which a stepped wall clock cannot change.
  public var lengthNanoseconds: UInt64

  /// An interval; `endMicroseconds` may lie before the start when the clock was stepped back.
  public init(startMicroseconds: Int64, endMicroseconds: Int64, lengthNanoseconds: UInt64) {
    self.startMicroseconds = startMicroseconds
    self.endMicroseconds = endMicroseconds
    self.lengthNanoseconds = lengthNanoseconds
  }
}

/// A name and unit that an operator gave to one of the four `units` quantities.
public struct UnitDeclaration: Equatable, Sendable, Hashable {
  /// For example `tokens`.
  public var name: String
  /// For example `token`.
  public var unit: String

  /// A declaration.
  public init(name: String, unit: String) {
    self.name = name
    self.unit = unit
  }
}

/// The counters of one (tenant, route) in one interval.
///
/// `openStart + requests == sum of ended + openEnd`.
public struct UsageRow: Equatable, Sendable {
  /// Whom the usage belongs to.
  public var tenant: TenantID
  /// Through which configured route it went.
  public var route: RouteName
  /// Indexed by `Quantity.rawValue`, always `Quantity.count` long.
  public var quantities: [UInt64]
  /// Exchanges that were open when the interval began.
  public var openStart: UInt64
  /// Exchanges that were open when it ended.
  public var openEnd: UInt64
  /// One observation of `duration_us` for each exchange that ended.
  public var histogram: SparseHistogram

  /// A row, all zero unless given.
  public init(
    tenant: TenantID, route: RouteName,
    quantities: [UInt64] = Array(repeating: 0, count: Quantity.count),
    openStart: UInt64 = 0, openEnd: UInt64 = 0, histogram: SparseHistogram = .init()
  ) {
    precondition(quantities.count == Quantity.count, "a row has \(Quantity.count) quantities")
    self.tenant = tenant
    self.route = route
    self.quantities = quantities
    self.openStart = openStart
    self.openEnd = openEnd
    self.histogram = histogram
  }

  /// One quantity.
  public subscript(quantity: Quantity) -> UInt64 {
    get { quantities[Int(quantity.rawValue)] }
    set { quantities[Int(quantity.rawValue)] = newValue }
  }
}

/// The totals of one listener in one interval, counted by code of their own: the other side of the
/// conservation law.
public struct ListenerTotals: Equatable, Sendable {
  /// The configured name.
  public var listener: String
  /// Attributed totals, indexed by `Quantity.rawValue`.
  public var quantities: [UInt64]
  /// Traffic that belongs to no request, indexed by `ConnectionQuantity.rawValue`.
  public var connectionQuantities: [UInt64]
  /// Exchanges open at the start.
  public var openStart: UInt64
  /// Exchanges open at the end.
  public var openEnd: UInt64
  /// Observations in all latency histograms.
  public var observations: UInt64

  /// Totals, all zero unless given.
  public init(
    listener: String,
    quantities: [UInt64] = Array(repeating: 0, count: Quantity.count),
    connectionQuantities: [UInt64] = Array(repeating: 0, count: ConnectionQuantity.count),
    openStart: UInt64 = 0, openEnd: UInt64 = 0, observations: UInt64 = 0
  ) {
    precondition(quantities.count == Quantity.count, "a listener has every quantity")
    precondition(
      connectionQuantities.count == ConnectionQuantity.count,
      "a listener has every connection quantity")
    self.listener = listener
    self.quantities = quantities
    self.connectionQuantities = connectionQuantities
    self.openStart = openStart
    self.openEnd = openEnd
    self.observations = observations
  }
}

/// One sealed segment, ready to be shipped and stored exactly once under its name.
public struct Batch: Equatable, Sendable {
  /// The idempotency key.
  public var name: BatchName
  /// The last sequence that a merged batch stands for; equals `name.sequence` otherwise.
  public var lastSequence: UInt64
  /// What the batch covers.
  public var interval: BatchInterval
  /// What happened to it.
  public var flags: BatchFlags
  /// In a boot's first batch of each worker: the boot before it and its last sequences, so that a hole
  /// at the end of a boot is seen.
  public var predecessor: Predecessor?
  /// Declarations of `units_0` … `units_3`, at most four.
  public var units: [UnitDeclaration]
  /// Listener totals, in the order of the configuration.
  public var listeners: [ListenerTotals]
  /// Rows in ascending order of (tenant, route) as bytes.
  public var rows: [UsageRow]

  /// The boot before this one.
  public struct Predecessor: Equatable, Sendable {
    /// Its id.
    public var boot: BootID
    /// The last sequence of each of its workers, indexed by worker.
    public var lastSequences: [UInt64]

    /// A predecessor.
    public init(boot: BootID, lastSequences: [UInt64]) {
      self.boot = boot
      self.lastSequences = lastSequences
    }
  }

  /// A batch; not yet validated (`BatchCodec` does that on both ways).
  public init(
    name: BatchName, lastSequence: UInt64? = nil, interval: BatchInterval, flags: BatchFlags = [],
    predecessor: Predecessor? = nil, units: [UnitDeclaration] = [], listeners: [ListenerTotals],
    rows: [UsageRow]
  ) {
    self.name = name
    self.lastSequence = lastSequence ?? name.sequence
    self.interval = interval
    self.flags = flags
    self.predecessor = predecessor
    self.units = units
    self.listeners = listeners
    self.rows = rows
  }
}
