public import Digest

/// A batch that arrived, with what the allocator learnt about it before storing.
public struct BatchReceipt: Sendable {
  /// SHA-256 of the bytes as received: two copies of a batch are the same bytes.
  public var digest: Digest256
  /// The bytes as received; kept only when the batch is quarantined or conflicts.
  public var bytes: [UInt8]
  /// When it arrived, microseconds since 1970 UTC.
  public var receivedAtMicroseconds: Int64
  /// Whether the batch must be kept aside whole instead of being counted.
  public var isQuarantined: Bool

  /// A receipt.
  public init(
    digest: Digest256, bytes: [UInt8], receivedAtMicroseconds: Int64, isQuarantined: Bool
  ) {
    self.digest = digest
    self.bytes = bytes
    self.receivedAtMicroseconds = receivedAtMicroseconds
    self.isQuarantined = isQuarantined
  }
}

/// What became of a batch. Each case is durable when it is returned.
public enum IngestDisposition: Sendable, Equatable {
  /// New: name and rows are stored.
  case stored
  /// New, but its period is closed: stored apart and shown as late.
  case late
  /// The same name with the same bytes was stored before; nothing changed.
  case duplicate
  /// Kept whole and not counted.
  case quarantined
  /// One of its names was stored with other bytes; this copy is kept aside and was not counted.
  case conflict(stored: Digest256)
}

/// The answer to one offered batch.
public struct IngestOutcome: Sendable, Equatable {
  /// What became of it.
  public var disposition: IngestDisposition
  /// How many batch names of its instance are stored.
  public var instancePosition: UInt64
  /// Names of the instance that the allocator should have and lacks, at most as many as asked for.
  public var missing: [String]
}
