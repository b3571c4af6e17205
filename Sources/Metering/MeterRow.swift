/// Where the counters of a (tenant, route) stand: a position in one segment.
///
/// Good for that segment only. At a hand-over `Meter.carryOver` exchanges it for its successor's; one kept
/// from before is refused by a precondition.
public struct MeterRow: Sendable, Equatable {
  /// Position of the row in the segment, in units of 64 bytes.
  let unit: UInt32
  /// The segment's sequence, truncated: enough to tell it from its neighbours.
  let generation: UInt32

  /// Offset of the row in the segment, in bytes.
  @inline(__always)
  var offset: Int { Int(unit) << 6 }
}

/// The tenants that no client can claim.
public enum ReservedTenant: Int, CaseIterable, Sendable {
  /// No rule yielded an id.
  case unattributed = 0
  /// An id was presented and failed validation or verification.
  case invalid = 1
  /// The cardinality limit of the interval was reached.
  case overflow = 2
}
