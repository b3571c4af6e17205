internal import Accounting
internal import GRDB
internal import Usage

/// Reads what one proxy reported of a window, and finds the holes in it.
struct CoverageReading {
  /// The snapshot that is read.
  let database: Database
  /// The window.
  let window: CoverageWindow
  /// The proxy.
  let instance: String
  /// Whether the operator expects it.
  let isExpected: Bool

  /// The proxy's coverage.
  func run() throws -> InstanceCoverage {
    var coverage = InstanceCoverage(
      instance: instance, batches: 0, holes: [], volatile: 0, recovered: 0, clockStepped: 0)
    try walk(&coverage)
    coverage.holes += try missingNames()
    return coverage
  }

  private func walk(_ coverage: inout InstanceCoverage) throws {
    let rows = try Row.fetchCursor(
      database,
      sql: """
        SELECT start_us, end_us, flags FROM batch
        WHERE period >= ? AND period <= ? AND instance = ? AND state = 'stored'
          AND start_us >= ? AND start_us < ?
        ORDER BY start_us
        """,
      arguments: [
        Period(containing: window.from).description, Period(containing: window.to).description,
        instance, window.from.microseconds, window.to.microseconds,
      ])
    var reported = try owedFrom()
    while let row = try rows.next() {
      let start: Int64 = row["start_us"]
      let end: Int64 = row["end_us"]
      if coverage.from == nil { coverage.from = UTCInstant(microseconds: start) }
      noteFlags(BatchFlags(rawValue: UInt32(truncatingIfNeeded: row["flags"] as Int64)), &coverage)
      if start - reported > window.toleranceMicroseconds {
        coverage.holes.append(hole(reported, start))
      }
      reported = max(reported, end)
      coverage.to = UTCInstant(microseconds: max(coverage.to?.microseconds ?? .min, end))
      coverage.batches += 1
    }
    let owedTo = min(window.to.microseconds, window.now.microseconds)
    if owedTo - reported > window.toleranceMicroseconds {
      coverage.holes.append(hole(reported, owedTo))
    }
  }

  /// An expected proxy owes the window from its start; a learnt one from its first interval.
  private func owedFrom() throws -> Int64 {
    let first = try Int64.fetchOne(
      database, sql: "SELECT first_interval FROM instance WHERE name = ?", arguments: [instance])
    guard let first, !isExpected else { return window.from.microseconds }
    return max(first, window.from.microseconds)
  }

  private func hole(_ from: Int64, _ to: Int64) -> UncoveredStretch {
    UncoveredStretch(
      from: UTCInstant(microseconds: from), to: UTCInstant(microseconds: to), reason: "no batch")
  }

  private func noteFlags(_ flags: BatchFlags, _ coverage: inout InstanceCoverage) {
    if flags.contains(.volatile) { coverage.volatile += 1 }
    if flags.contains(.recovered) { coverage.recovered += 1 }
    if flags.contains(.clockStepped) { coverage.clockStepped += 1 }
  }

  /// Runs of missing names whose neighbours say that they lie in the window.
  private func missingNames() throws -> [UncoveredStretch] {
    var stretches: [UncoveredStretch] = []
    for stream in try MissingNames.gappedStreams(database, instance: instance) {
      for gap in try MissingNames.gaps(database, stream) {
        let from = try neighbour(stream, "last_sequence = ?", gap.lowerBound - 1, "end_us")
        let to = try neighbour(stream, "first_sequence = ?", gap.upperBound + 1, "start_us")
        let start = from ?? to ?? window.from.microseconds
        let end = to ?? from ?? min(window.to.microseconds, window.now.microseconds)
        guard start < window.to.microseconds, end >= window.from.microseconds else { continue }
        stretches.append(
          UncoveredStretch(
            from: UTCInstant(microseconds: start), to: UTCInstant(microseconds: max(start, end)),
            reason: """
              missing batches \(stream.boot)/\(stream.worker)/\(gap.lowerBound)…\(gap.upperBound)
              """))
      }
    }
    return stretches
  }

  private func neighbour(
    _ stream: MissingNames.Stream, _ condition: String, _ sequence: Int64, _ column: String
  ) throws -> Int64? {
    try Int64.fetchOne(
      database,
      sql: """
        SELECT \(column) FROM batch
        WHERE instance = ? AND boot = ? AND worker = ? AND \(condition)
        """, arguments: [stream.instance, stream.boot, stream.worker, sequence])
  }
}
