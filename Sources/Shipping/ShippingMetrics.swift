/// The figures of shipping for `/metrics`. Counters count since the start of the process.
public struct ShippingMetrics: Sendable, Equatable {
  /// The spool's own figures.
  public var spool = SpoolStatus()
  /// How long the oldest pending batch has waited, in seconds; 0 when there is none.
  public var oldestPendingAgeSeconds: Int64 = 0
  /// Batches that the allocator stored.
  public var delivered: UInt64 = 0
  /// Batches that it had already.
  public var duplicates: UInt64 = 0
  /// Batches that it stored apart, for a person to look at.
  public var quarantined: UInt64 = 0
  /// Batches refused because other bytes are stored under their name. Must be 0.
  public var conflicts: UInt64 = 0
  /// Batches refused for their content. Must be 0.
  public var rejected: UInt64 = 0
  /// Tries that will be repeated, whatever the reason.
  public var retries: UInt64 = 0
  /// Of those, refused for the token.
  public var unauthorized: UInt64 = 0
  /// Batches offered again because the store lost them.
  public var offeredAgain: UInt64 = 0
  /// Names that the allocator misses and the spool does not hold any more. Must be 0.
  public var lost: UInt64 = 0
  /// Wall clock of the last acknowledgement, microseconds since 1970; nil before the first.
  public var lastSuccessMicroseconds: Int64?

  /// Nothing delivered yet.
  public init() {}
}
