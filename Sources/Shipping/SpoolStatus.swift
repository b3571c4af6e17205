/// The spool's figures at one moment.
public struct SpoolStatus: Sendable, Equatable {
  /// Batches that the allocator has not acknowledged.
  public var pendingBatches = 0
  /// Their bytes.
  public var pendingBytes = 0
  /// Since when the oldest of them waits: seconds since 1970, nil when there is none.
  public var oldestPendingSeconds: Int64?
  /// Batches kept after their acknowledgement.
  public var acknowledgedBatches = 0
  /// Their bytes.
  public var acknowledgedBytes = 0
  /// Batches in `conflict/` and `rejected/`.
  public var setAsideBatches = 0
  /// How often two batches were made one since the start.
  public var mergedBatches: UInt64 = 0
  /// Whether pending batches take more than the limit although all were merged that may be.
  public var isOverLimit = false
  /// Acknowledged batches removed before their time, for their bytes, since the start.
  public var acknowledgedRemovedEarly: UInt64 = 0
  /// Pending batches whose file could not be read.
  public var unreadableBatches = 0
}
