public import Accounting
internal import Foundation
internal import GRDB
internal import Usage

/// Which proxies are known, what they reported, and what is missing.
public struct CoverageStore: Sendable {
  /// The database.
  let engine: Engine

  /// All proxies that ever reported, and the expected ones that never did.
  ///
  /// `silenceMicroseconds`: how long after its last batch a proxy counts as silent.
  public func instances(
    expected: [String], now: UTCInstant, silenceMicroseconds: Int64
  ) async throws(StoreError) -> [KnownInstance] {
    try await engine.read("reading instances") { database in
      var missing: [String: UInt64] = [:]
      for stream in try MissingNames.gappedStreams(database, instance: nil) {
        for gap in try MissingNames.gaps(database, stream) {
          missing[stream.instance, default: 0] += UInt64(gap.upperBound - gap.lowerBound) + 1
        }
      }
      var known = try Row.fetchAll(database, sql: "SELECT * FROM instance").map { row in
        let last: Int64 = row["last_received"]
        return KnownInstance(
          name: row["name"], lastReceived: UTCInstant(microseconds: last),
          lastInterval: UTCInstant(microseconds: row["last_interval"]),
          namesStored: try Counter.value(row["names_stored"], "instance"),
          namesMissing: missing[row["name"], default: 0],
          isSilent: now.microseconds - last > silenceMicroseconds)
      }
      let names = Set(known.map(\.name))
      known += Set(expected).subtracting(names).map { name in
        KnownInstance(
          name: name, lastReceived: nil, lastInterval: nil, namesStored: 0, namesMissing: 0,
          isSilent: true)
      }
      return known.sorted { $0.name < $1.name }
    }
  }

  /// What each proxy reported of a window.
  ///
  /// A proxy owes the window from its first interval ever (an expected one from the window's start)
  /// to the window's end or `now`, whichever is earlier. A stretch longer than
  /// `toleranceMicroseconds` without a batch is a hole; so is every run of missing names.
  public func coverage(
    of window: CoverageWindow, expected: [String]
  ) async throws(StoreError) -> [InstanceCoverage] {
    try await engine.read("reading coverage") { database in
      var names = Set(expected)
      names.formUnion(
        try String.fetchAll(
          database, sql: "SELECT name FROM instance WHERE first_interval < ?",
          arguments: [window.to.microseconds]))
      return try names.sorted().map { name in
        try CoverageReading(
          database: database, window: window, instance: name, isExpected: expected.contains(name)
        ).run()
      }
    }
  }
}

/// A window of time whose coverage is asked for.
public struct CoverageWindow: Sendable, Equatable {
  /// Its beginning.
  public var from: UTCInstant
  /// Its end, exclusive.
  public var to: UTCInstant
  /// The present; what lies after it is not owed yet.
  public var now: UTCInstant
  /// The longest stretch without a batch that is no hole.
  public var toleranceMicroseconds: Int64

  /// A window.
  public init(
    from: UTCInstant, to: UTCInstant, now: UTCInstant, toleranceMicroseconds: Int64
  ) {
    self.from = from
    self.to = to
    self.now = now
    self.toleranceMicroseconds = toleranceMicroseconds
  }
}
