/// Everything in a batch but its rows: small, whatever the number of tenants.
public struct BatchHead: Equatable, Sendable {
  /// The idempotency key.
  public var name: BatchName
  /// The last sequence that a merged batch stands for; equals `name.sequence` otherwise.
  public var lastSequence: UInt64
  /// What the batch covers.
  public var interval: BatchInterval
  /// What happened to it.
  public var flags: BatchFlags
  /// The boot before this one, in a worker's first batch of a boot.
  public var predecessor: Batch.Predecessor?
  /// Declarations of `units_0` … `units_3`, at most four.
  public var units: [UnitDeclaration]
  /// Listener totals, in the order of the configuration.
  public var listeners: [ListenerTotals]

  /// A head; not yet validated.
  public init(
    name: BatchName, lastSequence: UInt64? = nil, interval: BatchInterval, flags: BatchFlags = [],
    predecessor: Batch.Predecessor? = nil, units: [UnitDeclaration] = [],
    listeners: [ListenerTotals]
  ) {
    self.name = name
    self.lastSequence = lastSequence ?? name.sequence
    self.interval = interval
    self.flags = flags
    self.predecessor = predecessor
    self.units = units
    self.listeners = listeners
  }
}

extension Batch {
  /// The batch without its rows.
  public var head: BatchHead {
    BatchHead(
      name: name, lastSequence: lastSequence, interval: interval, flags: flags,
      predecessor: predecessor, units: units, listeners: listeners)
  }

  /// A batch of a head and its rows.
  public init(head: BatchHead, rows: [UsageRow]) {
    self.init(
      name: head.name, lastSequence: head.lastSequence, interval: head.interval,
      flags: head.flags, predecessor: head.predecessor, units: head.units,
      listeners: head.listeners, rows: rows)
  }
}
