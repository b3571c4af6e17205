public import Usage

/// Figures about the meter itself, for `/metrics`.
public struct MeteringMetrics: Sendable, Equatable {
  /// Segments handed to the receiver since the start, recovered ones included.
  public var sealedSegments: UInt64 = 0
  /// Of those, segments of former processes that were killed.
  public var recoveredSegments: UInt64 = 0
  /// Of those, segments that a kill would have lost while they were active.
  public var volatileSegments: UInt64 = 0
  /// Sealed segments that could not be made durable before delivery.
  public var sealFailures: UInt64 = 0
  /// Files that could not be allocated or extended.
  public var allocationFailures: UInt64 = 0
  /// Requests for a row that were answered with `~overflow`.
  public var overflowedLookups: UInt64 = 0
  /// Latency observations that found no memory in their own row.
  public var displacedObservations: UInt64 = 0
  /// Workers that missed two intervals and have not come back.
  public var lateWorkers: Int = 0
  /// Sum over sealed segments of |sum of rows - listeners' total|, by quantity; the last three are
  /// open exchanges at the start, at the end, and latency observations. Every one must be 0.
  public var conservationDifferences = [UInt64](repeating: 0, count: Quantity.count + 3)
  /// Totals since the start of each listener, those of the active segments included.
  public var listeners: [ListenerTotals] = []

  /// Nothing counted yet.
  public init() {}

  /// The sum of `conservationDifferences`.
  public var conservationDifference: UInt64 { conservationDifferences.reduce(0, &+) }

  /// Exchanges open now.
  public var openExchanges: UInt64 { listeners.reduce(0) { $0 &+ $1.openEnd } }
}
