public import Accounting

/// A stretch of time that a proxy should have reported and did not.
public struct UncoveredStretch: Sendable, Equatable {
  /// Its beginning.
  public var from: UTCInstant
  /// Its end, exclusive.
  public var to: UTCInstant
  /// Why it is thought to be missing.
  public var reason: String
}

/// What is known about one proxy in one window.
public struct InstanceCoverage: Sendable, Equatable {
  /// The proxy.
  public var instance: String
  /// Its batches that count in the window.
  public var batches: UInt64
  /// Start of the earliest, or nil.
  public var from: UTCInstant?
  /// End of the latest, or nil.
  public var to: UTCInstant?
  /// Time without any report.
  public var holes: [UncoveredStretch]
  /// Batches counted in memory that a kill would have lost.
  public var volatile: UInt64
  /// Batches recovered after a kill.
  public var recovered: UInt64
  /// Batches in which the wall clock was stepped.
  public var clockStepped: UInt64
}

/// A known proxy and when it was last heard of.
public struct KnownInstance: Sendable, Equatable {
  /// Its name.
  public var name: String
  /// When its latest batch arrived; nil for one that is expected and never came.
  public var lastReceived: UTCInstant?
  /// End of the latest interval that it reported.
  public var lastInterval: UTCInstant?
  /// How many batch names of it are stored.
  public var namesStored: UInt64
  /// How many names it should have sent and the store lacks.
  public var namesMissing: UInt64
  /// Whether it has been silent for longer than allowed.
  public var isSilent: Bool
}
